import { provisionSteps, type StepId } from '../steps.ts';
import type { ClusterPlan, PlannedResource } from './types.ts';

/**
 * Seconds a step takes beyond making its Azure resources: booting, joining, installing
 * (cluster-api-pivot.md §7, time budget; azure-behaviour.md §2 for the copy at 60 MiB/s).
 */
const extraSeconds: Readonly<Partial<Record<StepId, number>>> = {
  preflight: 10,
  network: 0,
  identity: 60,
  image: 30,
  keys: 5,
  controlPlane: 120,
  agent: 120,
  pivot: 120,
  controlPlaneScale: 0,
  workerPools: 210,
  addOns: 60,
  finish: 2,
};

/** Control-plane machines join one after the other. */
const secondsPerJoin = 190;

/** Azure seconds one step takes when nothing goes wrong. */
export function stepSeconds(plan: ClusterPlan, step: StepId): number {
  const chain = longestChain(plan.resources.filter((resource) => resource.step === step));
  const joins = step === 'controlPlaneScale' ? (plan.controlPlane.replicas - 1) * secondsPerJoin : 0;
  return chain + (extraSeconds[step] ?? 0) + joins;
}

/** Azure seconds of the longest chain of steps: what a provision takes when nothing goes wrong. */
export function criticalPathSeconds(plan: ClusterPlan): number {
  const ends = new Map<StepId, number>();
  for (const step of provisionSteps) {
    const start = Math.max(0, ...step.needs.map((id) => ends.get(id) ?? 0));
    ends.set(step.id, start + stepSeconds(plan, step.id));
  }
  return Math.max(...ends.values());
}

function longestChain(resources: readonly PlannedResource[]): number {
  const ends = new Map<string, number>();
  const end = (resource: PlannedResource): number => {
    const known = ends.get(resource.key);
    if (known !== undefined) return known;
    const before = resources.filter((other) => resource.needs.includes(other.key)).map(end);
    const value = Math.max(0, ...before) + resource.seconds;
    ends.set(resource.key, value);
    return value;
  };
  return Math.max(0, ...resources.map(end));
}
