import type { OrchestrationContext } from 'durable-functions';
import type { ActivityInput } from '#activities/contract.ts';
import { done, failed, type Outcome } from '#domain/outcome.ts';
import type { ClusterRef } from '#domain/record.ts';
import type { StepId } from '#domain/steps.ts';
import { callActivity, firstObstacle, inParallel, type Steps, subOrchestration } from './durable.ts';
import type { PursueInput } from './pursue.ts';
import { pursueActivity } from './resources.ts';

const order: readonly StepId[] = ['stopControllers', 'deleteResources', 'deleteSecrets', 'finish'];

/** Many clusters that are deleted at once wait for each other's calls: Azure Resource Manager lets 25 reads a second through. */
const listingSeconds = 3600;
/** How often the group is listed again for what was left or came back. */
const maxSweeps = 6;
/** Removals one instance runs side by side, so that its history stays small. */
const batchSize = 30;

/** Deletes a cluster: in reverse, by inventory and tags, without needing the cluster's API. */
export function* deleteCluster(context: OrchestrationContext): Steps<object> {
  const ref = context.df.getInput<ClusterRef>();
  if (ref === undefined) throw new Error('the orchestration needs a cluster reference');
  for (const step of order) {
    const outcome = (yield subOrchestration(context, 'runStep', { ref, step })) as Outcome<object>;
    if (outcome.status === 'done') continue;
    const ending = outcome.status === 'failed' ? { error: outcome.error } : { cancelled: true };
    yield* callActivity(context, 'finishOperation', { ref, step: 'finish', ...ending });
    return outcome;
  }
  yield* callActivity(context, 'finishOperation', { ref, step: 'finish' });
  return { status: 'done', value: {} };
}

/** Removes wave by wave, then lists again: what was left behind, or made meanwhile, is found by the same sweep. */
export function* removeEverything(context: OrchestrationContext, ref: ClusterRef): Steps<Outcome<object>> {
  const step: StepId = 'deleteResources';
  for (let sweep = 0; sweep < maxSweeps; sweep++) {
    const planned = yield* pursueActivity(context, 'planDeletion', { ref, step }, listingSeconds);
    if (planned.status !== 'done') return planned;
    const { waves } = planned.value as { waves: readonly (readonly string[])[] };
    if (waves.length === 0) return done({}, planned.sentence ?? 'nothing of the cluster is left in Azure');
    for (const wave of waves) {
      const batches = Array.from({ length: Math.ceil(wave.length / batchSize) }, (_, index) =>
        wave.slice(index * batchSize, (index + 1) * batchSize),
      );
      const tasks = batches.map((keys) => subOrchestration(context, 'removeBatch', { ref, keys }));
      const obstacle = firstObstacle(yield* inParallel(context, tasks));
      if (obstacle !== undefined) return obstacle;
    }
  }
  return failed({
    code: 'CAP-3017',
    message: `Resources of the cluster are still there after ${maxSweeps} rounds`,
    remedy: 'Look at the inventory for what is left, remove what holds it, and delete again.',
  });
}

/** Sub-orchestration: a batch of removals side by side. One that fails does not keep the others. */
export function* removeBatch(context: OrchestrationContext): Steps<Outcome<object>> {
  const input = context.df.getInput<{ ref: ClusterRef; keys: readonly string[] }>();
  if (input === undefined) throw new Error('removeBatch needs an input');
  const tasks = input.keys.map((key) =>
    subOrchestration(context, 'pursue', {
      activity: 'removeResource',
      input: { ref: input.ref, step: 'deleteResources', key } satisfies ActivityInput & { key: string },
      boundSeconds: 3600,
    } satisfies PursueInput),
  );
  return firstObstacle(yield* inParallel(context, tasks)) ?? done({});
}
