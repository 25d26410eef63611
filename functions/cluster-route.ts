import type { HttpRequest } from '@azure/functions';
import { CapstanFailure } from '#domain/errors/error.ts';
import { parseClusterText, requestError } from '#domain/spec/parse.ts';
import { clusterName } from '#domain/spec/schema.ts';
import type { AnyDocument } from '#domain/managed/types.ts';
import { bodyText } from './http.ts';

/** The failure that `guarded` answers with 404. */
export function noCluster(name: string): CapstanFailure {
  return new CapstanFailure({ code: 'CAP-1013', message: `There is no cluster ${name}` });
}

/**
 * The `{name}` of a cluster's address. Names that cannot be a cluster's never reach a query.
 *
 * @throws CapstanFailure CAP-1013
 */
export function nameInRoute(request: HttpRequest): string {
  const name = request.params['name'] ?? '';
  if (!clusterName.safeParse(name).success) throw noCluster(name);
  return name;
}

/**
 * The cluster document in the body, which must have the name that the address says.
 *
 * @throws CapstanFailure with every problem of the document, CAP-1001 when the names differ
 */
export async function documentInBody(request: HttpRequest): Promise<AnyDocument> {
  const parsed = parseClusterText(await bodyText(request));
  if ('error' in parsed) throw new CapstanFailure(parsed.error);
  const name = request.params['name'] ?? '';
  if (parsed.document.metadata.name !== name) {
    const message = `is ${parsed.document.metadata.name}, but the address says ${name}`;
    throw new CapstanFailure(requestError([{ path: 'metadata.name', message, code: 'CAP-1001' }]));
  }
  return parsed.document;
}
