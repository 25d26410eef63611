/** What the engine needs from the functions it runs and from the machine: both can be replaced in tests. */
import type { FailureDetails, OrchestratorState } from './events.ts';

export type DurableKind = 'orchestrator' | 'activity' | 'entity';

/** How an activity ended. `error` is the text of the exception; `resultJson` null stands for nothing returned. */
export type ActivityOutcome =
  | { readonly ok: true; readonly resultJson: string | null }
  | { readonly ok: false; readonly message: string; readonly stack: string; readonly failure?: FailureDetails };

/** One operation that an entity answered. */
interface EntityOperationResult {
  readonly isError: boolean;
  readonly result?: string | null;
}

/** Reply of an entity function to a batch. */
export interface EntityReply {
  readonly entityExists: boolean;
  readonly entityState?: string | null;
  readonly results: readonly EntityOperationResult[];
  readonly signals?: readonly {
    readonly target: { readonly name: string; readonly key: string };
    readonly name: string;
    readonly input?: string | null;
  }[];
}

/** W3C trace context that a start came with. */
export interface TraceContext {
  readonly traceParent: string;
  readonly traceState: string;
}

/** Reply of an orchestrator. `state` is undefined when it threw something that carries none; `thrown` is the text of what it threw. */
export interface OrchestratorReply {
  readonly state: OrchestratorState | undefined;
  readonly thrown: string | undefined;
}

/** The orchestrator payload as an object; `history` is shared and must not be changed by whoever gets it. */
export interface OrchestratorPayload {
  readonly history: readonly HandedEvent[];
  readonly input: unknown;
  readonly instanceId: string;
  readonly isReplaying: boolean;
  readonly [further: string]: unknown;
}

/** A history event as the SDK keeps it: its time already is a Date. */
export interface HandedEvent {
  readonly EventType: number;
  readonly EventId: number;
  readonly IsPlayed: boolean;
  readonly Timestamp: Date;
  readonly FailureDetails?: FailureDetails | null;
  readonly [further: string]: unknown;
}

/** The durable functions of an app. Names match without regard to case. */
export interface DurableFunctions {
  /** Registered names of one kind. */
  names(kind: DurableKind): readonly string[];
  /** The registered spelling of a name, or undefined. */
  find(kind: DurableKind, name: string): string | undefined;
  /** Runs an orchestrator; `payload` is the JSON of functions-host-protocol.md, 2.1. Throws only when the host failed. */
  runOrchestrator(name: string, payload: string, trace?: TraceContext): Promise<OrchestratorReply>;
  /**
   * Runs an orchestrator on an object instead of a text, which saves writing and reading the history each time. Undefined when
   * this cannot be done unobserved; the text is to be used then.
   */
  runOrchestratorDirectly?(
    name: string,
    payload: OrchestratorPayload,
    trace?: TraceContext,
  ): Promise<OrchestratorReply | undefined>;
  /** Runs an activity; `inputJson` null means no input. Never rejects. */
  runActivity(
    name: string,
    instanceId: string,
    inputJson: string | null,
    trace?: TraceContext,
  ): Promise<ActivityOutcome>;
  /** Runs an entity on a batch (functions-host-protocol.md, 2.6). */
  runEntity(name: string, payload: string): Promise<EntityReply>;
}

/** Clock, timers and ids. */
export interface Environment {
  /** Milliseconds since 1970. */
  now(): number;
  /** Runs `work` after `delayMs`; the result cancels. */
  after(delayMs: number, work: () => void): () => void;
  /** Runs `work` soon, after what is already waiting. */
  soon(work: () => void): void;
  /** A new id: `dashed` as GUID with dashes, else 32 hex digits. */
  newId(dashed: boolean): string;
}

/** Version rules of host.json (functions-host-protocol.md, 2.4). */
export interface VersionRules {
  readonly defaultVersion: string | null;
  readonly matchStrategy: 'None' | 'Strict' | 'CurrentOrOlder';
  readonly failureStrategy: 'Reject' | 'Fail';
}

/** Engine settings. */
export interface EngineOptions {
  readonly versions: VersionRules;
  readonly maxConcurrentActivities: number;
  readonly maxConcurrentOrchestrators: number;
  readonly maxEntityBatch: number;
  /** Sleep between polls of `callHttp` without a Retry-After header, in milliseconds; 30 seconds by default. */
  readonly httpPollMs?: number;
  /** Longest timer that is not cut into slices (six days by default), and the length of a slice (three); milliseconds. */
  readonly longTimers?: { readonly maximumMs: number; readonly intervalMs: number };
  /** A start replaces an instance that has not ended. */
  readonly replaceRunning?: boolean;
  /** Replay every finished orchestration once more and compare. */
  readonly strict?: boolean;
  /** Cut the delay of timers to whole seconds, as the real engine does (durable-recordings/README.md, 3.1). */
  readonly faithfulTimers?: boolean;
}
