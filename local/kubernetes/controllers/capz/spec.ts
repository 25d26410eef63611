import type { KubeObject } from '../../contract.ts';
import type { ClusterObject, InfrastructureCluster, InfrastructureMachine } from '../cluster-api/kinds.ts';
import type { Condition } from '../kinds.ts';

/** API versions of the calls that these controllers make. */
export const VERSIONS = {
  network: '2026-01-01',
  compute: '2026-04-01',
  disks: '2026-03-02',
  skus: '2021-07-01',
  groups: '2025-04-01',
  tags: '2025-04-01',
  identities: '2023-01-31',
} as const;

export interface SecurityRule {
  name: string;
  description?: string;
  protocol: string;
  direction: 'Inbound' | 'Outbound';
  priority?: number;
  sourcePorts?: string;
  destinationPorts?: string;
  source?: string;
  sources?: string[];
  destination?: string;
  action?: 'Allow' | 'Deny';
}

export interface SubnetSpec {
  name: string;
  id?: string;
  role: 'control-plane' | 'node' | 'bastion' | 'cluster';
  cidrBlocks?: string[];
  securityGroup?: { name?: string; securityRules?: SecurityRule[] };
  routeTable?: { name?: string };
  natGateway?: { name?: string; ip?: { name?: string } };
}

export interface LoadBalancerSpec {
  name?: string;
  type?: 'Public' | 'Internal';
  sku?: string;
  /** Of an internal frontend; a public one has those of its address. */
  availabilityZones?: string[];
  frontendIPs?: { name: string; publicIP?: { name: string; dnsName?: string }; privateIP?: string }[];
  backendPool?: { name?: string };
}

export interface AzureClusterSpec {
  subscriptionID?: string;
  location: string;
  resourceGroup?: string;
  azureEnvironment?: string;
  additionalTags?: Record<string, string>;
  identityRef?: { name?: string; namespace?: string; kind?: string };
  controlPlaneEndpoint?: { host?: string; port?: number };
  failureDomains?: Record<string, { controlPlane?: boolean }>;
  networkSpec?: {
    vnet?: {
      name?: string;
      resourceGroup?: string;
      cidrBlocks?: string[];
      id?: string;
      tags?: Record<string, string>;
    };
    subnets?: SubnetSpec[];
    apiServerLB?: LoadBalancerSpec;
    nodeOutboundLB?: LoadBalancerSpec;
  };
}

export interface AzureMachineSpec {
  vmSize: string;
  providerID?: string;
  failureDomain?: string;
  identity?: string;
  userAssignedIdentities?: { providerID: string }[];
  sshPublicKey?: string;
  networkInterfaces?: { subnetName?: string; privateIPConfigs?: number; acceleratedNetworking?: boolean }[];
  /** Deprecated in favour of `networkInterfaces`, and moved there by the webhook. */
  subnetName?: string;
  acceleratedNetworking?: boolean;
  disableExtensionOperations?: boolean;
  /** Absent counts as true since CAPZ v1.25. */
  disableVMBootstrapExtension?: boolean;
  image?: {
    id?: string;
    marketplace?: { publisher: string; offer: string; sku: string; version: string };
    computeGallery?: {
      gallery: string;
      name: string;
      version: string;
      subscriptionID?: string;
      resourceGroup?: string;
    };
  };
  osDisk: { osType: string; diskSizeGB?: number; cachingType?: string; managedDisk?: { storageAccountType?: string } };
  dataDisks?: {
    nameSuffix: string;
    diskSizeGB: number;
    lun?: number;
    cachingType?: string;
    managedDisk?: { storageAccountType?: string };
  }[];
  additionalTags?: Record<string, string>;
  spotVMOptions?: object;
  securityProfile?: { encryptionAtHost?: boolean };
}

export interface AzureIdentityObject extends KubeObject {
  spec?: {
    type: string;
    tenantID?: string;
    clientID?: string;
    resourceID?: string;
    allowedNamespaces?: { list?: string[] };
  };
}

export type AzureClusterObject = InfrastructureCluster & {
  spec?: AzureClusterSpec;
  status?: { conditions?: Condition[] };
};
export type AzureMachineObject = InfrastructureMachine & { spec?: AzureMachineSpec };

/** Names and ids of a cluster's Azure resources: what the spec says, or CAPZ's default (cluster-api-pivot.md §2c). */
export interface ClusterScope {
  readonly name: string;
  readonly cluster: ClusterObject;
  readonly azureCluster: AzureClusterObject;
  readonly spec: AzureClusterSpec;
  readonly resourceGroup: string;
  readonly vnetName: string;
  readonly vnetResourceGroup: string;
  readonly subnets: readonly SubnetSpec[];
  readonly loadBalancer: string;
  readonly isPublic: boolean;
  readonly frontend: string;
  readonly backendPool: string;
  /** Id under the cluster's resource group, or under another one. */
  id(type: string, name: string, resourceGroup?: string): string;
  /** Tags of a resource of this cluster: which has a name and a role, CAPZ's services decide one by one. */
  tags(options: { name?: string; role?: string; machine?: boolean }): Record<string, string>;
}

/** Marks what belongs to a cluster for the cloud provider: on machines, and all that is made for one. */
export function cloudProviderTag(cluster: string): string {
  return `kubernetes.io_cluster_${cluster}`;
}

/** Tag that marks a resource as CAPZ's own. */
export function ownedTag(cluster: string): string {
  return `sigs.k8s.io_cluster-api-provider-azure_cluster_${cluster}`;
}

/** Reads the scope from the AzureCluster. */
export function scopeOf(cluster: ClusterObject, azureCluster: AzureClusterObject): ClusterScope {
  const spec: AzureClusterSpec = azureCluster.spec ?? { location: '' };
  const { name } = cluster.metadata;
  const resourceGroup = spec.resourceGroup ?? name;
  const vnetResourceGroup = spec.networkSpec?.vnet?.resourceGroup ?? resourceGroup;
  const balancer = spec.networkSpec?.apiServerLB;
  const isPublic = balancer?.type !== 'Internal';
  const loadBalancer = balancer?.name ?? `${name}-${isPublic ? 'public' : 'internal'}-lb`;
  return {
    name,
    cluster,
    azureCluster,
    spec,
    resourceGroup,
    vnetName: spec.networkSpec?.vnet?.name ?? `${name}-vnet`,
    vnetResourceGroup,
    subnets: spec.networkSpec?.subnets ?? [],
    loadBalancer,
    isPublic,
    frontend: balancer?.frontendIPs?.[0]?.name ?? `${loadBalancer}-frontEnd`,
    backendPool: balancer?.backendPool?.name ?? `${loadBalancer}-backendPool`,
    id: (type, resource, group = resourceGroup) =>
      `/subscriptions/${spec.subscriptionID ?? ''}/resourceGroups/${group}/providers/${type.includes('/') ? type : `Microsoft.Network/${type}`}/${resource}`,
    tags: ({ name: resource, role, machine = false }) => ({
      ...spec.additionalTags,
      [ownedTag(name)]: 'owned',
      ...(role === undefined ? {} : { 'sigs.k8s.io_cluster-api-provider-azure_role': role }),
      ...(resource === undefined ? {} : { Name: resource }),
      ...(machine ? { [cloudProviderTag(name)]: 'owned' } : {}),
    }),
  };
}
