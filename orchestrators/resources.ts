import type { OrchestrationContext } from 'durable-functions';
import type { ActivityInput } from '#activities/contract.ts';
import { done, type Outcome } from '#domain/outcome.ts';
import type { ClusterRef } from '#domain/record.ts';
import type { StepId } from '#domain/steps.ts';
import { firstObstacle, inParallel, type Steps, subOrchestration } from './durable.ts';
import type { PursueInput } from './pursue.ts';

/** Azure seconds one resource may take before the step gives up on it, unless the step says otherwise. */
const resourceBoundSeconds = 1800;

/** Brings the resources of one step about, wave by wave; within a wave side by side, one sub-orchestration each. */
export function* ensureWaves(
  context: OrchestrationContext,
  ref: ClusterRef,
  step: StepId,
  waves: readonly (readonly string[])[],
  boundSeconds: number = resourceBoundSeconds,
): Steps<Outcome<object>> {
  for (const wave of waves) {
    const tasks = wave.map((key) =>
      subOrchestration(context, 'pursue', {
        activity: 'ensureResource',
        input: { ref, step, key } satisfies ActivityInput & { key: string },
        boundSeconds,
      } satisfies PursueInput),
    );
    const obstacle = firstObstacle(yield* inParallel(context, tasks));
    if (obstacle !== undefined) return obstacle;
  }
  return done({});
}

/** Runs one activity to its end in a loop of its own. */
export function* pursueActivity(
  context: OrchestrationContext,
  activity: PursueInput['activity'],
  input: PursueInput['input'],
  boundSeconds: number,
): Steps<Outcome<object>> {
  return (yield subOrchestration(context, 'pursue', {
    activity,
    input,
    boundSeconds,
  } satisfies PursueInput)) as Outcome<object>;
}
