import type { OrchestrationContext } from 'durable-functions';
import type { ClusterRef } from '#domain/record.ts';
import type { Outcome } from '#domain/outcome.ts';
import { provisionCluster, updateCluster } from '#orchestrators/cluster.ts';
import { deleteCluster, removeBatch } from '#orchestrators/delete.ts';
import { pursue } from '#orchestrators/pursue.ts';
import { provisionPool, runStep } from '#orchestrators/run-step.ts';

/** A Durable that runs orchestrator generators on a virtual clock, depth first, with activities that are functions. */
type Orchestrator = (context: OrchestrationContext) => Generator<unknown, unknown, unknown>;

/** Every orchestrator of the app, by its name. */
export const orchestrators: Readonly<Record<string, Orchestrator>> = {
  deleteCluster,
  provisionCluster,
  provisionPool,
  pursue,
  removeBatch,
  runStep,
  updateCluster,
};

type Pending =
  | { readonly kind: 'activity'; readonly name: string; readonly input: unknown }
  | { readonly kind: 'child'; readonly name: string; readonly input: unknown }
  | { readonly kind: 'timer'; readonly due: number }
  | { readonly kind: 'all'; readonly tasks: readonly Pending[] };

export interface Trace {
  /** Activities in call order, as `name:detail`. */
  readonly calls: string[];
  /** Largest number of generator steps of one execution: bounds the history. */
  longest: number;
  /** Virtual milliseconds that passed. */
  elapsed: number;
  /** Milliseconds by which the next timer comes late: the app is away when it is due. */
  late: number;
}

export type FakeActivity = (name: string, input: Record<string, unknown>, trace?: Trace) => Outcome<object>;

export const testRef: ClusterRef = { name: 'demo', uid: 'u', generation: 1, operationId: 'demo-u-1', timeScale: 1 };

/** Runs an orchestrator to its end. Clock, randomness, timers and network throw while orchestrator code runs. */
export function runOrchestration(
  name: string,
  input: object,
  activity: FakeActivity,
): { readonly result: unknown; readonly trace: Trace } {
  const trace: Trace = { calls: [], longest: 0, elapsed: 0, late: 0 };
  const start = 1_750_000_000_000;
  const result = execute(name, input, start, trace, activity);
  trace.elapsed = result.at - start;
  return { result: result.value, trace };
}

interface Finished {
  readonly value: unknown;
  readonly at: number;
}

function execute(name: string, firstInput: unknown, startedAt: number, trace: Trace, activity: FakeActivity): Finished {
  const orchestrator = orchestrators[name];
  if (orchestrator === undefined) throw new Error(`no orchestrator ${name}`);
  let input = firstInput;
  let now = startedAt;
  for (;;) {
    let next: { value: unknown } | undefined;
    const yielded = new Set<unknown>();
    const context = {
      df: {
        instanceId: 'i',
        isReplaying: false,
        get currentUtcDateTime() {
          return new RealDate(now);
        },
        getInput: () => structuredClone(input),
        callActivity: (activityName: string, value: unknown): Pending => ({
          kind: 'activity',
          name: activityName,
          input: jsonObject(value),
        }),
        callSubOrchestrator: (child: string, value: unknown): Pending => ({
          kind: 'child',
          name: child,
          input: jsonObject(value),
        }),
        createTimer: (due: Date): Pending => ({ kind: 'timer', due: due.getTime() }),
        continueAsNew: (value: unknown) => {
          next = { value: jsonObject(value) };
        },
        Task: { all: (tasks: readonly Pending[]): Pending => ({ kind: 'all', tasks }) },
      },
    };
    const generator = orchestrator(context as unknown as OrchestrationContext);
    let steps = 0;
    let sent: unknown;
    let returned: unknown;
    for (;;) {
      const step = fenced(() => generator.next(sent));
      if (step.done === true) {
        returned = step.value;
        break;
      }
      if (yielded.has(step.value)) throw new Error('a task was yielded twice');
      yielded.add(step.value);
      steps++;
      trace.longest = Math.max(trace.longest, steps);
      const finished = settle(step.value as Pending, now, trace, activity);
      sent = finished.value;
      now = Math.max(now, finished.at);
    }
    if (next === undefined) return { value: returned, at: now };
    input = next.value;
  }
}

function settle(task: Pending, now: number, trace: Trace, activity: FakeActivity): Finished {
  switch (task.kind) {
    case 'activity': {
      const input = task.input as Record<string, unknown>;
      const detail =
        input['key'] ??
        input['pool'] ??
        input['addOn'] ??
        input['slice'] ??
        (input['report'] as { state?: string } | undefined)?.state;
      trace.calls.push(
        `${task.name}${['reportStep', 'ensureResource'].includes(task.name) ? `(${String(input['step'])})` : ''}${typeof detail === 'string' || typeof detail === 'number' ? `:${detail}` : ''}`,
      );
      return { value: jsonObject(activity(task.name, input, trace)), at: now + 100 };
    }
    case 'child':
      return execute(task.name, task.input, now, trace, activity);
    case 'timer': {
      const { late } = trace;
      trace.late = 0;
      return { value: undefined, at: Math.max(now, task.due) + late };
    }
    case 'all': {
      const finished = task.tasks.map((inner) => settle(inner, now, trace, activity));
      return { value: finished.map((inner) => inner.value), at: Math.max(now, ...finished.map((inner) => inner.at)) };
    }
    default:
      return task satisfies never;
  }
}

const RealDate = Date;

/** Runs orchestrator code while everything that is not deterministic throws. */
function fenced<Value>(run: () => Value): Value {
  const broken = (what: string) => () => {
    throw new Error(`an orchestrator used ${what}`);
  };
  const saved = {
    now: Date.now,
    random: Math.random,
    fetch: globalThis.fetch,
    setTimeout: globalThis.setTimeout,
    Date: globalThis.Date,
  };
  const strictDate = new Proxy(RealDate, {
    construct: (target, args: unknown[]) => {
      if (args.length === 0) throw new Error('an orchestrator read the clock');
      return new target(...(args as [number]));
    },
  });
  Object.assign(globalThis, { Date: strictDate, fetch: broken('the network'), setTimeout: broken('a timer') });
  Math.random = broken('randomness');
  RealDate.now = broken('the clock');
  try {
    return run();
  } finally {
    Math.random = saved.random;
    RealDate.now = saved.now;
    Object.assign(globalThis, { Date: saved.Date, fetch: saved.fetch, setTimeout: saved.setTimeout });
  }
}

/** What crosses into Durable must be a JSON object (durable-recordings/README.md: booleans and strings change on the way). */
function jsonObject(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`not a JSON object: ${JSON.stringify(value)}`);
  return JSON.parse(JSON.stringify(value));
}
