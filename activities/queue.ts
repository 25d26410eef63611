import { decideApply } from '#domain/decide.ts';
import type { CapstanError } from '#domain/errors/error.ts';
import type { ClusterHead, RequestRecord } from '#domain/record.ts';
import { withDefaults } from '#domain/spec/defaults.ts';
import type { AnyDocument } from '#domain/managed/types.ts';
import type { ActivityInput } from './contract.ts';
import { recordEvent } from './progress.ts';
import type { Work } from './runtime.ts';

/** What became of a queued request when its turn came. */
export interface Turn {
  readonly requestId: string;
  readonly operationId?: string;
  readonly unchanged?: boolean;
  readonly error?: CapstanError;
}

/**
 * The head with the next queued request as its operation. A request that has become pointless or impossible is passed
 * over; `turns` collects what became of each. The sweep timer starts what is recorded here.
 */
export async function nextInQueue(work: Work, head: ClusterHead, now: string, turns: Turn[]): Promise<ClusterHead> {
  const { queue = [], ...rest } = head;
  const load = async (sha: string) => withDefaults(await work.store.documents.getContent<AnyDocument>(sha));
  for (const [index, { requestId, documentSha }] of queue.entries()) {
    const application = { requestId, documentSha, document: await load(documentSha), now, newUid: head.uid };
    const ready = head.readySha === undefined ? undefined : await load(head.readySha);
    const decision = decideApply(application, rest, await load(head.documentSha), ready);
    if (decision.kind === 'write') {
      turns.push({ requestId, operationId: decision.head.operation.id });
      const left = queue.slice(index + 1);
      return left.length === 0 ? decision.head : { ...decision.head, queue: left };
    }
    if (decision.kind === 'refuse') turns.push({ requestId, error: decision.error });
    else turns.push({ requestId, unchanged: true, operationId: head.operation.id });
  }
  return rest;
}

/** Why a queued request cannot have its turn any more. */
export function gone(name: string): CapstanError {
  return {
    code: 'CAP-1024',
    message: `Cluster ${name} was deleted before the request had its turn`,
    remedy: 'Send it again under a new requestId to build the cluster anew.',
  };
}

/** Writes the outcomes into the requests, and an event for each that was refused. */
export async function reportTurns(work: Work, input: ActivityInput, turns: readonly Turn[]): Promise<void> {
  for (const { requestId, operationId, unchanged, error } of turns) {
    const known = await work.store.requests.get(requestId);
    if (known === undefined) continue;
    const outcome: RequestRecord['outcome'] =
      error !== undefined ? 'refused' : unchanged === true ? 'unchanged' : 'accepted';
    await work.store.requests.put({
      ...known,
      outcome,
      ...(operationId === undefined ? {} : { operationId }),
      ...(error === undefined ? {} : { error }),
    });
    if (error === undefined) continue;
    await recordEvent(work.store, input, `queue/${requestId}`, {
      type: 'request.refused',
      sentence: `queued request ${requestId}: ${error.message}`,
      error,
    });
  }
}
