import { decideDelete } from '#domain/decide.ts';
import type { RequestRecord } from '#domain/record.ts';
import { canonicalJson, sha256 } from '#store/documents.ts';
import type { ServiceDependencies } from './dependencies.ts';
import { startRecorded } from './start.ts';

/**
 * Records a deletion and starts it. Repeating it, by the same request id or another, is the same operation. While
 * something else runs, that is asked to stop and the deletion follows.
 */
export async function deleteClusterByName(
  dependencies: ServiceDependencies,
  requestId: string,
  name: string,
): Promise<RequestRecord> {
  const { store } = dependencies;
  const record: RequestRecord = {
    requestId,
    cluster: name,
    operation: 'delete',
    contentSha: sha256(canonicalJson({ operation: 'delete', name })),
    receivedAt: new Date().toISOString(),
    outcome: 'pending',
  };
  const known = (await store.requests.insert(record)) ? undefined : await store.requests.get(requestId);
  if (known !== undefined && known.contentSha !== record.contentSha) {
    const error = {
      code: 'CAP-1020' as const,
      message: `The request id ${requestId} was used before for another request`,
      where: 'requestId',
    };
    return { ...record, outcome: 'refused', error };
  }
  const result = known === undefined || known.outcome === 'pending' ? await decide(dependencies, record) : known;
  await startRecorded(dependencies, name);
  await store.requests.put(result);
  return result;
}

async function decide({ store }: ServiceDependencies, record: RequestRecord): Promise<RequestRecord> {
  for (let attempt = 0; attempt < 10; attempt++) {
    const row = await store.clusters.head(record.cluster);
    const decision = decideDelete(record.cluster, record.requestId, new Date().toISOString(), row?.value);
    if (decision.kind === 'refuse') return { ...record, outcome: 'refused', error: decision.error };
    if (decision.kind === 'same' || row === undefined)
      return {
        ...record,
        outcome: 'accepted',
        ...(decision.kind === 'same' ? { operationId: decision.operationId } : {}),
      };
    if (await store.clusters.replaceHead(decision.head, row.etag))
      return { ...record, outcome: 'accepted', operationId: decision.operationId };
  }
  throw new Error(`the record of cluster ${record.cluster} is changed by others all the time`);
}
