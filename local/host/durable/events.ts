/** History events and orchestrator actions of the Durable JSON protocol (functions-host-protocol.md, 2.2 and 2.3). */

/** Numeric event types as they travel to the SDK. */
export const EVENT = {
  ExecutionStarted: 0,
  ExecutionCompleted: 1,
  ExecutionTerminated: 3,
  TaskScheduled: 4,
  TaskCompleted: 5,
  TaskFailed: 6,
  SubOrchestrationInstanceCreated: 7,
  SubOrchestrationInstanceCompleted: 8,
  SubOrchestrationInstanceFailed: 9,
  TimerCreated: 10,
  TimerFired: 11,
  OrchestratorStarted: 12,
  OrchestratorCompleted: 13,
  EventSent: 14,
  EventRaised: 15,
  ContinueAsNew: 16,
  GenericEvent: 17,
  ExecutionSuspended: 19,
  ExecutionResumed: 20,
} as const;

/** Type name of the message that gives a lock back. */
export const RELEASE_TYPE =
  'Microsoft.Azure.WebJobs.Extensions.DurableTask.ReleaseMessage, Microsoft.Azure.WebJobs.Extensions.DurableTask';

const NAMES = new Map<number, string>(Object.entries(EVENT).map(([name, type]) => [type, name]));

/** Name of an event type, as the HTTP API shows it. */
export function eventName(type: number): string {
  return NAMES.get(type) ?? `Event${type}`;
}

/** Action types of an orchestrator's reply. */
export const ACTION = {
  CallActivity: 0,
  CallActivityWithRetry: 1,
  CallSubOrchestrator: 2,
  CallSubOrchestratorWithRetry: 3,
  ContinueAsNew: 4,
  CreateTimer: 5,
  WaitForExternalEvent: 6,
  CallEntity: 7,
  CallHttp: 8,
  SignalEntity: 9,
  ScheduledSignalEntity: 10,
  WhenAny: 11,
  WhenAll: 12,
  LockEntities: 13,
  ReleaseEntities: 14,
} as const;

/** Instance and execution an event belongs to. */
interface InstanceReference {
  readonly InstanceId: string;
  readonly ExecutionId: string;
}

/** Parent of a sub-orchestration. */
interface ParentReference {
  readonly Name: string;
  readonly OrchestrationInstance: InstanceReference;
  readonly TaskScheduleId: number;
  readonly Version: string | null;
}

/** Failure in the newer, structured form. */
export interface FailureDetails {
  readonly ErrorType: string;
  readonly ErrorMessage: string;
  readonly StackTrace: string | null;
  readonly InnerFailure: FailureDetails | null;
  readonly IsNonRetriable: boolean;
  readonly Properties: Readonly<Record<string, unknown>> | null;
}

/** One history event; which optional fields are there depends on `EventType`. Times are ISO 8601 in UTC. */
export interface HistoryEvent {
  readonly EventType: number;
  readonly EventId: number;
  readonly IsPlayed: boolean;
  readonly Timestamp: string;
  readonly OrchestrationInstance?: InstanceReference;
  readonly ParentInstance?: ParentReference | null;
  readonly Name?: string | null;
  readonly Version?: string | null;
  readonly Input?: string | null;
  readonly InstanceId?: string;
  readonly TaskScheduledId?: number;
  readonly TimerId?: number;
  readonly FireAt?: string;
  readonly Result?: string | null;
  readonly Reason?: string | null;
  readonly Details?: string | null;
  readonly FailureDetails?: FailureDetails | null;
  readonly OrchestrationStatus?: number;
  readonly Data?: string | null;
  readonly [further: string]: unknown;
}

/** Retry options as the SDK sends them; intervals in milliseconds. */
export interface RetryOptions {
  readonly firstRetryIntervalInMilliseconds: number;
  readonly maxNumberOfAttempts: number;
  readonly backoffCoefficient?: number;
  readonly maxRetryIntervalInMilliseconds?: number;
  readonly retryTimeoutInMilliseconds?: number;
}

/** Request of `callHttp`. */
export interface DurableHttpRequest {
  readonly method: string;
  readonly uri: string;
  readonly content?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly tokenSource?: unknown;
  readonly asynchronousPatternEnabled?: boolean;
}

/** One action of an orchestrator's reply. */
export interface Action {
  readonly actionType: number;
  readonly functionName?: string;
  readonly input?: unknown;
  readonly instanceId?: string | null;
  readonly version?: string | null;
  readonly retryOptions?: RetryOptions;
  readonly fireAt?: string | number;
  readonly isCanceled?: boolean;
  readonly externalEventName?: string;
  readonly operation?: string;
  readonly compoundActions?: readonly Action[];
  readonly lockSet?: readonly { readonly name: string; readonly key: string }[];
  readonly lockRequestId?: string;
  readonly httpRequest?: DurableHttpRequest;
}

/** State that an orchestrator function returns or, in the error case, throws. */
export interface OrchestratorState {
  readonly isDone: boolean;
  readonly actions: readonly (readonly Action[])[];
  readonly output?: unknown;
  readonly customStatus?: unknown;
  readonly error?: string;
  readonly failureDetails?: FailureDetails;
  readonly schemaVersion?: number;
}

/** Work that an episode adds: becomes one scheduling event and one work item, timer, child or message. */
export type NewAction =
  | { readonly kind: 'activity'; readonly id: number; readonly name: string; readonly input: unknown }
  | {
      readonly kind: 'sub';
      readonly id: number;
      readonly name: string;
      readonly input: unknown;
      readonly instanceId: string | undefined;
      readonly version: string | undefined;
    }
  | { readonly kind: 'timer'; readonly id: number; readonly fireAt: number }
  | {
      readonly kind: 'send';
      readonly id: number;
      readonly name: string;
      readonly target: string;
      readonly payload: object;
    };

/** Name of the activity that the engine itself runs for `callHttp`. */
export const HTTP_ACTIVITY = 'BuiltIn::HttpActivity';

/** Entity instance id: `@name@key` with the name in lower case. */
export function entityId(name: string, key: string): string {
  return `@${name.toLowerCase()}@${key}`;
}

/** Milliseconds since 1970 as ISO 8601 text in UTC. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
