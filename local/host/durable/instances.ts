import type { Environment, TraceContext } from './contracts.ts';
import type { Effects } from './effects.ts';
import { EVENT, type HistoryEvent } from './events.ts';
import type { DurableStore } from './store.ts';
import { parentTraceContext } from './trace.ts';

/** A new instance; `input` is JSON text, null for none. */
export interface NewInstance {
  readonly id: string;
  readonly name: string;
  readonly input: string | null;
  readonly version: string | null;
  readonly parent:
    | {
        readonly id: string;
        readonly exec: string;
        readonly name: string;
        readonly task: number;
        readonly version: string | null;
      }
    | undefined;
  /** Instance that this one restarts. */
  readonly source: string | null;
  readonly trace?: TraceContext | undefined;
}

/** Writes a new instance with its start message, replacing an old one of that id. Inside the caller's transaction. */
export function createInstance(
  store: DurableStore,
  effects: Effects,
  environment: Environment,
  start: NewInstance,
): void {
  const { id, name, input, version, parent } = start;
  // Executions that the engine makes itself have ids without dashes (durable-recordings, 2.2).
  const exec = environment.newId(parent === undefined);
  const now = environment.now();
  const generation = parent ? null : nextGeneration(store, id);
  store.putInstance(
    {
      id,
      exec,
      name,
      version,
      status: 'Pending',
      custom: null,
      parent: parent?.id ?? null,
      parent_exec: parent?.exec ?? null,
      parent_name: parent?.name ?? null,
      parent_task: parent?.task ?? -1,
      source: start.source,
      created: now,
      updated: now,
      events: 0,
    },
    input,
  );
  const reference = parent
    ? {
        Name: parent.name,
        OrchestrationInstance: { InstanceId: parent.id, ExecutionId: parent.exec },
        TaskScheduleId: parent.task,
        Version: parent.version,
      }
    : null;
  effects.post(
    id,
    exec,
    executionStarted({ id, exec, name, version, input, parent: reference, generation, trace: start.trace }),
  );
}

/** A new instance in the place of an ended one with the same id counts its generation up (durable-recordings, 13). */
function nextGeneration(store: DurableStore, id: string): number {
  if (!store.instance(id)) return 0;
  const events = store.history(id).map((piece): HistoryEvent => JSON.parse(piece));
  const start = events.find((event) => event.EventType === EVENT.ExecutionStarted);
  const { Generation } = (start ?? {}) as { Generation?: number | null };
  return (Generation ?? -1) + 1;
}

/** The start event of an execution. */
export function executionStarted(start: {
  id: string;
  exec: string;
  name: string;
  version: string | null;
  input: string | null;
  parent: HistoryEvent['ParentInstance'];
  generation: number | null;
  trace?: TraceContext | undefined;
}): object {
  return {
    OrchestrationInstance: { InstanceId: start.id, ExecutionId: start.exec },
    EventType: EVENT.ExecutionStarted,
    ParentInstance: start.parent ?? null,
    Name: start.name,
    Version: start.version,
    Input: start.input,
    Tags: null,
    Correlation: null,
    ParentTraceContext: parentTraceContext(start.trace),
    ScheduledStartTime: null,
    Generation: start.generation,
    GenerateNewTrace: false,
  };
}
