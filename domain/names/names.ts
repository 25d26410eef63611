import { fnv32a, shortHash } from './hash.ts';

/** ARM id of a resource in a resource group, e.g. `armId(s, g, 'Microsoft.Network/virtualNetworks', 'demo-vnet')`. */
export function armId(
  subscriptionId: string,
  resourceGroup: string,
  type: string,
  ...names: readonly string[]
): string {
  const [namespace = '', ...types] = type.split('/');
  const path = types.map((segment, index) => `${segment}/${names[index] ?? ''}`).join('/');
  return `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/${namespace}/${path}`;
}

/** The names CAPZ gives what belongs to a cluster (cluster-api-pivot.md §2c): equal names are what makes adoption work. */
export function clusterNames(cluster: string) {
  return {
    virtualNetwork: `${cluster}-vnet`,
    controlPlaneSubnet: `${cluster}-controlplane-subnet`,
    workerSubnet: `${cluster}-node-subnet`,
    controlPlaneSecurityGroup: `${cluster}-controlplane-nsg`,
    workerSecurityGroup: `${cluster}-node-nsg`,
    routeTable: `${cluster}-node-routetable`,
    natGateway: `${cluster}-node-natgw-1`,
    natGatewayPublicIp: `pip-${cluster}-node-natgw-1`,
    apiPublicIp: `pip-${cluster}-apiserver`,
    loadBalancer: `${cluster}-public-lb`,
    internalLoadBalancer: `${cluster}-internal-lb`,
    privateDnsZone: `${cluster}.capz.io`,
    privateDnsLink: `${cluster}-vnet-link`,
    controlPlane: `${cluster}-control-plane`,
    availabilitySet: `${cluster}_control-plane-as`,
    identity: `${cluster}-identity`,
    storageEndpoint: `${cluster}-storage-endpoint`,
  } as const;
}

/** DNS label of the API server: `<cluster>-<fnv32a of subscription/group/public IP>` (cluster-api-pivot.md §2c). */
export function apiDnsLabel(cluster: string, subscriptionId: string, resourceGroup: string): string {
  return `${cluster}-${fnv32a(`${subscriptionId}/${resourceGroup}/${clusterNames(cluster).apiPublicIp}`)}`;
}

/** Prefix of a cluster's Key Vault secrets; contains the uid, because soft-deleted names cannot be used again. */
export function secretPrefix(cluster: string, uid: string): string {
  return `${cluster}-${uid.slice(0, 8)}`;
}

/** Name of the first control-plane machine; stable for one life of a cluster. */
export function firstMachineName(cluster: string, uid: string): string {
  return `${clusterNames(cluster).controlPlane}-${shortHash(uid, 5)}`;
}

/**
 * Storage account names to try, in order: deterministic, so that a repeated run finds the account of the first one.
 * Clusters of the same group and region share the account (and so the copy of an image).
 *
 * @param of `cluster`: the account is for one cluster alone, because it lets in only this one's network; `share`: number
 *   of the account among those that clusters share
 */
export function storageAccountCandidates(
  subscriptionId: string,
  resourceGroup: string,
  location: string,
  of: { readonly cluster?: string; readonly share?: number } = {},
): readonly string[] {
  const { cluster, share = 0 } = of;
  const place = [
    subscriptionId,
    resourceGroup,
    location,
    ...(cluster === undefined ? [] : [cluster]),
    ...(share === 0 ? [] : [`share-${share}`]),
  ].join('/');
  return [0, 1, 2, 3, 4].map((attempt) => `st${shortHash(`${place}/${attempt}`.toLowerCase(), 12)}`);
}

/** Name of a pool's MachineDeployment in one zone (or the only one, in regions without zones). */
export function machineDeploymentName(cluster: string, pool: string, zone: string | undefined): string {
  return zone === undefined ? `${cluster}-${pool}` : `${cluster}-${pool}-${zone}`;
}

/** File name of an image URL without its ending, reduced to what an image name may hold. */
export function imageBaseName(url: string): string {
  const file = (new URL(url).pathname.split('/').pop() ?? '').replaceAll(/%[0-9a-f]{2}/gi, '-');
  const base = file
    .replace(/\.vhd$/i, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, '-')
    .replaceAll(/^[-.]+|[-.]+$/g, '')
    .slice(0, 48);
  return base === '' ? 'image' : base;
}
