import { managedDocument } from '../managed/schema.ts';
import type { AnyDocument } from '../managed/types.ts';
import { clusterDocument } from './schema.ts';

/** A document of an earlier build with the defaults of this one, so that only what people changed differs. */
export function withDefaults<Document extends AnyDocument>(document: Document): Document {
  const parsed = (document.kind === 'ManagedCluster' ? managedDocument : clusterDocument).safeParse(document);
  return parsed.success ? (parsed.data as Document) : document;
}
