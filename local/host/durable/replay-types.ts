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

const KIND_TEXT = {
  activity: 'an activity task',
  sub: 'a sub-orchestration task',
  timer: 'a timer task',
  send: 'an event',
} as const;

/** The text with which the extension fails an instance whose history and code differ. */
export function nonDeterminismText(
  event: HistoryEvent,
  kind: NewAction['kind'],
  issued: NewAction | undefined,
): string {
  const details = [`sequence ID ${event.EventId}`, ...(kind === 'timer' ? [] : [`name '${event.Name ?? ''}'`])].join(
    ' and ',
  );
  if (kind === 'activity' && issued?.kind === 'activity')
    return `Non-Deterministic workflow detected: A previous execution of this orchestration scheduled an activity task with sequence number ${event.EventId} named '${event.Name ?? ''}', but the current orchestration replay instead scheduled an activity task named '${issued.name}' with this sequence number.  Was a change made to the orchestrator code after this instance had already started running?`;
  const extra =
    kind === 'sub'
      ? ` (version '${event.Version ?? ''}', instance ID '${event.InstanceId ?? ''}')`
      : kind === 'activity'
        ? ` (version '${event.Version ?? ''}')`
        : '';
  const past = `Non-Deterministic workflow detected: A previous execution of this orchestration scheduled ${KIND_TEXT[kind]} with ${details}${extra}, but the current replay execution `;
  const present = issued
    ? `instead scheduled ${KIND_TEXT[issued.kind]}${'name' in issued ? ` with name '${issued.name}'` : ''} with this sequence ID.`
    : "hasn't (yet?) scheduled this task.";
  return `${past}${present} Was a change made to the orchestrator code after this instance had already started running?`;
}
