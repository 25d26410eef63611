import { decideAction } from '#domain/decide.ts';
import { CapstanFailure } from '#domain/errors/error.ts';
import type { RequestRecord } from '#domain/record.ts';
import { canonicalJson, sha256 } from '#store/documents.ts';
import type { ServiceDependencies } from './dependencies.ts';
import { startRecorded } from './start.ts';

/**
 * Records an action on a running cluster as its next operation and starts it: new certificates by new control-plane
 * machines, or a repair that brings about what the document says. Repeating it by the same request id is the same
 * operation.
 *
 * @throws CapstanFailure CAP-1013 when there is no such cluster, CAP-1020 when the request id was used otherwise
 */
export async function startAction(
  dependencies: ServiceDependencies,
  requestId: string,
  name: string,
  kind: 'renew' | 'repair',
): Promise<RequestRecord> {
  const { store } = dependencies;
  const now = new Date().toISOString();
  const contentSha = sha256(canonicalJson({ operation: kind, name }));
  const record: RequestRecord = {
    requestId,
    cluster: name,
    operation: kind,
    contentSha,
    receivedAt: now,
    outcome: 'pending',
  };
  const known = (await store.requests.insert(record)) ? undefined : await store.requests.get(requestId);
  if (known !== undefined && known.contentSha !== contentSha)
    throw new CapstanFailure({
      code: 'CAP-1020',
      message: `The request id ${requestId} was used before for another request`,
      where: 'requestId',
    });
  const result = known === undefined || known.outcome === 'pending' ? await decide(dependencies, record, kind) : known;
  await startRecorded(dependencies, name);
  await store.requests.put(result);
  return result;
}

async function decide(
  { store }: ServiceDependencies,
  record: RequestRecord,
  kind: 'renew' | 'repair',
): Promise<RequestRecord> {
  for (let attempt = 0; attempt < 10; attempt++) {
    const row = await store.clusters.head(record.cluster);
    if (row === undefined)
      throw new CapstanFailure({ code: 'CAP-1013', message: `There is no cluster ${record.cluster}` });
    const decision = decideAction(kind, record.requestId, record.receivedAt, row.value);
    if (decision.kind === 'refuse') return { ...record, outcome: 'refused', error: decision.error };
    if (decision.kind === 'same') return { ...record, outcome: 'accepted', operationId: decision.operationId };
    if (await store.clusters.replaceHead(decision.head, row.etag))
      return { ...record, outcome: 'accepted', operationId: decision.head.operation.id };
  }
  throw new Error(`the record of cluster ${record.cluster} is changed by others all the time`);
}
