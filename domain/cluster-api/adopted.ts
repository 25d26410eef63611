import type { ClusterPlan, PlannedResource, ResourceKind } from '../plan/types.ts';

const adoptedKinds: ReadonlySet<ResourceKind> = new Set([
  'virtualNetwork',
  'networkSecurityGroup',
  'routeTable',
  'publicIPAddress',
  'natGateway',
  'loadBalancer',
  'networkInterface',
  'virtualMachine',
  'availabilitySet',
]);

/** The Azure resources that CAPZ looks at when it takes the cluster over: read before and after, and compared. */
export function adoptedResources(plan: ClusterPlan): readonly PlannedResource[] {
  return plan.resources.filter((resource) => adoptedKinds.has(resource.kind));
}
