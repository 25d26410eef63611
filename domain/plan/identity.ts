import type { AnyDocument } from '../managed/types.ts';
import { armId, clusterNames } from '../names/names.ts';
import type { ClusterDocument } from '../spec/types.ts';
import type { ResourceInput } from './resources.ts';
import type { ClusterPlan, PlannedNetwork, PlannedStorage } from './types.ts';

/** The identity of the control-plane machines: the user's own, or `<cluster>-identity`. */
export function planIdentity(
  document: Pick<AnyDocument, 'metadata'> & { readonly spec: Pick<AnyDocument['spec'], 'azure'> },
): ClusterPlan['identity'] {
  const { azure } = document.spec;
  if (azure.identity !== undefined) {
    const parts = azure.identity.split('/');
    return { id: azure.identity, name: parts[8] ?? '', resourceGroup: parts[4] ?? '', owned: false };
  }
  const { identity } = clusterNames(document.metadata.name);
  const id = armId(
    azure.subscriptionId,
    azure.resourceGroup,
    'Microsoft.ManagedIdentity/userAssignedIdentities',
    identity,
  );
  return { id, name: identity, resourceGroup: azure.resourceGroup, owned: true };
}

/**
 * Resources of the identity step. Roles are assigned to an identity that Capstan made; the user's own must have them
 * already. `detail.role` is the name of a built-in role, `detail.scope` the resource id it is granted on.
 */
export function identityResources(
  document: ClusterDocument,
  identity: ClusterPlan['identity'],
  network: PlannedNetwork,
): readonly ResourceInput[] {
  const step = 'identity';
  const { subscriptionId, resourceGroup } = document.spec.azure;
  const result: ResourceInput[] = [
    {
      key: 'identity',
      kind: 'userAssignedIdentity',
      names: [identity.name],
      resourceGroup: identity.resourceGroup,
      id: identity.id,
      step,
      owned: identity.owned,
    },
  ];
  if (!identity.owned) return result;
  const grant = (key: string, role: string, scope: string): ResourceInput => ({
    key,
    kind: 'roleAssignment',
    names: [`${identity.name}:${role}`],
    id: `${scope}/providers/Microsoft.Authorization/roleAssignments`,
    step,
    needs: ['identity'],
    detail: { role, scope },
  });
  result.push(grant('groupRole', 'Contributor', `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}`));
  // CAPZ reads the SKU catalogue, which Azure only shows at the subscription (cluster-api-pivot.md §1d, gaps; R7).
  result.push(grant('subscriptionRole', 'Reader', `/subscriptions/${subscriptionId}`));
  if (network.placement === 'static') {
    result.push(grant('networkRole', 'Network Contributor', network.virtualNetwork.id));
    // The cloud provider opens ports of LoadBalancer Services in the workers' own security group.
    const securityGroup = network.workerSubnet.attached?.networkSecurityGroup;
    if (securityGroup !== undefined) result.push(grant('securityGroupRole', 'Network Contributor', securityGroup));
  }
  return result;
}

/**
 * The first machine reads requests from the relay's container and writes results there with its own identity. Granted
 * in the control-plane step, when identity and container are there; Azure takes minutes to know it, as long as a boot.
 */
export function relayResources(
  storage: PlannedStorage,
  identity: ClusterPlan['identity'],
  network: PlannedNetwork,
): readonly ResourceInput[] {
  const container = network.api.private?.relayContainer;
  if (container === undefined) return [];
  const scope = `${storage.account.id}/blobServices/default/containers/${container}`;
  const role = 'Storage Blob Data Contributor';
  return [
    {
      key: 'relayRole',
      kind: 'roleAssignment',
      names: [`${identity.name}:${role}`],
      id: `${scope}/providers/Microsoft.Authorization/roleAssignments`,
      step: 'controlPlane',
      needs: ['relayContainer', 'identity'],
      detail: { role, scope },
    },
  ];
}
