import { provisionSteps, type StepDefinition, type StepId } from '../steps.ts';
import type { ClusterPlan, PlannedResource } from './types.ts';

/**
 * Seconds a step takes beyond making its Azure resources: booting, joining, installing
 * (cluster-api-pivot.md §7, time budget; azure-behaviour.md §2 for the copy of 4 GiB of data at 60 MiB/s). Roles of the
 * identity arrive while the machines boot; nothing waits for them.
 */
const extraSeconds: Readonly<Partial<Record<StepId, number>>> = {
  preflight: 10,
  network: 0,
  identity: 0,
  image: 68,
  keys: 5,
  controlPlane: 120,
  agent: 150,
  pivot: 80,
  controlPlaneScale: 0,
  workerPools: 210,
  addOns: 60,
  finish: 2,
};

/** Control-plane machines join one after the other. */
const secondsPerJoin = 170;

/** Bytes per second that one page blob takes (azure-behaviour.md §2). */
const copiedPerSecond = 60 * 1024 ** 2;

/** The longest chain of things that wait for each other. */
export interface CriticalPath {
  /** Azure seconds. */
  readonly seconds: number;
  /** Keys of the resources on it, first to last. */
  readonly resources: readonly string[];
}

const nothing: CriticalPath = { seconds: 0, resources: [] };

/** Azure seconds one step takes when nothing goes wrong. */
export function stepSeconds(plan: ClusterPlan, step: StepId): number {
  return stepPath(plan, step).seconds;
}

/** Azure seconds of the longest chain of steps: what a provision takes when nothing goes wrong. */
export function criticalPathSeconds(plan: ClusterPlan): number {
  return criticalPath(plan).seconds;
}

/** The longest chain through the steps and, inside a step, through its resources. */
export function criticalPath(plan: ClusterPlan): CriticalPath {
  const ends = new Map<StepId, CriticalPath>();
  for (const step of provisionSteps) {
    const before = neededSteps(plan, step)
      .map((id) => ends.get(id) ?? nothing)
      .reduce(longer, nothing);
    const own = stepPath(plan, step.id);
    ends.set(step.id, { seconds: before.seconds + own.seconds, resources: [...before.resources, ...own.resources] });
  }
  return [...ends.values()].reduce(longer, nothing);
}

/** Steps that come first: always, and where resources of this plan need those of another step. */
function neededSteps({ resources }: ClusterPlan, { id, needs }: StepDefinition): readonly StepId[] {
  const keys = new Set(resources.filter(({ step }) => step === id).flatMap((resource) => resource.needs));
  const others = resources.filter(({ key, step }) => keys.has(key) && step !== id).map(({ step }) => step);
  return [...new Set([...needs, ...others])];
}

function stepPath(plan: ClusterPlan, step: StepId): CriticalPath {
  const chain = longestChain(plan.resources.filter((resource) => resource.step === step));
  return { seconds: chain.seconds + workSeconds(plan, step), resources: chain.resources };
}

function workSeconds(plan: ClusterPlan, step: StepId): number {
  if (step === 'controlPlaneScale') return (plan.controlPlane.replicas - 1) * secondsPerJoin;
  const idle =
    (step === 'workerPools' && plan.pools.every((pool) => pool.replicas === 0)) ||
    (step === 'addOns' && plan.addOns.length === 0) ||
    (step === 'image' && plan.image.sourceUrl === undefined);
  if (step === 'image' && plan.image.copyBytes !== undefined) return Math.ceil(plan.image.copyBytes / copiedPerSecond);
  return idle ? 0 : (extraSeconds[step] ?? 0);
}

/** The longest chain of resources that need each other. */
export function longestChain(resources: readonly PlannedResource[]): CriticalPath {
  const ends = new Map<string, CriticalPath>();
  const end = (resource: PlannedResource): CriticalPath => {
    const known = ends.get(resource.key);
    if (known !== undefined) return known;
    const before = resources
      .filter((other) => resource.needs.includes(other.key))
      .map(end)
      .reduce(longer, nothing);
    const value = { seconds: before.seconds + resource.seconds, resources: [...before.resources, resource.key] };
    ends.set(resource.key, value);
    return value;
  };
  return resources.map(end).reduce(longer, nothing);
}

function longer(a: CriticalPath, b: CriticalPath): CriticalPath {
  return b.seconds > a.seconds ? b : a;
}
