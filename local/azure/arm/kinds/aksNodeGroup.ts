import { removeResource } from '../engine/complete.ts';
import { ArmError } from '../engine/errors.ts';
import { at, type JsonObject, number, object, strings, text } from '../engine/json.ts';
import type { Kind, World } from '../engine/model.ts';
import { DELETED, immediate } from '../catalogue/profiles.ts';
import type { Resource } from '../engine/store.ts';
import { locationOf } from '../engine/view.ts';
import { computeName } from './common.ts';

const SCALE_SETS = 'Microsoft.Compute/virtualMachineScaleSets';

/** Id of the group in which AKS keeps the cluster's own resources. */
export function nodeGroupId(cluster: Resource): string {
  const [, , subscription = ''] = cluster.id.split('/');
  return `/subscriptions/${subscription}/resourceGroups/${text(at(cluster.body, 'properties', 'nodeResourceGroup')) ?? ''}`;
}

function put(world: World, id: string, type: string, body: JsonObject): void {
  if (world.store.get(id.toLowerCase()) !== undefined) return;
  write(world, id, type, body);
}

function write(world: World, id: string, type: string, body: JsonObject): void {
  const key = id.toLowerCase();
  world.store.put({
    key,
    id,
    type,
    name: id.split('/').at(-1) ?? '',
    body,
    hidden: {},
    state: 'Succeeded',
    childStates: {},
    etag: `W/"${world.random.uuid()}"`,
    busy: undefined,
    createdAt: world.store.get(key)?.createdAt ?? world.clock.now(),
  });
}

/** Digits that AKS puts into the names of a cluster's resources. */
function digits(world: World, cluster: Resource): string {
  return String(10_000_000 + Math.floor(89_999_999 * world.random.draw('aks', cluster.key)));
}

/** The group, tagged with the cluster's name, and the network of clusters that bring none. */
export function createNodeGroup(world: World, cluster: Resource): void {
  const location = locationOf(cluster);
  const group = nodeGroupId(cluster);
  const owner = {
    'aks-managed-cluster-name': cluster.name,
    'aks-managed-cluster-rg': cluster.id.split('/')[4] ?? '',
  };
  const tags = { ...object(cluster.body['tags']), ...owner };
  put(world, group, 'Microsoft.Resources/resourceGroups', { location, tags, managedBy: cluster.id, properties: {} });
}

/** What stands in the group once the cluster is up: load balancer with its address, security group, identity of the nodes. */
export function fillNodeGroup(world: World, cluster: Resource, ownNetwork: boolean): void {
  const location = locationOf(cluster);
  const tags = object(cluster.body['tags']);
  const group = nodeGroupId(cluster);
  const network = (type: string, name: string): string => `${group}/providers/Microsoft.Network/${type}/${name}`;
  const number8 = digits(world, cluster);
  put(
    world,
    network('networkSecurityGroups', `aks-agentpool-${number8}-nsg`),
    'Microsoft.Network/networkSecurityGroups',
    {
      location,
      tags,
      properties: { securityRules: [] },
    },
  );
  if (ownNetwork) {
    const prefix = '10.224.0.0/16';
    const subnet = {
      name: 'aks-subnet',
      properties: { addressPrefix: prefix, privateEndpointNetworkPolicies: 'Disabled' },
    };
    put(world, network('virtualNetworks', `aks-vnet-${number8}`), 'Microsoft.Network/virtualNetworks', {
      location,
      tags,
      properties: { addressSpace: { addressPrefixes: ['10.224.0.0/12'] }, subnets: [subnet] },
    });
  }
  putIdentity(world, cluster, `${cluster.name}-agentpool`);
  if (text(at(cluster.body, 'properties', 'networkProfile', 'outboundType')) !== 'loadBalancer') return;
  const address = network('publicIPAddresses', text(cluster.hidden['outboundAddress']) ?? '');
  put(world, address, 'Microsoft.Network/publicIPAddresses', {
    location,
    tags: { ...tags, 'aks-managed-type': 'aks-slb-managed-outbound-ip' },
    sku: { name: 'Standard', tier: 'Regional' },
    properties: {
      publicIPAllocationMethod: 'Static',
      publicIPAddressVersion: 'IPv4',
      idleTimeoutInMinutes: 30,
      ipAddress: `20.${Math.floor(250 * world.random.draw('aks address', cluster.key)) + 1}.${Number(number8.slice(0, 2))}.${Number(number8.slice(2, 4)) + 1}`,
    },
  });
  const name = address.split('/').at(-1) ?? '';
  const balancer = network('loadBalancers', 'kubernetes');
  const frontend = `${balancer}/frontendIPConfigurations/${name}`;
  put(world, balancer, 'Microsoft.Network/loadBalancers', {
    location,
    tags,
    sku: { name: 'Standard', tier: 'Regional' },
    properties: {
      frontendIPConfigurations: [
        { name, properties: { publicIPAddress: { id: address }, privateIPAllocationMethod: 'Dynamic' } },
      ],
      backendAddressPools: ['aksOutboundBackendPool', 'kubernetes'].map((pool) => ({ name: pool, properties: {} })),
      loadBalancingRules: [],
      probes: [],
      inboundNatRules: [],
      outboundRules: [
        {
          name: 'aksOutboundRule',
          properties: {
            allocatedOutboundPorts: 0,
            idleTimeoutInMinutes: 30,
            protocol: 'All',
            enableTcpReset: true,
            frontendIPConfigurations: [{ id: frontend }],
            backendAddressPool: { id: `${balancer}/backendAddressPools/aksOutboundBackendPool` },
          },
        },
      ],
    },
  });
}

/** A user-assigned identity of the cluster's own in the node group; its ids for the cluster's body. */
export function putIdentity(world: World, cluster: Resource, name: string): JsonObject {
  const id = `${nodeGroupId(cluster)}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;
  if (world.store.get(id.toLowerCase()) === undefined) {
    write(world, id, 'Microsoft.ManagedIdentity/userAssignedIdentities', {
      location: locationOf(cluster),
      tags: object(cluster.body['tags']),
      properties: { tenantId: world.tenantId, principalId: world.random.uuid(), clientId: world.random.uuid() },
    });
  }
  const properties = object(world.store.get(id.toLowerCase())?.body['properties']);
  return { resourceId: id, clientId: properties['clientId'], objectId: properties['principalId'] };
}

/** Id of the scale set of a pool. */
export function scaleSetId(world: World, cluster: Resource, pool: string): string {
  return `${nodeGroupId(cluster)}/providers/${SCALE_SETS}/aks-${pool}-${digits(world, cluster)}-vmss`;
}

/** The scale set of a pool as the pool is now; its capacity counts against the quota from the first moment. */
export function putScaleSet(world: World, cluster: Resource, pool: Resource): void {
  const properties = object(pool.body['properties']);
  const zones = strings(properties['availabilityZones']);
  write(world, scaleSetId(world, cluster, pool.name), SCALE_SETS, {
    location: locationOf(cluster),
    tags: {
      ...object(properties['tags']),
      'aks-managed-poolName': pool.name,
      'aks-managed-orchestrator': `Kubernetes:${text(properties['currentOrchestratorVersion']) ?? ''}`,
    },
    ...(zones.length === 0 ? {} : { zones }),
    sku: { name: text(properties['vmSize']), tier: 'Standard', capacity: number(properties['count']) ?? 0 },
    properties: {
      singlePlacementGroup: false,
      overprovision: false,
      orchestrationMode: 'Uniform',
      uniqueId: world.random.uuid(),
    },
  });
}

export function removeScaleSet(world: World, cluster: Resource, pool: string): void {
  const set = world.store.get(scaleSetId(world, cluster, pool).toLowerCase());
  if (set !== undefined) removeResource(world, set);
}

/** Removes the group of a deleted cluster with all that is in it. */
export function removeNodeGroup(world: World, cluster: Resource): void {
  const group = world.store.get(nodeGroupId(cluster).toLowerCase());
  if (group !== undefined) removeResource(world, group);
}

/** Microsoft.Compute/virtualMachineScaleSets: those of AKS pools exist and can be read; no others are modelled. */
export const scaleSets: Kind = {
  type: SCALE_SETS,
  label: 'VirtualMachineScaleSet',
  tracked: true,
  etags: false,
  states: true,
  create: immediate(201),
  update: immediate(200),
  delete: DELETED,
  checkName: computeName(64),
  prepare() {
    throw new ArmError(
      501,
      'NotModelledBySimulator',
      'The simulated Azure keeps scale sets for the pools of AKS clusters only; change the pool instead.',
      { unmodelled: true },
    );
  },
};
