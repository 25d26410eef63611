import type { StepId } from '../steps.ts';
import type { ClusterPlan } from './types.ts';

/**
 * The sentence of a finished step whose work has none of its own: what stands now, in a person's words.
 *
 * @returns undefined for steps that speak for themselves
 */
export function stepSummary(plan: ClusterPlan, step: StepId): string | undefined {
  switch (step) {
    case 'network':
      return networkSummary(plan);
    case 'identity': {
      const roles = plan.resources
        .filter((resource) => resource.kind === 'roleAssignment')
        .map((resource) => resource.detail?.['role'] ?? '');
      return [plan.identity.name, ...(plan.identity.owned ? roles : ['your own'])].join(' · ');
    }
    case 'image':
      return plan.image.sourceUrl === undefined ? `${plan.image.name} of a gallery` : plan.image.name;
    case 'workerPools':
      return plan.pools.length === 0 ? 'none asked for' : undefined;
    case 'finish':
      return `https://${plan.network.api.host}:${plan.network.api.port}`;
    case 'preflight':
    case 'keys':
    case 'controlPlane':
    case 'agent':
    case 'pivot':
    case 'controlPlaneScale':
    case 'addOns':
    case 'stopControllers':
    case 'deleteResources':
    case 'deleteSecrets':
    case 'managedCluster':
    case 'nodePools':
    case 'poolRemovals':
    case 'tags':
    case 'clusterSettings':
    case 'removals':
      return undefined;
    default:
      return step satisfies never;
  }
}

function networkSummary({ network }: ClusterPlan): string {
  const name = `${network.virtualNetwork.name} ${network.virtualNetwork.cidrs.join(', ')}`;
  return network.placement === 'static'
    ? `${name} (your own) · ${network.controlPlaneSubnet.name}, ${network.workerSubnet.name} · ${network.api.loadBalancer}`
    : `${name} · 2 subnets · 2 security groups · NAT gateway`;
}
