/** Entities: one turn takes the waiting messages, runs one batch and answers (functions-host-protocol.md, 2.6). */
import type { EntityReply } from './contracts.ts';
import type { EpisodeContext } from './context.ts';
import { Effects } from './effects.ts';
import { EVENT, entityId, type HistoryEvent } from './events.ts';
import type { EntityRow, InboxRow } from './store.ts';

/** A request to an entity as it travels in an EventRaised message. */
interface EntityRequest {
  readonly op: string | null;
  readonly id: string;
  readonly signal?: boolean;
  readonly input?: string | null;
  readonly parent?: string;
  readonly parentExecution?: string;
  readonly lockset?: readonly { readonly name: string; readonly key: string }[];
  readonly pos?: number;
}

interface Turn {
  readonly batch: EntityRequest[];
  readonly queue: EntityRequest[];
  readonly lock: EntityRequest | undefined;
  readonly lockedBy: string | null;
}

const RESPONSE_TYPE =
  'Microsoft.Azure.WebJobs.Extensions.DurableTask.ResponseMessage, Microsoft.Azure.WebJobs.Extensions.DurableTask';
const REQUEST_TYPE =
  'Microsoft.Azure.WebJobs.Extensions.DurableTask.RequestMessage, Microsoft.Azure.WebJobs.Extensions.DurableTask';

/** Name and key of an entity id. */
export function entityParts(id: string): { name: string; key: string } {
  const second = id.indexOf('@', 1);
  return { name: id.slice(1, second), key: id.slice(second + 1) };
}

/** The message that signals an operation from outside; `inputJson` null means no input. */
export function signalMessage(
  id: string,
  operation: string,
  inputJson: string | null,
  parent: string | undefined,
): object {
  const Input = JSON.stringify({
    $type: REQUEST_TYPE,
    op: operation,
    signal: true,
    ...(inputJson === null ? {} : { input: inputJson }),
    id,
    ...(parent ? { parent } : {}),
  });
  return { EventType: EVENT.EventRaised, Name: 'op', Input };
}

/** Splits the waiting messages into this turn's batch and what must wait for a lock. */
function planTurn(rows: readonly InboxRow[], entity: EntityRow | undefined, maximum: number): Turn {
  let lockedBy = entity?.locked_by ?? null;
  const waiting: EntityRequest[] = entity ? JSON.parse(entity.queue) : [];
  const first: EntityRequest[] = [];
  for (const row of rows) {
    const event: HistoryEvent = JSON.parse(row.event);
    const message: EntityRequest = JSON.parse(event.Input ?? '{}');
    if (event.Name === 'release') lockedBy = lockedBy === message.parent ? null : lockedBy;
    else if (lockedBy !== null && message.parent === lockedBy) first.push(message);
    else waiting.push(message);
  }
  const queue = [...first, ...waiting];
  const batch: EntityRequest[] = [];
  while (queue.length > 0 && batch.length < maximum) {
    const next = queue[0];
    if (!next || (lockedBy !== null && next.parent !== lockedBy)) break;
    queue.shift();
    if (next.lockset) return { batch, queue, lock: next, lockedBy: next.parent ?? null };
    batch.push(next);
  }
  return { batch, queue, lock: undefined, lockedBy };
}

/** True when requests of this turn can go on without another message. */
function hasMore(turn: Turn): boolean {
  const next = turn.queue[0];
  return next !== undefined && (turn.lockedBy === null || next.parent === turn.lockedBy);
}

async function runBatch(
  context: EpisodeContext,
  id: string,
  entity: EntityRow | undefined,
  batch: readonly EntityRequest[],
): Promise<EntityReply> {
  const present = entity?.present === 1;
  if (batch.length === 0) return { entityExists: present, entityState: entity?.state ?? null, results: [] };
  const self = entityParts(id);
  const payload = {
    self,
    exists: present,
    state: entity?.state ?? null,
    batch: batch.map((request) => ({
      name: request.op,
      input: request.input ?? null,
      isSignal: request.signal === true,
      id: request.id,
    })),
  };
  const name = context.functions.find('entity', self.name);
  if (name === undefined) throw new Error(`There is no entity function '${self.name}'; its messages wait.`);
  const reply = await context.functions.runEntity(name, JSON.stringify(payload));
  // An operation that returned twice has two results: as on the real engine the later ones of the batch move up.
  if (reply.results.length < batch.length) {
    throw new Error(`Entity '${id}' answered ${reply.results.length} of ${batch.length} operations.`);
  }
  return reply;
}

/** Runs one turn of an entity; undefined when nothing was waiting. Throws when the host failed: nothing is recorded then. */
export async function runEntityTurn(context: EpisodeContext, id: string): Promise<Effects | undefined> {
  const { store, environment } = context;
  const rows = store.dueMessages(id, environment.now());
  const entity = store.entity(id);
  const turn = planTurn(rows, entity, context.options.maxEntityBatch);
  if (rows.length === 0 && turn.batch.length === 0 && !turn.lock) return undefined;
  const reply = await runBatch(context, id, entity, turn.batch);
  const now = environment.now();
  const effects = new Effects(store, now);
  store.transaction(() => {
    store.removeMessages(rows);
    for (const [index, request] of turn.batch.entries()) {
      answer(effects, request, reply, index);
      const result = reply.results[index];
      if (result?.isError === true && result.result === '{}')
        context.traps.warn(
          'entity-error-text',
          id,
          `the operation '${request.op ?? ''}' threw an Error: its text is lost, the caller sees [object Object]`,
        );
    }
    for (const signal of reply.signals ?? []) {
      effects.post(
        entityId(signal.target.name, signal.target.key),
        null,
        signalMessage(environment.newId(true), signal.name, signal.input ?? null, id),
      );
    }
    if (turn.lock) passLockOn(effects, turn.lock);
    store.putEntity({
      id,
      present: reply.entityExists ? 1 : 0,
      state: reply.entityState ?? null,
      locked_by: turn.lockedBy,
      queue: JSON.stringify(turn.queue),
      created: entity?.created ?? now,
      updated: now,
    });
  });
  if (hasMore(turn)) effects.ready.add(id);
  return effects;
}

function answer(effects: Effects, request: EntityRequest, reply: EntityReply, index: number): void {
  if (request.signal === true || request.parent === undefined) return;
  const result = reply.results[index];
  const Input = JSON.stringify({
    $type: RESPONSE_TYPE,
    result: result?.result ?? null,
    ...(result?.isError === true ? { exceptionType: 'Error' } : {}),
  });
  effects.post(request.parent, request.parentExecution ?? null, {
    EventType: EVENT.EventRaised,
    Name: request.id,
    Input,
    ParentTraceContext: null,
  });
}

/** The lock goes from entity to entity in the order of the set; the last one tells the orchestration. */
function passLockOn(effects: Effects, lock: EntityRequest): void {
  const position = (lock.pos ?? 0) + 1;
  const next = lock.lockset?.[position];
  if (next) {
    const Input = JSON.stringify({ ...lock, pos: position });
    effects.post(entityId(next.name, next.key), null, { EventType: EVENT.EventRaised, Name: 'op', Input });
    return;
  }
  const Input = JSON.stringify({ $type: RESPONSE_TYPE, result: 'Lock Acquisition Completed' });
  effects.post(lock.parent ?? '', lock.parentExecution ?? null, {
    EventType: EVENT.EventRaised,
    Name: lock.id,
    Input,
    ParentTraceContext: null,
  });
}
