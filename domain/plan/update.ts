import type { Change } from '../spec/diff.ts';
import type { Part } from '../spec/effects.ts';
import { type StepId, updateSteps } from '../steps.ts';
import { stepSeconds } from './estimate.ts';
import type { AzureFacts, ClusterPlan, PlannedPool } from './types.ts';

/** Steps that bring a part about. */
const stepsOfPart: Readonly<Record<Part, readonly StepId[]>> = {
  network: ['network'],
  image: ['image', 'removals'],
  tags: ['tags'],
  settings: ['clusterSettings'],
  controlPlane: ['controlPlaneScale'],
  pools: ['workerPools'],
  addOns: ['addOns'],
  record: [],
};

/**
 * Order of an update: what stands in Azure first, then the settings that new machines inherit, the tags of those that
 * stand, the control plane, the pools (beside it, where it only grows or shrinks), add-ons, and last what goes.
 *
 * @param everything after an update that did not come to its end, and for a repair: every step looks again
 */
export function updateStages(changes: readonly Change[], everything: boolean): readonly (readonly StepId[])[] {
  const needed = new Set<StepId>(changes.flatMap((change) => change.parts.flatMap((part) => stepsOfPart[part])));
  if (changes.some(takesAway)) needed.add('removals');
  const needs = (step: StepId) => everything || needed.has(step);
  const beside =
    !everything && !changes.some((change) => change.effect === 'rollout' && reaches(change, 'controlPlane'));
  const order: readonly (readonly StepId[])[] = [
    ['network', 'image'],
    ['clusterSettings'],
    ['tags'],
    ...(beside
      ? [['controlPlaneScale', 'workerPools'] as const]
      : [['controlPlaneScale'] as const, ['workerPools'] as const]),
    ['addOns'],
    ['removals'],
  ];
  return [...order.map((stage) => stage.filter(needs)).filter((stage) => stage.length > 0), ['finish']];
}

function takesAway({ kind, path }: Change): boolean {
  return (kind === 'removed' && /^spec\.(workerPools|addOns)\[[^\]]+\]$/.test(path)) || path.endsWith('].zones');
}

function reaches(change: Change, part: Part): boolean {
  return change.parts.includes(part);
}

/** What an update costs beside what stays. */
export interface UpdateCost {
  /** Machines that exist at most beside the wanted ones, while others are replaced. */
  readonly surgeMachines: number;
  readonly surgeCores: number;
  /** Machines that are replaced. */
  readonly replaced: number;
  readonly steps: readonly { readonly id: StepId; readonly title: string; readonly seconds: number }[];
  /** Azure seconds, when nothing goes wrong. */
  readonly seconds: number;
}

/** One machine is made, joins, the old one is drained and deleted (cluster-api-pivot.md §7; measured by `bench:clusters`). */
const secondsPerReplacement = 300;
/** A new machine of a pool: created, booted, joined. */
const secondsPerJoin = 210;

/** Surge and duration of an update. Pure. */
export function updateCost(changes: readonly Change[], plan: ClusterPlan, facts: AzureFacts): UpdateCost {
  const controlPlaneRolls = changes.some((change) => change.effect === 'rollout' && reaches(change, 'controlPlane'));
  const rolling = plan.pools.filter((pool) => poolRolls(changes, pool.name));
  const cores = (size: string) => facts.vmSizes[size]?.cores ?? 0;
  const surgeOf = (pool: PlannedPool) => pool.shards.reduce((sum, shard) => sum + surge(pool, shard.replicas), 0);
  const machines = (controlPlaneRolls ? 1 : 0) + rolling.reduce((sum, pool) => sum + surgeOf(pool), 0);
  const surgeCores =
    (controlPlaneRolls ? cores(plan.controlPlane.vmSize) : 0) +
    rolling.reduce((sum, pool) => sum + surgeOf(pool) * cores(pool.vmSize), 0);
  const steps = updateStages(changes, false)
    .flat()
    .map((id) => ({
      id,
      title: updateSteps.find((step) => step.id === id)?.title ?? id,
      seconds: seconds(id, changes, plan, controlPlaneRolls),
    }));
  return {
    surgeMachines: machines,
    surgeCores,
    replaced:
      (controlPlaneRolls ? plan.controlPlane.replicas : 0) + rolling.reduce((sum, pool) => sum + pool.replicas, 0),
    steps,
    seconds: steps.reduce((sum, step) => sum + step.seconds, 0),
  };
}

function poolRolls(changes: readonly Change[], name: string): boolean {
  return changes.some(
    (change) =>
      (change.effect === 'rollout' || change.effect === 'replace pool') &&
      reaches(change, 'pools') &&
      (!change.path.startsWith('spec.workerPools[') || change.path.startsWith(`spec.workerPools[${name}]`)),
  );
}

/** `maxSurge` of a pool's part in one zone as a count: of a percentage, rounded up. */
function surge(pool: PlannedPool, replicas: number): number {
  return replicas === 0 ? 0 : count(pool.rollout.maxSurge, replicas, Math.ceil);
}

function count(value: number | string, replicas: number, round: (share: number) => number): number {
  return typeof value === 'number' ? value : round((Number.parseInt(value, 10) / 100) * replicas);
}

function seconds(step: StepId, changes: readonly Change[], plan: ClusterPlan, controlPlaneRolls: boolean): number {
  if (step === 'controlPlaneScale') {
    if (controlPlaneRolls) return plan.controlPlane.replicas * secondsPerReplacement;
    return plan.controlPlane.replicas === 1 ? 60 : secondsPerJoin;
  }
  if (step === 'workerPools') return Math.max(30, ...plan.pools.map((pool) => poolSeconds(changes, pool)));
  return fixedSeconds[step] ?? stepSeconds(plan, step);
}

/** Steps whose duration does not depend on the plan. */
const fixedSeconds: Readonly<Partial<Record<StepId, number>>> = {
  removals: 120,
  tags: 60,
  clusterSettings: 10,
  finish: 2,
};

/** The parts of a pool go side by side; within one, as many machines at once as surge and unavailability allow. */
function poolSeconds(changes: readonly Change[], pool: PlannedPool): number {
  if (!poolRolls(changes, pool.name)) return secondsPerJoin;
  const rounds = pool.shards.map((shard) => {
    const atOnce = surge(pool, shard.replicas) + count(pool.rollout.maxUnavailable, shard.replicas, Math.floor);
    return Math.ceil(shard.replicas / Math.max(1, atOnce));
  });
  return Math.max(0, ...rounds) * secondsPerReplacement;
}
