import { clusterDocument } from './schema.ts';
import type { ClusterDocument } from './types.ts';

/** A document of an earlier build with the defaults of this one, so that only what people changed differs. */
export function withDefaults(document: ClusterDocument): ClusterDocument {
  const parsed = clusterDocument.safeParse(document);
  return parsed.success ? parsed.data : document;
}
