import type { ClusterPlan } from './types.ts';

/**
 * The plan as it came about: when the planned zone of the first machine had no capacity and another one was taken,
 * documents and sentences name that zone.
 *
 * @param zone zone of the machine as the inventory knows it
 */
export function asBuilt(plan: ClusterPlan, zone: string | undefined): ClusterPlan {
  if (zone === undefined || zone === '' || plan.controlPlane.zone === undefined || zone === plan.controlPlane.zone)
    return plan;
  return { ...plan, controlPlane: { ...plan.controlPlane, zone } };
}
