import type { ClusterPlan, ResourceKind } from '#domain/plan/types.ts';

/** Actions that bringing a resource of a kind about needs at its resource group (cluster-api-pivot.md §1d, least-privilege lists). */
const byKind: Readonly<Record<ResourceKind, readonly string[]>> = {
  virtualNetwork: [
    'Microsoft.Network/virtualNetworks/read',
    'Microsoft.Network/virtualNetworks/write',
    'Microsoft.Network/networkSecurityGroups/join/action',
    'Microsoft.Network/routeTables/join/action',
    'Microsoft.Network/natGateways/join/action',
  ],
  networkSecurityGroup: [
    'Microsoft.Network/networkSecurityGroups/read',
    'Microsoft.Network/networkSecurityGroups/write',
  ],
  routeTable: ['Microsoft.Network/routeTables/read', 'Microsoft.Network/routeTables/write'],
  publicIPAddress: [
    'Microsoft.Network/publicIPAddresses/read',
    'Microsoft.Network/publicIPAddresses/write',
    'Microsoft.Network/publicIPAddresses/join/action',
  ],
  natGateway: ['Microsoft.Network/natGateways/read', 'Microsoft.Network/natGateways/write'],
  loadBalancer: ['Microsoft.Network/loadBalancers/read', 'Microsoft.Network/loadBalancers/write'],
  inboundNatRule: [
    'Microsoft.Network/loadBalancers/inboundNatRules/read',
    'Microsoft.Network/loadBalancers/inboundNatRules/write',
  ],
  networkInterface: [
    'Microsoft.Network/networkInterfaces/read',
    'Microsoft.Network/networkInterfaces/write',
    'Microsoft.Network/networkInterfaces/join/action',
    'Microsoft.Network/loadBalancers/backendAddressPools/join/action',
    'Microsoft.Network/loadBalancers/inboundNatRules/join/action',
    'Microsoft.Network/virtualNetworks/subnets/join/action',
  ],
  disk: ['Microsoft.Compute/disks/read', 'Microsoft.Compute/disks/delete'],
  virtualMachine: [
    'Microsoft.Compute/virtualMachines/read',
    'Microsoft.Compute/virtualMachines/write',
    'Microsoft.Compute/virtualMachines/retrieveBootDiagnosticsData/action',
    'Microsoft.Compute/disks/write',
    'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action',
  ],
  availabilitySet: ['Microsoft.Compute/availabilitySets/read', 'Microsoft.Compute/availabilitySets/write'],
  userAssignedIdentity: [
    'Microsoft.ManagedIdentity/userAssignedIdentities/read',
    'Microsoft.ManagedIdentity/userAssignedIdentities/write',
  ],
  roleAssignment: ['Microsoft.Authorization/roleAssignments/read', 'Microsoft.Authorization/roleAssignments/write'],
  storageAccount: ['Microsoft.Storage/storageAccounts/read', 'Microsoft.Storage/storageAccounts/write'],
  blobContainer: [
    'Microsoft.Storage/storageAccounts/blobServices/containers/read',
    'Microsoft.Storage/storageAccounts/blobServices/containers/write',
  ],
  storageClosure: ['Microsoft.Storage/storageAccounts/read', 'Microsoft.Storage/storageAccounts/write'],
  privateEndpoint: [
    'Microsoft.Network/privateEndpoints/read',
    'Microsoft.Network/privateEndpoints/write',
    'Microsoft.Network/virtualNetworks/subnets/join/action',
    'Microsoft.Storage/storageAccounts/privateEndpointConnectionsApproval/action',
  ],
  privateDnsZone: [
    'Microsoft.Network/privateDnsZones/read',
    'Microsoft.Network/privateDnsZones/write',
    'Microsoft.Network/privateDnsZones/join/action',
  ],
  privateDnsZoneLink: [
    'Microsoft.Network/privateDnsZones/virtualNetworkLinks/read',
    'Microsoft.Network/privateDnsZones/virtualNetworkLinks/write',
    'Microsoft.Network/virtualNetworks/join/action',
  ],
  privateDnsZoneGroup: [
    'Microsoft.Network/privateEndpoints/privateDnsZoneGroups/read',
    'Microsoft.Network/privateEndpoints/privateDnsZoneGroups/write',
  ],
  imageDisk: [
    'Microsoft.Compute/disks/read',
    'Microsoft.Compute/disks/write',
    'Microsoft.Compute/disks/beginGetAccess/action',
    'Microsoft.Compute/disks/endGetAccess/action',
  ],
  image: ['Microsoft.Compute/images/read', 'Microsoft.Compute/images/write'],
  gallery: ['Microsoft.Compute/galleries/read', 'Microsoft.Compute/galleries/write'],
  galleryImage: ['Microsoft.Compute/galleries/images/read', 'Microsoft.Compute/galleries/images/write'],
  galleryImageVersion: [
    'Microsoft.Compute/galleries/images/versions/read',
    'Microsoft.Compute/galleries/images/versions/write',
  ],
};

/** Actions needed on the network of static placement, which is only read and joined. */
const staticNetworkActions: readonly string[] = [
  'Microsoft.Network/virtualNetworks/read',
  'Microsoft.Network/virtualNetworks/subnets/join/action',
];

/** What must be allowed, by resource group (in the letter case of the plan). */
export function neededActions(plan: ClusterPlan): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, Set<string>>();
  const add = (group: string, actions: readonly string[]): void => {
    const set = groups.get(group) ?? new Set<string>();
    for (const action of actions) set.add(action);
    groups.set(group, set);
  };
  for (const resource of plan.resources) {
    const actions = byKind[resource.kind];
    if (resource.kind === 'virtualNetwork' && !resource.owned) add(resource.resourceGroup, staticNetworkActions);
    else add(resource.resourceGroup, resource.owned ? actions : actions.filter((action) => action.endsWith('/read')));
  }
  return new Map([...groups].map(([group, actions]) => [group, [...actions].sort()]));
}

/** One entry of the permissions API. */
export interface PermissionEntry {
  readonly actions?: readonly string[];
  readonly notActions?: readonly string[];
}

function matchesAction(pattern: string, action: string): boolean {
  const text = pattern.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll('*', '.*');
  return new RegExp(`^${text}$`, 'i').test(action);
}

/** Actions that no entry grants: an entry grants what its `actions` match and its `notActions` do not. Pure. */
export function missingActions(needed: readonly string[], granted: readonly PermissionEntry[]): readonly string[] {
  const allowed = (action: string): boolean =>
    granted.some(
      (entry) =>
        (entry.actions ?? []).some((pattern) => matchesAction(pattern, action)) &&
        !(entry.notActions ?? []).some((pattern) => matchesAction(pattern, action)),
    );
  return needed.filter((action) => !allowed(action));
}
