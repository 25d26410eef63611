import type { OrchestrationContext } from 'durable-functions';
import type { RunShape } from '#domain/plan/shape.ts';
import type { Outcome } from '#domain/outcome.ts';
import type { ClusterRef } from '#domain/record.ts';
import { stepDefinition, type StepId } from '#domain/steps.ts';
import { callActivity, firstObstacle, inParallel, type Steps, subOrchestration } from './durable.ts';
import type { PursueInput } from './pursue.ts';
import type { StepInput } from './run-step.ts';

/** The stages of a provision: within a stage the steps run side by side (architecture.md §1). */
const stages: readonly (readonly StepId[])[] = [
  ['network', 'identity', 'image', 'keys'],
  ['controlPlane'],
  ['agent'],
  ['pivot'],
  ['controlPlaneScale', 'workerPools', 'addOns'],
  ['finish'],
];

/** Plans of one run: each finds the next free name when somebody takes one between the check and the write. */
const maxPlans = 3;

function nameWasTaken(obstacle: Outcome<object> | undefined): boolean {
  return obstacle?.status === 'failed' && obstacle.error.code === 'CAP-3008';
}

function* planAndBuild(context: OrchestrationContext, ref: ClusterRef): Steps<Outcome<object> | undefined> {
  const preflight = (yield step(context, { ref, step: 'preflight' })) as Outcome<RunShape>;
  if (preflight.status !== 'done') return preflight;
  return yield* runStages(context, ref, preflight.value, stagesOf(preflight.value));
}

/**
 * What a run before has made follows the document of that run. Tags come before the hand-over, whose gate refuses what the
 * controllers would write; afterwards they come after the settings, so that the controllers do not write the old ones.
 */
function continuedStages(continued: RunShape['continued']): readonly (readonly StepId[])[] {
  const around: readonly StepId[] =
    continued === 'beforeHandOver' ? ['tags', 'pivot', 'clusterSettings'] : ['pivot', 'clusterSettings', 'tags'];
  return stages.flatMap((stage) => {
    if (stage.includes('pivot')) return around.map((id) => [id]);
    return stage.includes('finish') ? [['removals'] as const, stage] : [stage];
  });
}

/** An account that lets in only the cluster's network comes after the network. */
function stagesOf(shape: RunShape): readonly (readonly StepId[])[] {
  const wanted = shape.continued === undefined ? stages : continuedStages(shape.continued);
  if (shape.imageAfterNetwork !== true) return wanted;
  return [['network', 'identity', 'keys'], ['image'], ...wanted.slice(1)];
}

/** Builds a cluster: the parent of the whole order of operations. Applying again continues: every step is safe to repeat. */
export function* provisionCluster(context: OrchestrationContext): Steps<object> {
  const ref = inputOf(context);
  let obstacle = yield* planAndBuild(context, ref);
  for (let round = 1; round < maxPlans && nameWasTaken(obstacle); round++) obstacle = yield* planAndBuild(context, ref);
  return yield* end(context, ref, obstacle);
}

/**
 * Changes a running cluster: a changed document, new certificates, a repair. Which steps it takes is decided when it is
 * planned; the cluster's own controllers do the work, so it goes on while Capstan is away.
 */
export function* updateCluster(context: OrchestrationContext): Steps<object> {
  const ref = inputOf(context);
  const input = { ref, step: 'preflight' } as const;
  const first = yield* callActivity(context, 'planUpdate', input);
  const planned = first.status === 'wait' ? yield* planOn(context, input, first.state) : first;
  const obstacle =
    planned.status === 'done'
      ? yield* runStages(context, ref, planned.value, planned.value.stages ?? replicasOnly)
      : planned;
  return yield* end(context, ref, obstacle);
}

/** What updates of earlier builds did; their histories are replayed. */
const replicasOnly: readonly (readonly StepId[])[] = [['controlPlaneScale', 'workerPools'], ['finish']];

/** Azure did not answer at once: the plan is asked for again until it is there. */
function* planOn(
  context: OrchestrationContext,
  input: PursueInput['input'],
  state: PursueInput['input']['state'],
): Steps<Outcome<RunShape>> {
  return (yield subOrchestration(context, 'pursue', {
    activity: 'planUpdate',
    input: state === undefined ? input : { ...input, state },
    boundSeconds: stepDefinition('preflight').boundSeconds,
  } satisfies PursueInput)) as Outcome<RunShape>;
}

/** The reference every operation is started with. */
export function inputOf(context: OrchestrationContext): ClusterRef {
  const ref = context.df.getInput<ClusterRef>();
  if (ref === undefined) throw new Error('the orchestration needs a cluster reference');
  return ref;
}

/** One step as a sub-orchestration. */
export function step(context: OrchestrationContext, input: StepInput) {
  return subOrchestration(context, 'runStep', input);
}

/** Stages one after the other; within a stage side by side. */
export function* runStages(
  context: OrchestrationContext,
  ref: ClusterRef,
  shape: RunShape,
  list: readonly (readonly StepId[])[],
): Steps<Outcome<object> | undefined> {
  for (const stage of list) {
    const tasks = stage.map((id) => step(context, { ref, step: id, shape }));
    const obstacle = firstObstacle(yield* inParallel(context, tasks));
    if (obstacle !== undefined) return obstacle;
  }
  return undefined;
}

/** Ends the operation in the record. */
export function* end(
  context: OrchestrationContext,
  ref: ClusterRef,
  obstacle: Outcome<object> | undefined,
): Steps<object> {
  const ending =
    obstacle === undefined ? {} : obstacle.status === 'failed' ? { error: obstacle.error } : { cancelled: true };
  yield* callActivity(context, 'finishOperation', { ref, step: 'finish', ...ending });
  return obstacle ?? { status: 'done', value: {} };
}
