import { DEFAULT_MINOR, KUBERNETES, upgradesOf } from '../catalogue/kubernetes.ts';
import { ArmError, emptyReply, jsonReply, resourceNotFound } from '../engine/errors.ts';
import { at, type JsonObject, number, object, text } from '../engine/json.ts';
import type { Action, Kind, Progress, World } from '../engine/model.ts';
import { operationHeaders, startOperation } from '../engine/operations.ts';
import type { Address } from '../engine/routes.ts';
import type { Resource } from '../engine/store.ts';
import { withProperties } from '../engine/view.ts';
import {
  agentPools,
  checkIdle,
  CLUSTERS,
  contextOf,
  machinesChanged,
  POOLS,
  poolsOf,
  poolVersions,
} from './agentPools.ts';
import { prepareCluster } from './aksCluster.ts';
import {
  createNodeGroup,
  fillNodeGroup,
  nodeGroupId,
  putIdentity,
  putScaleSet,
  removeNodeGroup,
  removeScaleSet,
} from './aksNodeGroup.ts';
import { aksError } from './aksRules.ts';
import type { Handlers } from './handlers.ts';

/** Writes the pools of an accepted cluster: new ones, changed ones, and those that are gone. */
function writePools(world: World, cluster: Resource, created: boolean): void {
  const wanted = object(cluster.hidden['pools']);
  for (const pool of poolsOf(world, cluster)) {
    if (wanted[pool.name] !== undefined) continue;
    removeScaleSet(world, cluster, pool.name);
    world.store.remove(pool.key);
  }
  for (const [name, properties] of Object.entries(wanted)) {
    const id = `${cluster.id}/agentPools/${name}`;
    const before = world.store.get(id.toLowerCase());
    const pool: Resource = {
      key: id.toLowerCase(),
      id,
      type: POOLS,
      name,
      body: { properties: object(properties) },
      hidden: {},
      state: created || before === undefined ? 'Creating' : 'Updating',
      childStates: {},
      etag: '',
      busy: undefined,
      createdAt: before?.createdAt ?? world.clock.now(),
    };
    world.store.put(pool);
    putScaleSet(world, cluster, pool);
  }
}

function progressOf(world: World, cluster: Resource, operation: 'put' | 'delete'): Progress | undefined {
  if (operation === 'delete') return undefined;
  const pools = poolsOf(world, cluster);
  const nodes = pools.reduce((sum, pool) => sum + (number(at(pool.body, 'properties', 'count')) ?? 0), 0);
  const begin = [
    { until: 0.12, status: 'InProgress' },
    { until: 0.2, status: 'ProvisioningNetworkResources' },
  ];
  if (cluster.state === 'Creating') {
    const phases = [
      ...begin,
      { until: 0.65, status: 'ProvisioningControlPlane' },
      { until: 0.9, status: `CreatingAgentPools: 0/${nodes} nodes completed` },
      { until: 1, status: 'ReconcilingAddons' },
    ];
    return { seconds: 250, phases };
  }
  const seconds = cluster.hidden['change'] === 'Upgrading' ? 136 + 182 * Math.max(1, nodes) : 136;
  return {
    seconds,
    phases: [...begin, { until: 0.55, status: 'ProvisioningControlPlane' }, { until: 1, status: 'ReconcilingDNS' }],
  };
}

function ready(world: World, cluster: Resource, created: boolean): void {
  for (const pool of poolsOf(world, cluster)) world.store.put({ ...pool, state: 'Succeeded' });
  const subnet = poolsOf(world, cluster).map((pool) => text(at(pool.body, 'properties', 'vnetSubnetID')));
  if (created)
    fillNodeGroup(
      world,
      cluster,
      subnet.every((id) => id === undefined),
    );
  const properties = object(cluster.body['properties']);
  const addons = Object.entries(object(properties['addonProfiles'])).map(([name, value]) => {
    const enabled = object(value)['enabled'] === true;
    return [
      name,
      {
        config: null,
        ...object(value),
        ...(enabled ? { identity: putIdentity(world, cluster, `${name.toLowerCase()}-${cluster.name}`) } : {}),
      },
    ] as const;
  });
  const { pools: _pools, ...hidden } = cluster.hidden;
  world.store.put({
    ...cluster,
    hidden,
    body: {
      ...cluster.body,
      properties: {
        ...properties,
        ...(addons.length === 0 ? {} : { addonProfiles: Object.fromEntries(addons) }),
        identityProfile: { kubeletidentity: putIdentity(world, cluster, `${cluster.name}-agentpool`) },
      },
    },
  });
  machinesChanged(world, cluster);
}

function poolProfile(pool: Resource): JsonObject {
  return { name: pool.name, provisioningState: pool.state, ...object(pool.body['properties']) };
}

function view(world: World, cluster: Resource, wire: JsonObject): JsonObject {
  const network = object(at(wire, 'properties', 'networkProfile'));
  const address = `${nodeGroupId(cluster)}/providers/Microsoft.Network/publicIPAddresses/${text(cluster.hidden['outboundAddress']) ?? ''}`;
  const effective =
    world.store.get(address.toLowerCase()) === undefined ? {} : { effectiveOutboundIPs: [{ id: address }] };
  const balancer =
    network['loadBalancerProfile'] === undefined
      ? {}
      : { loadBalancerProfile: { ...object(network['loadBalancerProfile']), ...effective } };
  return withProperties(
    { ...wire, type: 'Microsoft.ContainerService/ManagedClusters' },
    { agentPoolProfiles: poolsOf(world, cluster).map(poolProfile), networkProfile: { ...network, ...balancer } },
  );
}

/** Refuses credentials while the cluster is not there yet, or where local accounts are off. */
function credentials(admin: boolean): Action {
  return (world, cluster) => {
    const notFound = () =>
      aksError(
        404,
        'ControlPlaneNotFound',
        `Could not find the control plane of '${cluster.name}': the cluster is ${cluster.state}.`,
      );
    if (at(cluster.body, 'properties', 'currentKubernetesVersion') === undefined || cluster.state === 'Creating')
      throw notFound();
    if (admin && at(cluster.body, 'properties', 'disableLocalAccounts') === true)
      throw aksError(
        400,
        'BadRequest',
        'Getting static credential is not allowed because this cluster is set to disable local accounts.',
      );
    const { managedClusters } = world.machines;
    if (managedClusters === undefined)
      throw new ArmError(
        501,
        'NotModelledBySimulator',
        `The simulated AKS has no Kubernetes API behind '${cluster.name}': a credential would lead nowhere.`,
        { unmodelled: true },
      );
    const value = managedClusters.kubeconfig(cluster.id, admin ? 'clusterAdmin' : 'clusterUser');
    // Its API server is starting: on a busy machine that may last longer than the operation.
    if (value === undefined) throw notFound();
    return jsonReply(200, {
      kubeconfigs: [{ name: admin ? 'clusterAdmin' : 'clusterUser', value: Buffer.from(value).toString('base64') }],
    });
  };
}

/** Stop and start keep the resources and change the power state. */
function power(code: 'Running' | 'Stopped'): Action {
  return (world, cluster, call) => {
    checkIdle(world, cluster);
    if (at(cluster.body, 'properties', 'powerState', 'code') === code)
      throw aksError(400, 'OperationNotAllowed', `The cluster '${cluster.name}' is ${code} already.`);
    const operation = startOperation(world, call, cluster, {
      kind: 'action',
      label: code,
      seconds: 150,
      detail: { power: code },
    });
    world.store.put({ ...cluster, state: 'Updating', busy: operation.id });
    return emptyReply(
      202,
      operationHeaders(world, operation, { status: 202, headers: 'async+location', seconds: 150, body: 'empty' }),
    );
  };
}

/** Microsoft.ContainerService/managedClusters. */
export const managedClusters: Kind = {
  type: CLUSTERS,
  label: 'ManagedCluster',
  tracked: true,
  etags: false,
  states: true,
  create: { status: 201, headers: 'async', seconds: 250, state: 'Creating', body: 'resource' },
  update: { status: 200, headers: 'async', seconds: 136, state: 'Updating', body: 'resource' },
  delete: { status: 202, headers: 'async+location', seconds: 240, state: 'Deleting', body: 'empty' },
  ownReferences: true,
  displayId: (id) => id.replace(/\/resourceGroups\//iu, '/resourcegroups/'),
  checkName: (name) =>
    /^[A-Za-z0-9](?:[\w-]{0,61}[A-Za-z0-9])?$/u.test(name)
      ? undefined
      : aksError(
          400,
          'InvalidParameter',
          `The cluster name '${name}' is invalid: 1 to 63 letters, digits, '-' and '_', beginning and ending with a letter or digit.`,
          'resourceName',
        ),
  checkBusy: checkIdle,
  prepare: prepareCluster,
  progress: progressOf,
  accepted(world, cluster, created) {
    createNodeGroup(world, cluster);
    writePools(world, cluster, created);
  },
  ready,
  finished(world, cluster, operation) {
    const code = text(operation.detail['power']);
    if (code === undefined) return;
    world.store.put({
      ...cluster,
      body: { ...cluster.body, properties: { ...object(cluster.body['properties']), powerState: { code } } },
    });
    machinesChanged(world, cluster);
  },
  failed(world, cluster) {
    for (const pool of poolsOf(world, cluster)) world.store.put({ ...pool, state: 'Failed' });
  },
  deletable: checkIdle,
  deleting: (world, cluster) => world.machines.managedClusters?.remove(cluster.id),
  removed(world, cluster) {
    world.machines.managedClusters?.remove(cluster.id);
    for (const pool of poolsOf(world, cluster)) world.store.remove(pool.key);
    removeNodeGroup(world, cluster);
  },
  view,
  actions: {
    listclusteradmincredential: credentials(true),
    listclusterusercredential: credentials(false),
    start: power('Running'),
    stop: power('Stopped'),
  },
};

function clusterAt(world: World, address: Address): Resource {
  const cluster = world.store.get(address.path.split('/').slice(0, 9).join('/').toLowerCase());
  if (cluster === undefined)
    throw resourceNotFound(CLUSTERS, [address.names[0] ?? ''], address.path.split('/')[4] ?? '');
  return cluster;
}

const AT = '/subscriptions/{}/resourcegroups/{}/providers/microsoft.containerservice/managedclusters/{}';

/** Reads beside the resources: versions and what can be upgraded. */
export const managedClusterHandlers: Handlers = {
  'GET /subscriptions/{}/providers/microsoft.containerservice/locations/{}/kubernetesversions': () =>
    jsonReply(200, {
      values: Object.entries(KUBERNETES).map(([version, patches]) => ({
        version,
        capabilities: { supportPlan: ['KubernetesOfficial', 'AKSLongTermSupport'] },
        isDefault: version === DEFAULT_MINOR,
        isPreview: null,
        patchVersions: Object.fromEntries(patches.map((patch) => [patch, { upgrades: [...upgradesOf(patch)] }])),
      })),
    }),
  [`GET ${AT}/upgradeprofiles/{}`](world, _call, address) {
    const cluster = clusterAt(world, address);
    const { version } = contextOf(cluster);
    const upgrades = upgradesOf(version).map((kubernetesVersion) => ({ kubernetesVersion }));
    return jsonReply(200, {
      id: `${cluster.id}/upgradeprofiles/default`,
      name: 'default',
      type: `${CLUSTERS}/upgradeprofiles`,
      properties: {
        controlPlaneProfile: { kubernetesVersion: version, osType: 'Linux', upgrades },
        agentPoolProfiles: poolsOf(world, cluster).map(({ name, body }) => ({
          name,
          kubernetesVersion: text(at(body, 'properties', 'currentOrchestratorVersion')),
          osType: text(at(body, 'properties', 'osType')),
        })),
      },
    });
  },
  [`GET ${AT}/availableagentpoolversions`](world, _call, address) {
    const cluster = clusterAt(world, address);
    const { version } = contextOf(cluster);
    return jsonReply(200, {
      id: `${cluster.id}/availableagentpoolversions`,
      name: 'default',
      type: `${CLUSTERS}/availableAgentpoolVersions`,
      properties: {
        agentPoolVersions: poolVersions(version).map((kubernetesVersion) => ({
          kubernetesVersion,
          default: kubernetesVersion === version,
          isPreview: null,
        })),
      },
    });
  },
  [`GET ${AT}/agentpools/{}/upgradeprofiles/{}`](world, _call, address) {
    const cluster = clusterAt(world, address);
    const pool = world.store.get(address.path.split('/').slice(0, 11).join('/').toLowerCase());
    if (pool === undefined) throw agentPools.notFound?.(address.names[1] ?? '') ?? new Error('no such pool');
    const properties = object(pool.body['properties']);
    const current = text(properties['currentOrchestratorVersion']) ?? '';
    const possible = new Set(upgradesOf(current));
    return jsonReply(200, {
      id: `${pool.id}/upgradeProfiles/default`,
      name: 'default',
      type: `${POOLS}/upgradeProfiles`,
      properties: {
        kubernetesVersion: current,
        osType: properties['osType'],
        upgrades: poolVersions(contextOf(cluster).version)
          .filter((version) => possible.has(version))
          .map((kubernetesVersion) => ({ kubernetesVersion })),
        latestNodeImageVersion: properties['nodeImageVersion'],
      },
    });
  },
};
