/** What a replay takes and gives, and the texts of its failures. */
import { ACTION, entityId, type Action, type HistoryEvent, type NewAction, type RetryOptions } from './events.ts';

/** History and code do not fit together; the message is the one the instance fails with. */
export class NonDeterminismError extends Error {
  override readonly name = 'NonDeterminismError';
}

/** Limits and knowledge of the host that the replay needs. */
export interface ReplayOptions {
  /** Why something cannot be scheduled (unknown name, forbidden id), or undefined when it can. */
  readonly refuse?: (action: Action) => string | undefined;
  /** Longest timer that is not cut into slices, and the length of a slice; milliseconds. */
  readonly maximumMs?: number;
  readonly intervalMs?: number;
  /** Sleep between polls of `callHttp` without a Retry-After header; milliseconds. */
  readonly httpPollMs?: number;
}

/** What the replay found out. */
export interface ReplayResult {
  /** What must be written and started, in id order; empty while suspended. */
  readonly newActions: readonly NewAction[];
  /** Tasks that have been issued and have not ended: the instance cannot complete before. */
  readonly openTasks: number;
  /** True when every action of the list has been awaited. */
  readonly finished: boolean;
  readonly continueAsNew: { readonly input: unknown } | undefined;
  /** Events that arrived after continueAsNew in the same batch: they go to the next execution. */
  readonly carryOver: readonly HistoryEvent[];
  /** Buffered events that continueAsNew drops. */
  readonly dropped: number;
  readonly suspended: boolean;
  readonly nextId: number;
  /** Entities still locked by this instance, with the id of the lock request. */
  readonly locks: { readonly entities: readonly string[]; readonly requestId: string } | undefined;
  /** Named warnings: surprising behaviour of the real engine that shows here. */
  readonly traps: readonly { readonly trap: string; readonly message: string }[];
}

/** Retry options of an action that must have some. */
export function retryOptionsOf(action: Action): RetryOptions {
  if (!action.retryOptions)
    throw new Error(`The orchestrator returned '${action.functionName ?? ''}' with retry but without retry options.`);
  return action.retryOptions;
}

/** Longest interval between two attempts, in milliseconds. */
export const MAX_RETRY_INTERVAL_MS = 6 * 86_400_000;

/**
 * Milliseconds from a failed attempt (1 for the first) to the next one. 0 when the engine gives up: `passedMs` since the first
 * attempt have used up the time-out, or the interval itself is zero (a back-off coefficient or a maximum of 0).
 */
export function retryDelay(retry: RetryOptions, attempt: number, passedMs: number): number {
  if (passedMs >= (retry.retryTimeoutInMilliseconds ?? Number.POSITIVE_INFINITY)) return 0;
  const grown = retry.firstRetryIntervalInMilliseconds * (retry.backoffCoefficient ?? 1) ** (attempt - 1);
  return Math.min(grown, retry.maxRetryIntervalInMilliseconds ?? MAX_RETRY_INTERVAL_MS);
}

/** An entity id with its name in lower case. */
export function normalEntityId(id: string | null | undefined): string {
  const text = id ?? '';
  const second = text.indexOf('@', 1);
  return second < 0 ? text : entityId(text.slice(1, second), text.slice(second + 1));
}

/** What a task is, as far as the wire shows it. */
export function taskKey(action: Action | undefined): string {
  const { actionType, functionName, input, instanceId, fireAt, operation } = action ?? { actionType: -1 };
  return JSON.stringify([actionType, functionName, input, instanceId, fireAt, operation]);
}

/** A task in the words of a warning. */
export function describe(action: Action): string {
  if (action.actionType === ACTION.CreateTimer) return `the timer for ${String(action.fireAt)}`;
  return `'${action.functionName ?? action.instanceId ?? 'a task'}'`;
}

/** Names that the engine has for what an orchestration asks for. */
const ACTION_NAMES = {
  activity: 'ScheduleTaskOrchestratorAction',
  sub: 'CreateSubOrchestrationAction',
  timer: 'CreateTimerOrchestratorAction',
  send: 'SendEventOrchestratorAction',
} as const;
const QUESTION = 'Was a change made to the orchestrator code after this instance had already started running?';

function pastEvent(event: HistoryEvent, kind: NewAction['kind'], issued: NewAction | undefined): string {
  const { EventId: id, InstanceId: instance } = event;
  const name = event.Name ?? '';
  switch (kind) {
    case 'timer':
      return `a timer task with sequence number ${id}${issued ? ' named' : ''}`;
    case 'send':
      return `a send event task with sequence ID ${id}, type 'EventSent'${issued ? ',' : ''} name '${name}', instance ID '${instance ?? ''}',`;
    case 'sub':
      return `a sub-orchestration task with sequence ID ${id} and name '${name}' (version '${event.Version ?? ''}', instance ID '${instance ?? ''}'),`;
    case 'activity':
    default:
      return issued
        ? `an activity task with sequence number ${id} named '${name}',`
        : `an activity task with sequence ID ${id} and name '${name}' (version '${event.Version ?? ''}'),`;
  }
}

function presentAction(kind: NewAction['kind'], issued: NewAction): string {
  const other = ACTION_NAMES[issued.kind];
  if (issued.kind !== kind) {
    if (kind === 'send') return `scheduled a ${other} task at this sequence number. `;
    return `produced a ${other} action ${kind === 'sub' ? 'at' : 'with'} this sequence number. `;
  }
  const name = 'name' in issued ? issued.name : '';
  if (kind === 'activity') return `scheduled an activity task named '${name}' with this sequence number.  `;
  return `scheduled a ${kind === 'sub' ? 'sub-orchestration' : 'send event'} task with name ${name}${kind === 'sub' ? ' ' : ''}at this sequence number. `;
}

/** The text with which the extension fails an instance whose history and code differ. */
export function nonDeterminismText(
  event: HistoryEvent,
  kind: NewAction['kind'],
  issued: NewAction | undefined,
): string {
  const past = `Non-Deterministic workflow detected: A previous execution of this orchestration scheduled ${pastEvent(event, kind, issued)} but the current `;
  if (!issued) return `${past}replay execution hasn't (yet?) scheduled this task. ${QUESTION}`;
  return `${past}orchestration replay instead ${presentAction(kind, issued)}${QUESTION}`;
}
