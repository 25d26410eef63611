import type { OrchestrationContext, Task } from 'durable-functions';
import type { Activities, ActivityName, ActivityOutcome } from '#activities/contract.ts';
import type { Outcome } from '#domain/outcome.ts';

/** Generator form of an orchestrator's part: yields Durable tasks, returns a value. */
export type Steps<Value> = Generator<Task, Value, unknown>;

/** Calls one activity. */
export function* callActivity<Name extends ActivityName>(
  context: OrchestrationContext,
  name: Name,
  input: Activities[Name]['input'],
): Steps<ActivityOutcome<Name>> {
  return (yield context.df.callActivity(name, input)) as ActivityOutcome<Name>;
}

/** Names of the orchestrators. */
export type OrchestratorName =
  | 'provisionCluster'
  | 'updateCluster'
  | 'runStep'
  | 'pursue'
  | 'deleteCluster'
  | 'applyManagedCluster'
  | 'deleteManagedCluster'
  | 'removeBatch'
  | 'provisionPool';

/** A sub-orchestration as a task, for `Task.all`. Child ids are never explicit (architecture.md, rules of the house). */
export function subOrchestration(context: OrchestrationContext, name: OrchestratorName, input: object): Task {
  return context.df.callSubOrchestrator(name, input);
}

/**
 * Runs sub-orchestrations side by side and waits for all of them. They return errors as values, so `Task.all` is never
 * left early; each task is yielded once.
 */
export function* inParallel<Value extends object>(
  context: OrchestrationContext,
  tasks: readonly Task[],
): Steps<readonly Outcome<Value>[]> {
  if (tasks.length === 0) return [];
  return (yield context.df.Task.all([...tasks])) as Outcome<Value>[];
}

/** The first outcome that is not `done`, or undefined when all are. */
export function firstObstacle(outcomes: readonly Outcome<object>[]): Outcome<object> | undefined {
  return (
    outcomes.find((outcome) => outcome.status === 'failed') ?? outcomes.find((outcome) => outcome.status !== 'done')
  );
}
