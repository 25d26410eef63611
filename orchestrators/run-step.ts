import type { OrchestrationContext } from 'durable-functions';
import type { CapstanError } from '#domain/errors/error.ts';
import type { RunShape } from '#domain/plan/shape.ts';
import { done, type Outcome } from '#domain/outcome.ts';
import type { ClusterRef } from '#domain/record.ts';
import { type StepId, stepDefinition } from '#domain/steps.ts';
import { removeEverything } from './delete.ts';
import { callActivity, firstObstacle, inParallel, type Steps, subOrchestration } from './durable.ts';
import type { PursueInput } from './pursue.ts';
import { ensureWaves, pursueActivity } from './resources.ts';

/** Input of `runStep`. */
export interface StepInput {
  readonly ref: ClusterRef;
  readonly step: StepId;
  /** Absent for preflight, which makes it. */
  readonly shape?: RunShape;
}

type Work = (context: OrchestrationContext, input: StepInput, shape: RunShape) => Steps<Outcome<object>>;

const emptyShape: RunShape = { waves: {}, copyImage: false, pools: [], addOnLayers: [] };

/** What each step does. The order between steps is in `provisionSteps` and the parent. */
const work: Readonly<Record<StepId, Work>> = {
  preflight: single('runPreflight'),
  network: resourcesOnly,
  identity: resourcesOnly,
  image: imageWork,
  keys: single('createKeys'),
  *controlPlane(context, input, shape) {
    const booted = yield* bootOnce(context, input, shape);
    if (booted.status !== 'done' || (booted.value as { replace?: true }).replace !== true) return booted;
    // One clean retry: the second look decides with what the first one has recorded.
    const cleared = yield* single('clearFirstMachine')(context, input, shape);
    return cleared.status === 'done' ? yield* bootOnce(context, input, shape) : cleared;
  },
  agent: single('installAgent'),
  pivot: single('pivotCluster'),
  tags: single('applyTags'),
  clusterSettings: single('applySettings'),
  controlPlaneScale: single('scaleControlPlane'),
  *workerPools(context, { ref }, shape) {
    const boundSeconds = bound('workerPools', shape);
    const tasks = shape.pools.map((pool) => subOrchestration(context, 'provisionPool', { ref, pool, boundSeconds }));
    const outcomes = yield* inParallel<{ nodes: number }>(context, tasks);
    const obstacle = firstObstacle(outcomes);
    if (obstacle !== undefined) return obstacle;
    const nodes = outcomes.reduce((sum, outcome) => sum + (outcome.status === 'done' ? outcome.value.nodes : 0), 0);
    return done({ nodes }, `${nodes} workers in ${shape.pools.length} ${shape.pools.length === 1 ? 'pool' : 'pools'}`);
  },
  addOns: addOnWork,
  removals: removalWork,
  *finish() {
    return done({});
  },
  stopControllers: single('stopControllers'),
  *deleteResources(context, { ref }) {
    return yield* removeEverything(context, ref);
  },
  deleteSecrets: single('deleteSecrets'),
  managedCluster: longResources,
  *nodePools(context, input, shape) {
    const made = yield* longResources(context, input, shape);
    return made.status === 'done' ? yield* single('observeNodePools')(context, input, shape) : made;
  },
  *poolRemovals(context, { ref, step }, { removals = [] }) {
    // AKS works on one pool at a time.
    for (const key of removals) {
      const removed = yield* pursueActivity(context, 'removeResource', { ref, step, key }, bound(step));
      if (removed.status !== 'done') return removed;
    }
    return yield* single('observeNodePools')(context, { ref, step }, emptyShape);
  },
};

/**
 * One step as a sub-orchestration: the unit of parallelism and of reporting. Says when it starts and how it ends; the
 * sentence comes from the work itself.
 */
export function* runStep(context: OrchestrationContext): Steps<Outcome<object>> {
  const input = context.df.getInput<StepInput>();
  if (input === undefined) throw new Error('runStep needs an input');
  const { ref, step, shape } = input;
  yield* callActivity(context, 'reportStep', { ref, step, report: { state: 'running' } });
  const outcome = yield* work[step](context, input, shape ?? emptyShape);
  if (outcome.status === 'done') {
    const report = outcome.sentence === undefined ? {} : { sentence: outcome.sentence };
    yield* callActivity(context, 'reportStep', { ref, step, report: { state: 'done', ...report } });
  } else if (outcome.status === 'failed') {
    yield* callActivity(context, 'reportStep', { ref, step, report: { state: 'failed', error: outcome.error } });
  } else if (outcome.status === 'cancelled') {
    yield* callActivity(context, 'reportStep', {
      ref,
      step,
      report: { state: 'skipped', sentence: 'stopped as asked' },
    });
  }
  return outcome;
}

function single(activity: PursueInput['activity']): Work {
  return (context, { ref, step }, shape) => pursueActivity(context, activity, { ref, step }, bound(step, shape));
}

function bound(step: StepId, shape?: RunShape): number {
  return stepDefinition(step, shape?.operation).boundSeconds;
}

/** What goes: first in the cluster, then what it leaves behind in Azure. */
function* removalWork(
  context: OrchestrationContext,
  { ref, step }: StepInput,
  shape: RunShape,
): Steps<Outcome<object>> {
  const removed = yield* pursueActivity(context, 'removeObsolete', { ref, step }, bound(step, shape));
  if (removed.status !== 'done') return removed;
  for (const key of (removed.value as { keys: readonly string[] }).keys) {
    const gone = yield* pursueActivity(context, 'removeResource', { ref, step, key }, bound(step, shape));
    if (gone.status !== 'done') return gone;
  }
  return removed;
}

function* bootOnce(context: OrchestrationContext, input: StepInput, shape: RunShape): Steps<Outcome<object>> {
  const made = yield* resourcesOnly(context, input, shape);
  return made.status === 'done' ? yield* single('waitForApi')(context, input, shape) : made;
}

function* resourcesOnly(
  context: OrchestrationContext,
  { ref, step }: StepInput,
  shape: RunShape,
): Steps<Outcome<object>> {
  return yield* ensureWaves(context, ref, step, shape.waves[step] ?? []);
}

/** Resources that may take as long as the whole step: AKS upgrades node by node. */
function* longResources(
  context: OrchestrationContext,
  { ref, step }: StepInput,
  shape: RunShape,
): Steps<Outcome<object>> {
  return yield* ensureWaves(context, ref, step, shape.waves[step] ?? [], bound(step));
}

/**
 * The image step. When what it shares with other clusters is full (a hundred may begin at the same moment, and all plan the
 * same account), it is planned again with the next one; what it had joined is left, and what it has done stays done.
 */
function* imageWork(context: OrchestrationContext, input: StepInput, shape: RunShape): Steps<Outcome<object>> {
  let outcome = yield* imageOnce(context, input, shape);
  for (let moves = 0; moves < maxMoves && outcome.status === 'failed' && isFull(outcome.error); moves++) {
    const moved = yield* moveOn(context, input, outcome.error);
    if (moved.status !== 'done') return moved;
    if (!(moved.value as { taken: boolean }).taken) return outcome;
    outcome = yield* imageOnce(context, input, shape);
  }
  return outcome;
}

/** Moves to the next account, image or copy in one run: enough for a thousand clusters that begin at the same moment. */
const maxMoves = 20;

function isFull({ code }: CapstanError): boolean {
  return code === 'CAP-3019' || code === 'CAP-3310';
}

function* moveOn(
  context: OrchestrationContext,
  { ref, step }: StepInput,
  { code, where }: CapstanError,
): Steps<Outcome<object>> {
  const full = { code, ...(where === undefined ? {} : { where }) };
  const next = yield* pursueActivity(context, 'takeNextShare', { ref, step, full }, bound(step));
  if (next.status !== 'done') return next;
  for (const key of (next.value as { keys: readonly string[] }).keys) {
    const left = yield* pursueActivity(context, 'removeResource', { ref, step, key }, bound(step));
    if (left.status !== 'done') return left;
  }
  return next;
}

/** The copy of the bytes stands between the container and the image: the wave of the image needs the finished blob. */
function* imageOnce(context: OrchestrationContext, { ref, step }: StepInput, shape: RunShape): Steps<Outcome<object>> {
  const waves = shape.waves[step] ?? [];
  if (!shape.copyImage) return yield* ensureWaves(context, ref, step, waves);
  const last = waves.findIndex((keys) => keys.includes('image'));
  const before = yield* ensureWaves(context, ref, step, waves.slice(0, last));
  if (before.status !== 'done') return before;
  let finished = yield* copyOnce(context, ref);
  for (let round = 1; round < maxCopies && mustCopyAgain(finished); round++) finished = yield* copyOnce(context, ref);
  if (finished.status === 'cancelled')
    yield* pursueActivity(context, 'abortImageCopy', { ref, step: 'image' }, abortSeconds);
  if (finished.status !== 'done') return finished;
  if (shape.uploadDisk === true) {
    const uploaded = yield* pursueActivity(context, 'uploadImageDisk', { ref, step: 'image' }, bound(step));
    if (uploaded.status !== 'done') return uploaded;
  }
  const made = yield* ensureWaves(context, ref, step, waves.slice(last));
  return made.status === 'done' && finished.sentence !== undefined ? done({}, finished.sentence) : made;
}

/** Copies of a source that keeps changing before the step gives up. */
const maxCopies = 3;

/** Azure seconds in which a copy by the storage service must let itself be aborted. */
const abortSeconds = 300;

/** The source changed (never a mixed image), or another cluster took back the copy that this one waited for. */
function mustCopyAgain(outcome: Outcome<object>): boolean {
  return outcome.status === 'failed' && (outcome.error.code === 'CAP-3305' || outcome.error.code === 'CAP-3309');
}

function* copyOnce(context: OrchestrationContext, ref: ClusterRef): Steps<Outcome<object>> {
  const step: StepId = 'image';
  const planned = yield* pursueActivity(context, 'planImageCopy', { ref, step }, bound(step));
  if (planned.status !== 'done') return planned;
  const { slices } = planned.value as { slices: number };
  const tasks = Array.from({ length: slices }, (_, slice) =>
    subOrchestration(context, 'pursue', {
      activity: 'copyImageSlice',
      input: { ref, step, slice },
      boundSeconds: bound(step),
    } satisfies PursueInput),
  );
  const obstacle = firstObstacle(yield* inParallel(context, tasks));
  if (obstacle !== undefined) return obstacle;
  return yield* pursueActivity(context, 'finishImageCopy', { ref, step }, bound(step));
}

/** Layers one after the other; within a layer side by side. One failing add-on does not hide the others. */
function* addOnWork(context: OrchestrationContext, { ref, step }: StepInput, shape: RunShape): Steps<Outcome<object>> {
  const names: string[] = [];
  for (const layer of shape.addOnLayers) {
    const tasks = layer.map((addOn) =>
      subOrchestration(context, 'pursue', {
        activity: 'ensureAddOn',
        input: { ref, step, addOn },
        boundSeconds: bound(step),
      } satisfies PursueInput),
    );
    const obstacle = firstObstacle(yield* inParallel(context, tasks));
    if (obstacle !== undefined) return obstacle;
    names.push(...layer);
  }
  return done({}, names.length === 0 ? 'none asked for' : names.join(', '));
}

/** Sub-orchestration of one worker pool; its MachineDeployments, one per zone, grow side by side in the cluster. */
export function* provisionPool(context: OrchestrationContext): Steps<Outcome<object>> {
  const input = context.df.getInput<{ ref: ClusterRef; pool: string; boundSeconds?: number }>();
  if (input === undefined) throw new Error('provisionPool needs an input');
  return yield* pursueActivity(
    context,
    'ensureWorkerPool',
    { ref: input.ref, step: 'workerPools', pool: input.pool },
    input.boundSeconds ?? bound('workerPools'),
  );
}
