import type { AnyPlan } from '#domain/managed/types.ts';
import type { PlannedResource, ResourceKind } from '#domain/plan/types.ts';

/** Control-plane actions that one kind of resource needs (cluster-api-pivot.md §1d, least-privilege lists). */
interface KindActions {
  /** ARM type; `/read`, `/write` and `/delete` are added. */
  readonly type: string;
  /** What a write needs at the resources that it refers to, below the same scope. */
  readonly links?: readonly string[];
  /** What a write needs at the virtual network that it refers to, which may be the user's. */
  readonly network?: readonly string[];
  /** Further actions at the resource itself. */
  readonly more?: readonly string[];
}

const assignIdentity = 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action';
const joinSubnet = 'Microsoft.Network/virtualNetworks/subnets/join/action';

const byKind: Readonly<Record<ResourceKind, KindActions>> = {
  virtualNetwork: {
    type: 'Microsoft.Network/virtualNetworks',
    links: [
      'Microsoft.Network/networkSecurityGroups/join/action',
      'Microsoft.Network/routeTables/join/action',
      'Microsoft.Network/natGateways/join/action',
    ],
    more: [joinSubnet],
  },
  networkSecurityGroup: { type: 'Microsoft.Network/networkSecurityGroups' },
  routeTable: { type: 'Microsoft.Network/routeTables' },
  publicIPAddress: {
    type: 'Microsoft.Network/publicIPAddresses',
    more: ['Microsoft.Network/publicIPAddresses/join/action'],
  },
  natGateway: { type: 'Microsoft.Network/natGateways' },
  loadBalancer: { type: 'Microsoft.Network/loadBalancers' },
  inboundNatRule: { type: 'Microsoft.Network/loadBalancers/inboundNatRules' },
  networkInterface: {
    type: 'Microsoft.Network/networkInterfaces',
    links: [
      'Microsoft.Network/loadBalancers/backendAddressPools/join/action',
      'Microsoft.Network/loadBalancers/inboundNatRules/join/action',
    ],
    more: ['Microsoft.Network/networkInterfaces/join/action'],
  },
  disk: { type: 'Microsoft.Compute/disks' },
  virtualMachine: {
    type: 'Microsoft.Compute/virtualMachines',
    more: [
      'Microsoft.Compute/virtualMachines/retrieveBootDiagnosticsData/action',
      'Microsoft.Compute/disks/read',
      'Microsoft.Compute/disks/write',
      'Microsoft.Compute/disks/delete',
    ],
  },
  availabilitySet: { type: 'Microsoft.Compute/availabilitySets' },
  userAssignedIdentity: { type: 'Microsoft.ManagedIdentity/userAssignedIdentities', more: [assignIdentity] },
  roleAssignment: { type: 'Microsoft.Authorization/roleAssignments' },
  storageAccount: {
    type: 'Microsoft.Storage/storageAccounts',
    // Only for an account whose rules name subnets (Azure documentation, grant access from a virtual network).
    network: ['Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action'],
    more: ['Microsoft.Resources/tags/write'],
  },
  blobContainer: { type: 'Microsoft.Storage/storageAccounts/blobServices/containers' },
  storageClosure: { type: 'Microsoft.Storage/storageAccounts' },
  privateEndpoint: {
    type: 'Microsoft.Network/privateEndpoints',
    links: ['Microsoft.Storage/storageAccounts/privateEndpointConnectionsApproval/action'],
    network: [joinSubnet],
  },
  privateDnsZone: {
    type: 'Microsoft.Network/privateDnsZones',
    more: ['Microsoft.Network/privateDnsZones/join/action'],
  },
  privateDnsZoneLink: {
    type: 'Microsoft.Network/privateDnsZones/virtualNetworkLinks',
    network: ['Microsoft.Network/virtualNetworks/join/action'],
  },
  privateDnsRecord: { type: 'Microsoft.Network/privateDnsZones/A' },
  relayContainer: { type: 'Microsoft.Storage/storageAccounts/blobServices/containers' },
  privateDnsZoneGroup: { type: 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups' },
  imageDisk: {
    type: 'Microsoft.Compute/disks',
    more: ['Microsoft.Compute/disks/beginGetAccess/action', 'Microsoft.Compute/disks/endGetAccess/action'],
  },
  image: { type: 'Microsoft.Compute/images', more: ['Microsoft.Resources/tags/write'] },
  gallery: { type: 'Microsoft.Compute/galleries', more: ['Microsoft.Resources/tags/write'] },
  galleryImage: { type: 'Microsoft.Compute/galleries/images', more: ['Microsoft.Resources/tags/write'] },
  managedCluster: {
    type: 'Microsoft.ContainerService/managedClusters',
    more: [
      'Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action',
      'Microsoft.ContainerService/managedClusters/listClusterUserCredential/action',
    ],
  },
  agentPool: { type: 'Microsoft.ContainerService/managedClusters/agentPools' },
  galleryImageVersion: {
    type: 'Microsoft.Compute/galleries/images/versions',
    more: ['Microsoft.Resources/tags/write', 'Microsoft.Storage/storageAccounts/listKeys/action'],
  },
};

/**
 * Every control-plane action that making, changing and deleting a resource of a kind needs. What Capstan makes it must be
 * able to take away: a plan that could only leave things behind is refused.
 */
export function actionsOf(kind: ResourceKind): readonly string[] {
  const { type, links = [], more = [] } = byKind[kind];
  return [`${type}/read`, `${type}/write`, `${type}/delete`, ...links, ...more];
}

function ofType(type: string): KindActions | undefined {
  return Object.values(byKind).find((candidate) => candidate.type.toLowerCase() === type.toLowerCase());
}

/** What a write of an ARM type needs besides its own action: at the resources it refers to, and at what comes with it. */
export function linksOf(type: string): readonly string[] {
  const entry = ofType(type);
  return [...(entry?.links ?? []), ...(entry?.more ?? [])];
}

/** What a write of an ARM type needs at the virtual network that it refers to. */
export function networkLinksOf(type: string): readonly string[] {
  return ofType(type)?.network ?? [];
}

/** What the use of a resource of the user's needs there; it is read and referred to, never written. */
const usedByKind: Readonly<Partial<Record<ResourceKind, readonly string[]>>> = {
  virtualNetwork: ['Microsoft.Network/virtualNetworks/read', joinSubnet],
  privateDnsZone: ['Microsoft.Network/privateDnsZones/read', 'Microsoft.Network/privateDnsZones/join/action'],
  userAssignedIdentity: ['Microsoft.ManagedIdentity/userAssignedIdentities/read', assignIdentity],
};

interface Need {
  readonly scope: string;
  readonly actions: readonly string[];
}

/** Where an action is needed, and which ones. */
function needsOf(plan: AnyPlan, resource: PlannedResource): Need {
  const { kind, id, owned, detail } = resource;
  const group = `/subscriptions/${plan.azure.subscriptionId}/resourceGroups/${resource.resourceGroup}`;
  if (kind === 'roleAssignment') return { scope: detail?.['scope'] ?? group, actions: actionsOf(kind) };
  // A container of ours in an account of the user's is made below that account.
  if (
    (kind === 'blobContainer' || kind === 'relayContainer') &&
    plan.managed === undefined &&
    !plan.storage.account.owned
  )
    return { scope: plan.storage.account.id, actions: owned ? actionsOf(kind) : [`${byKind[kind].type}/read`] };
  if (!owned) return { scope: id, actions: usedByKind[kind] ?? [`${byKind[kind].type}/read`] };
  return { scope: group, actions: actionsOf(kind) };
}

/** What a resource that is made needs at virtual networks: in the group of a planned one, at the network itself otherwise. */
function networkNeedsOf(plan: AnyPlan, { kind, owned }: PlannedResource): readonly Need[] {
  const actions = byKind[kind].network;
  if (actions === undefined || !owned || plan.managed !== undefined) return [];
  const subnets = kind === 'storageAccount' ? (plan.storage.network?.subnetIds ?? []) : [plan.network.workerSubnet.id];
  return [...new Set(subnets.map((id) => id.split('/subnets/')[0] ?? id))].map((id) => {
    const own = plan.resources.find((resource) => resource.owned && resource.id.toLowerCase() === id.toLowerCase());
    return { scope: own === undefined ? id : id.slice(0, id.indexOf('/providers/')), actions };
  });
}

/** What must be allowed, by ARM scope: the group of what Capstan makes, the single resources of the user's, the subscription. */
export function neededActions(plan: AnyPlan): ReadonlyMap<string, readonly string[]> {
  const scopes = new Map<string, Set<string>>();
  const needs = plan.resources.flatMap((resource) => [needsOf(plan, resource), ...networkNeedsOf(plan, resource)]);
  for (const { scope, actions } of needs) {
    const set = scopes.get(scope) ?? new Set<string>();
    for (const action of actions) set.add(action);
    scopes.set(scope, set);
  }
  return new Map([...scopes].map(([scope, actions]) => [scope, [...actions].sort()]));
}

/** One entry of the permissions API. */
export interface PermissionEntry {
  readonly actions?: readonly string[];
  readonly notActions?: readonly string[];
  readonly dataActions?: readonly string[];
  readonly notDataActions?: readonly string[];
}

function matchesAction(pattern: string, action: string): boolean {
  const text = pattern.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll('*', '.*');
  return new RegExp(`^${text}$`, 'i').test(action);
}

function grants(patterns: readonly string[] = [], not: readonly string[] = [], action = ''): boolean {
  return (
    patterns.some((pattern) => matchesAction(pattern, action)) && !not.some((pattern) => matchesAction(pattern, action))
  );
}

/** Actions that no entry grants: an entry grants what its `actions` match and its `notActions` do not. Pure. */
export function missingActions(needed: readonly string[], granted: readonly PermissionEntry[]): readonly string[] {
  return needed.filter((action) => !granted.some((entry) => grants(entry.actions, entry.notActions, action)));
}

/** The same for data actions. Pure. */
export function missingDataActions(needed: readonly string[], granted: readonly PermissionEntry[]): readonly string[] {
  return needed.filter((action) => !granted.some((entry) => grants(entry.dataActions, entry.notDataActions, action)));
}
