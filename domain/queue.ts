import { decideApply, deleteHead } from './decide.ts';
import type { CapstanError } from './errors/error.ts';
import type { AnyDocument } from './managed/types.ts';
import type { ClusterHead } from './record.ts';

/** What became of a queued request when its turn came. */
export interface Turn {
  readonly requestId: string;
  readonly operationId?: string;
  readonly unchanged?: boolean;
  readonly error?: CapstanError;
}

/** A head after its operation has ended, and what became of the requests that waited for that. */
export interface Succession {
  readonly head: ClusterHead;
  readonly turns: readonly Turn[];
}

/**
 * What follows an operation that has ended: the deletion that somebody asked for meanwhile, or the next queued request.
 * A request that has become pointless or impossible is passed over. The sweep timer starts what is recorded here.
 *
 * @param ended the head with its operation finished
 * @param load reads a document by its SHA-256
 */
export async function succession(
  ended: ClusterHead,
  now: string,
  load: (sha: string) => Promise<AnyDocument>,
): Promise<Succession> {
  const { queue = [], ...rest } = ended;
  const { kind, cancel, id } = ended.operation;
  if (kind === 'delete')
    return { head: ended, turns: ended.phase === 'Deleted' ? queue.map((one) => gone(one.requestId, ended)) : [] };
  if (cancel === 'delete')
    return { head: deleteHead(ended, `after-${id}`, now), turns: queue.map((one) => gone(one.requestId, ended)) };
  const turns: Turn[] = [];
  for (const [index, { requestId, documentSha }] of queue.entries()) {
    const application = { requestId, documentSha, document: await load(documentSha), now, newUid: ended.uid };
    const ready = ended.readySha === undefined ? undefined : await load(ended.readySha);
    const decision = decideApply(application, rest, await load(ended.documentSha), ready);
    if (decision.kind === 'write') {
      turns.push({ requestId, operationId: decision.head.operation.id });
      const left = queue.slice(index + 1);
      return { head: left.length === 0 ? decision.head : { ...decision.head, queue: left }, turns };
    }
    if (decision.kind === 'refuse') turns.push({ requestId, error: decision.error });
    else turns.push({ requestId, unchanged: true, operationId: id });
  }
  return { head: rest, turns };
}

/** A queued request that cannot have its turn any more. */
function gone(requestId: string, { name }: ClusterHead): Turn {
  const error: CapstanError = {
    code: 'CAP-1024',
    message: `Cluster ${name} was deleted before the request had its turn`,
    remedy: 'Send it again under a new requestId to build the cluster anew.',
  };
  return { requestId, error };
}
