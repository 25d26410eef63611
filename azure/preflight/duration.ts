import type { AzureFacts, ClusterPlan, PlannedResource } from '#domain/plan/types.ts';
import { provisionSteps, type StepId } from '#domain/steps.ts';

/** The longest chain of things that wait for each other. */
export interface CriticalPath {
  readonly seconds: number;
  /** Keys of the resources on it, first to last. */
  readonly resources: readonly string[];
}

/** Azure copies at most 60 MiB a second into one page blob (azure-behaviour.md §2, Limits). */
const copyBytesPerSecond = 60 * 1024 * 1024;
/** Share of a node image that is data, when only its size is known: about an eighth of 30 GiB. */
const dataShare = 1 / 8;
const cloudInitSeconds = 80;
const joinSeconds = 130;

/** Azure seconds of each step beyond its resources (azure-behaviour.md §6, cluster-api-pivot.md §2c). */
function stepSeconds(plan: ClusterPlan, facts: AzureFacts): Readonly<Partial<Record<StepId, number>>> {
  const size = facts.imageSource?.sizeBytes ?? 0;
  const workers = plan.pools.some((pool) => pool.replicas > 0);
  return {
    preflight: 10,
    network: 0,
    identity: 0,
    image: Math.ceil((size * dataShare) / copyBytesPerSecond),
    keys: 5,
    controlPlane: cloudInitSeconds,
    agent: 120,
    pivot: 150,
    controlPlaneScale: (plan.controlPlane.replicas - 1) * joinSeconds,
    workerPools: workers ? joinSeconds : 0,
    addOns: plan.addOns.length > 0 ? 30 : 0,
    finish: 5,
  };
}

/** Longest chain of resources inside one step. */
function chainOf(resources: readonly PlannedResource[], step: StepId): CriticalPath {
  const inside = resources.filter((resource) => resource.step === step);
  const done = new Map<string, CriticalPath>();
  const visit = (resource: PlannedResource): CriticalPath => {
    const known = done.get(resource.key);
    if (known !== undefined) return known;
    const before = inside
      .filter((other) => resource.needs.includes(other.key))
      .map(visit)
      .reduce(longer, { seconds: 0, resources: [] });
    const path = { seconds: before.seconds + resource.seconds, resources: [...before.resources, resource.key] };
    done.set(resource.key, path);
    return path;
  };
  return inside.map(visit).reduce(longer, { seconds: 0, resources: [] });
}

function longer(a: CriticalPath, b: CriticalPath): CriticalPath {
  return b.seconds > a.seconds ? b : a;
}

/** The critical path of the whole run through the steps and, inside a step, through its resources. Pure. */
export function criticalPath(plan: ClusterPlan, facts: AzureFacts): CriticalPath {
  const extra = stepSeconds(plan, facts);
  const ends = new Map<StepId, CriticalPath>();
  for (const step of provisionSteps) {
    const before = step.needs
      .map((id) => ends.get(id) ?? { seconds: 0, resources: [] })
      .reduce(longer, { seconds: 0, resources: [] });
    const own = chainOf(plan.resources, step.id);
    ends.set(step.id, {
      seconds: before.seconds + own.seconds + (extra[step.id] ?? 0),
      resources: [...before.resources, ...own.resources],
    });
  }
  return [...ends.values()].reduce(longer, { seconds: 0, resources: [] });
}
