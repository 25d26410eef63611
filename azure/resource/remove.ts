import { call } from '../clients/capture.ts';
import type { Clients, Connection } from '../clients/clients.ts';
import { classify } from '../errors/classify.ts';
import type { AzureFailure } from '../errors/failure.ts';
import type { RemoveDone, RemoveOutcome, RemoveRequest } from '../types.ts';
import { type ArmId, parseArmId } from './arm-id.ts';
import { leaveShared } from './join.ts';
import type { KindDefinition } from './kind.ts';
import { startOrPoll } from './operation.ts';
import { isOurs, usersOf } from './ownership.ts';
import { decodePoller, encodePoller, type PollerState } from './poller.ts';

/** What of a kind a removal needs: no plan. */
type Removable<Body> = Pick<
  KindDefinition<Body>,
  'title' | 'ownership' | 'family' | 'pollSeconds' | 'describe' | 'read' | 'erase'
>;

interface Work<Body> {
  readonly definition: Removable<Body>;
  readonly clients: Clients;
  readonly id: ArmId;
  readonly cluster: string;
  readonly state: PollerState;
}

/** One step of deleting a resource. What is not ours, or is still used by other clusters, is kept and said so. */
export async function removeKind<Body>(
  connection: Connection,
  definition: Removable<Body>,
  request: RemoveRequest,
): Promise<RemoveOutcome> {
  const id = parseArmId(request.id);
  const clients = connection.clients(id.subscriptionId);
  const work = { definition, clients, id, cluster: request.clusterName, state: decodePoller(request.poller) };
  const { operation } = work.state;
  if (operation !== undefined) {
    const step = await startOrPoll<unknown>({ clients, family: definition.family, operation });
    if (step.kind === 'running')
      return wait(work, step.retryAfter, { ...work.state, attempt: 0, operation: step.operation });
    if (step.kind === 'unreachable') return judge(work, step.failure, { operation });
    if (step.kind === 'failed' && step.failure.status !== 404) return judge(work, step.failure, {});
  }
  return readAndErase(work);
}

async function readAndErase<Body>(work: Work<Body>): Promise<RemoveOutcome> {
  const { definition, clients, id, cluster, state } = work;
  const read = await call(() => definition.read(clients, id));
  if (!read.ok) {
    if (read.failure.status !== 404) return judge(work, read.failure, {});
    if (state.verb === 'deleted') return finished(work, 'deleted');
    // A read may be stale. What carries no tag is in no list that would find it again: deleting what is absent does no
    // harm. Of the rest a second look decides, so that nothing is deleted that is not ours.
    if (definition.ownership === 'parent') return erase(work);
    if (state.attempt > 0) return finished(work, 'absent');
    return wait(work, secondLookSeconds, { ...state, attempt: 1 });
  }
  const described = definition.describe(read.value);
  if (/^deleting$/i.test(described.provisioningState ?? ''))
    return wait(work, 5, { ...state, attempt: 0, verb: 'deleted' });
  if (!isOurs(definition.ownership, described.tags, cluster))
    return finished(work, 'kept', 'it does not carry the tag of the cluster');
  if (definition.ownership === 'shared') {
    const users = usersOf(described.tags);
    if (users.includes(cluster)) {
      const left = await leaveShared(clients, id, cluster);
      if (!left.ok) return judge(work, left.failure, {});
      // Who is left is asked after leaving: of two that leave at the same moment the last one finds nobody.
      return wait(work, 1, { ...state, attempt: 0 });
    }
    if (users.length > 0) return finished(work, 'kept', `used by ${users.join(', ')}`);
  }
  return erase(work);
}

async function erase<Body>(work: Work<Body>): Promise<RemoveOutcome> {
  const { definition, clients, id, state } = work;
  const step = await startOrPoll<unknown>({ begin: () => definition.erase(clients, id) });
  if (step.kind === 'running') {
    return wait(work, step.retryAfter, { ...state, attempt: 0, verb: 'deleted', operation: step.operation });
  }
  if (step.kind === 'done' || step.kind === 'forgotten' || step.failure.status === 404)
    return finished(work, 'deleted');
  return judge(work, step.failure, {});
}

const secondLookSeconds = 5;

/** References that go away when their holders are deleted at the same time. */
const inUse = /InUse|CannotBeDeleted|NicReserved|OperationNotAllowed/;

function judge<Body>(work: Work<Body>, failure: AzureFailure, keep: { readonly operation?: string }): RemoveOutcome {
  const { id, state, definition } = work;
  const context = {
    key: id.id,
    attempt: state.attempt,
    where: id.id,
    doing: `delete the ${definition.title} ${id.names.at(-1) ?? ''}`,
  };
  const retried =
    inUse.test(failure.code) && state.attempt < 8 ? { ...failure, code: 'AnotherOperationInProgress' } : failure;
  const verdict = classify(retried, context);
  if (verdict.kind === 'failed') return { status: 'failed', error: verdict.error };
  const { operation: _dropped, ...rest } = state;
  return wait(work, verdict.retryAfter, {
    ...rest,
    ...keep,
    attempt: state.attempt + (verdict.unsent === true ? 0 : 1),
  });
}

function finished<Body>(work: Work<Body>, action: RemoveDone['action'], reason?: string): RemoveDone {
  return { status: 'done', action, id: work.id.id, ...(reason === undefined ? {} : { reason }) };
}

function wait<Body>(work: Work<Body>, retryAfter: number, state: PollerState): RemoveOutcome {
  const sentence = `Deleting the ${work.definition.title} ${work.id.names.at(-1) ?? ''}`;
  const pause = Math.max(1, retryAfter, state.operation === undefined ? 0 : (work.definition.pollSeconds ?? 0));
  return { status: 'wait', retryAfter: pause, poller: encodePoller(state), sentence };
}
