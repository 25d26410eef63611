import { armId } from '../names/names.ts';
import type { StepId } from '../steps.ts';
import { createSeconds } from './durations.ts';
import type { PlannedResource, ResourceKind } from './types.ts';

const types: Readonly<Record<ResourceKind, string>> = {
  virtualNetwork: 'Microsoft.Network/virtualNetworks',
  networkSecurityGroup: 'Microsoft.Network/networkSecurityGroups',
  routeTable: 'Microsoft.Network/routeTables',
  publicIPAddress: 'Microsoft.Network/publicIPAddresses',
  natGateway: 'Microsoft.Network/natGateways',
  loadBalancer: 'Microsoft.Network/loadBalancers',
  inboundNatRule: 'Microsoft.Network/loadBalancers/inboundNatRules',
  networkInterface: 'Microsoft.Network/networkInterfaces',
  virtualMachine: 'Microsoft.Compute/virtualMachines',
  availabilitySet: 'Microsoft.Compute/availabilitySets',
  disk: 'Microsoft.Compute/disks',
  userAssignedIdentity: 'Microsoft.ManagedIdentity/userAssignedIdentities',
  roleAssignment: 'Microsoft.Authorization/roleAssignments',
  storageAccount: 'Microsoft.Storage/storageAccounts',
  blobContainer: 'Microsoft.Storage/storageAccounts/blobServices/containers',
  storageClosure: 'Microsoft.Storage/storageAccounts',
  privateEndpoint: 'Microsoft.Network/privateEndpoints',
  privateDnsZone: 'Microsoft.Network/privateDnsZones',
  privateDnsZoneLink: 'Microsoft.Network/privateDnsZones/virtualNetworkLinks',
  privateDnsRecord: 'Microsoft.Network/privateDnsZones/A',
  relayContainer: 'Microsoft.Storage/storageAccounts/blobServices/containers',
  privateDnsZoneGroup: 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups',
  imageDisk: 'Microsoft.Compute/disks',
  image: 'Microsoft.Compute/images',
  gallery: 'Microsoft.Compute/galleries',
  galleryImage: 'Microsoft.Compute/galleries/images',
  galleryImageVersion: 'Microsoft.Compute/galleries/images/versions',
  managedCluster: 'Microsoft.ContainerService/managedClusters',
  agentPool: 'Microsoft.ContainerService/managedClusters/agentPools',
};

/** Kind of an ARM type, in any letter case; undefined for types that no plan holds. */
export function kindOfType(type: string): ResourceKind | undefined {
  const lower = type.toLowerCase();
  return (Object.keys(types) as ResourceKind[]).find((kind) => types[kind].toLowerCase() === lower);
}

export interface ResourceInput {
  readonly key: string;
  readonly kind: ResourceKind;
  /** Names along the type path; the last one is the resource's own. */
  readonly names: readonly string[];
  readonly step: StepId;
  readonly needs?: readonly string[];
  readonly owned?: boolean;
  readonly resourceGroup?: string;
  /** Full id, where it is not below the resource group (role assignments). */
  readonly id?: string;
  readonly detail?: Readonly<Record<string, string>>;
}

/** Turns the short form of a planned resource into the full one. */
export function planResource(subscriptionId: string, defaultGroup: string, input: ResourceInput): PlannedResource {
  const resourceGroup = input.resourceGroup ?? defaultGroup;
  return {
    key: input.key,
    kind: input.kind,
    name: input.names.at(-1) ?? '',
    resourceGroup,
    id: input.id ?? armId(subscriptionId, resourceGroup, types[input.kind], ...input.names),
    needs: input.needs ?? [],
    step: input.step,
    owned: input.owned ?? true,
    seconds: input.owned === false ? 1 : createSeconds[input.kind],
    ...(input.detail === undefined ? {} : { detail: input.detail }),
  };
}

/**
 * Orders the resources of one step into waves: everything in a wave can be made at the same time, and needs only what
 * earlier waves (or earlier steps) made.
 *
 * @throws Error when the needs form a circle (a defect of the plan)
 */
export function waves(resources: readonly PlannedResource[], step: StepId): readonly (readonly string[])[] {
  let open = resources.filter((resource) => resource.step === step);
  const result: string[][] = [];
  while (open.length > 0) {
    const waiting = new Set(open.map((resource) => resource.key));
    const ready = open.filter((resource) => !resource.needs.some((key) => waiting.has(key)));
    if (ready.length === 0) throw new Error(`the needs of ${[...waiting].join(', ')} form a circle`);
    result.push(ready.map((resource) => resource.key));
    open = open.filter((resource) => !ready.includes(resource));
  }
  return result;
}
