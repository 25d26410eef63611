import { armId } from '../names/names.ts';
import { addressAt, parseCidr } from '../network/cidr.ts';
import { planIdentity } from '../plan/identity.ts';
import { planResource, type ResourceInput } from '../plan/resources.ts';
import { defaultPodCidr } from './checks.ts';
import type { ManagedDocument, ManagedFacts, ManagedPlan, PlannedManagedCluster, PlannedNodePool } from './types.ts';

/** Longest name that AKS gives the group of the nodes. */
const longestGroup = 80;

/**
 * Decides everything about an AKS cluster before anything is created or changed: pure, like `planCluster`. Names follow
 * CAPZ's defaults (AzureManagedControlPlane: network and subnet are named like the cluster, the DNS prefix is the name,
 * the node group `MC_<group>_<cluster>_<region>`), so that CAPZ elsewhere can adopt the cluster.
 *
 * @param removedTags names of tags that earlier documents had and this one has not
 */
export function planManagedCluster(
  document: ManagedDocument,
  facts: ManagedFacts,
  uid: string,
  removedTags: readonly string[] = [],
): ManagedPlan {
  const { spec, metadata } = document;
  const { subscriptionId, resourceGroup, location, environment } = spec.azure;
  const identity = planIdentity(document);
  const managed: PlannedManagedCluster = {
    id: armId(subscriptionId, resourceGroup, 'Microsoft.ContainerService/managedClusters', metadata.name),
    nodeResourceGroup: `MC_${resourceGroup}_${metadata.name}_${location}`.slice(0, longestGroup),
    dnsPrefix: metadata.name,
    kubernetesVersion: plain(spec.kubernetes.version),
    network: planNetwork(document, facts),
    pools: spec.nodePools.map((pool) => planPool(document, pool, facts)),
    removedTags,
  };
  return {
    schemaVersion: 1,
    uid,
    name: metadata.name,
    spec,
    azure: { environment, tenantId: facts.tenantId, subscriptionId, location, resourceGroup },
    regionZones: facts.regionZones,
    kubernetesVersion: spec.kubernetes.version,
    tags: metadata.tags,
    identity,
    managed,
    resources: resourcesOf(metadata.name, managed, identity).map((input) =>
      planResource(subscriptionId, resourceGroup, input),
    ),
  };
}

function plain(version: string): string {
  return version.replace(/^v/, '');
}

function planNetwork({ spec, metadata }: ManagedDocument, facts: ManagedFacts): PlannedManagedCluster['network'] {
  const { network, azure } = spec;
  const resourceGroup = network.resourceGroup ?? azure.resourceGroup;
  const name = network.virtualNetwork ?? metadata.name;
  const id =
    facts.staticNetwork?.virtualNetworkId ??
    armId(azure.subscriptionId, resourceGroup, 'Microsoft.Network/virtualNetworks', name);
  const overlay = network.plugin === 'azure' && network.pluginMode !== 'nodeSubnet';
  const services = parseCidr(network.serviceCidr);
  return {
    placement: network.placement,
    virtualNetwork: { id, name, resourceGroup, cidrs: facts.staticNetwork?.cidrs ?? [network.cidrs.virtualNetwork] },
    subnet: facts.staticNetwork?.subnet ?? {
      id: `${id}/subnets/${metadata.name}`,
      name: metadata.name,
      cidr: network.cidrs.subnet,
    },
    overlay,
    ...(overlay || network.plugin === 'kubenet' ? { podCidr: network.podCidr ?? defaultPodCidr } : {}),
    // The tenth address, as CAPZ chooses it.
    dnsServiceIp: services === undefined ? '' : addressAt(services, 10),
  };
}

function planPool(
  { spec }: ManagedDocument,
  pool: ManagedDocument['spec']['nodePools'][number],
  facts: ManagedFacts,
): PlannedNodePool {
  const offered = facts.vmSizes[pool.vmSize]?.zones ?? [];
  const wanted = pool.zones ?? facts.regionZones;
  return {
    ...pool,
    key: `pool-${pool.name}`,
    orchestratorVersion: plain(pool.version ?? spec.kubernetes.version),
    availabilityZones: facts.regionZones.length === 0 ? [] : wanted.filter((zone) => offered.includes(zone)),
  };
}

/** AKS works on one pool at a time, so each waits for the one before. */
function resourcesOf(
  cluster: string,
  { network, pools }: PlannedManagedCluster,
  identity: ManagedPlan['identity'],
): readonly ResourceInput[] {
  const role = 'Network Contributor';
  const scope = network.virtualNetwork.id;
  return [
    {
      key: 'virtualNetwork',
      kind: 'virtualNetwork',
      names: [network.virtualNetwork.name],
      resourceGroup: network.virtualNetwork.resourceGroup,
      id: scope,
      step: 'network',
      owned: network.placement === 'dynamic',
    },
    {
      key: 'identity',
      kind: 'userAssignedIdentity',
      names: [identity.name],
      resourceGroup: identity.resourceGroup,
      id: identity.id,
      step: 'identity',
      owned: identity.owned,
    },
    ...(identity.owned
      ? [
          {
            key: 'networkRole',
            kind: 'roleAssignment' as const,
            names: [`${identity.name}:${role}`],
            id: `${scope}/providers/Microsoft.Authorization/roleAssignments`,
            step: 'identity' as const,
            needs: ['identity', 'virtualNetwork'],
            detail: { role, scope },
          },
        ]
      : []),
    {
      key: 'managedCluster',
      kind: 'managedCluster',
      names: [cluster],
      step: 'managedCluster',
      needs: ['virtualNetwork', 'identity', ...(identity.owned ? ['networkRole'] : [])],
    },
    ...pools.map(
      ({ key, name }, index): ResourceInput => ({
        key,
        kind: 'agentPool',
        names: [cluster, name],
        step: 'nodePools',
        needs: [pools[index - 1]?.key ?? 'managedCluster'],
      }),
    ),
  ];
}
