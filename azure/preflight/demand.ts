import type { AzureFacts, ClusterPlan } from '#domain/plan/types.ts';

/** Cores that a cluster needs, per family and altogether. */
export interface Demand {
  readonly total: number;
  readonly families: ReadonlyMap<string, number>;
}

/** A group of machines of one size. */
interface Machines {
  readonly vmSize: string;
  readonly count: number;
}

/** Every machine of the plan, with one more per pool and for the control plane: upgrades begin by adding one. */
function machinesOf(plan: ClusterPlan): readonly Machines[] {
  return [
    { vmSize: plan.controlPlane.vmSize, count: plan.controlPlane.replicas + 1 },
    ...plan.pools.map((pool) => ({ vmSize: pool.vmSize, count: pool.replicas + 1 })),
  ];
}

/**
 * Cores the cluster still needs.
 *
 * @param running sizes of machines of this cluster that run already: Azure's usage counts them
 */
export function coreDemand(plan: ClusterPlan, facts: AzureFacts, running: readonly string[]): Demand {
  const families = new Map<string, number>();
  let total = 0;
  const add = (vmSize: string, count: number): void => {
    const size = Object.entries(facts.vmSizes).find(([name]) => name.toLowerCase() === vmSize.toLowerCase())?.[1];
    if (size === undefined) return;
    total += size.cores * count;
    families.set(size.family, (families.get(size.family) ?? 0) + size.cores * count);
  };
  for (const { vmSize, count } of machinesOf(plan)) add(vmSize, count);
  for (const vmSize of running) add(vmSize, -1);
  return { total: Math.max(0, total), families };
}
