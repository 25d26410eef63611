import type { Turn } from '#domain/queue.ts';
import type { Operation, RequestRecord } from '#domain/record.ts';
import type { Store } from './store.ts';

/**
 * Writes what became of queued requests into their rows, and an event for each that was refused. Called before the head
 * changes: a request that is in no queue any more always has its answer, also after a crash between the two.
 */
export async function reportTurns(
  { requests, events }: Store,
  cluster: string,
  { id }: Operation,
  at: string,
  turns: readonly Turn[],
): Promise<void> {
  for (const { requestId, operationId, unchanged, error } of turns) {
    const known = await requests.get(requestId);
    if (known === undefined) continue;
    const outcome: RequestRecord['outcome'] =
      error !== undefined ? 'refused' : unchanged === true ? 'unchanged' : 'accepted';
    const { operationId: _operation, error: _error, ...rest } = known;
    await requests.put({
      ...rest,
      outcome,
      ...(operationId === undefined ? {} : { operationId }),
      ...(error === undefined ? {} : { error }),
    });
    if (error === undefined) continue;
    await events.append(cluster, {
      type: 'request.refused',
      sentence: `queued request ${requestId}: ${error.message}`,
      error,
      id: `${id}/queue/${requestId}`,
      at,
      operationId: id,
      step: 'finish',
    });
  }
}
