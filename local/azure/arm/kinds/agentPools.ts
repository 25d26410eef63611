import { compareVersions, KUBERNETES, minorsBetween, POOL_SKEW } from '../catalogue/kubernetes.ts';
import { ArmError } from '../engine/errors.ts';
import { at, isObject, type JsonObject, number, object, text } from '../engine/json.ts';
import type { Kind, Progress, PutRequest, World } from '../engine/model.ts';
import type { Resource } from '../engine/store.ts';
import { locationOf } from '../engine/view.ts';
import {
  aksError,
  anotherOperation,
  badParameter,
  checkPool,
  checkPoolName,
  checkPoolQuota,
  checkSkew,
  checkUnchanged,
  checkUpgrade,
  supportedVersion,
} from './aksRules.ts';
import { putScaleSet, removeScaleSet } from './aksNodeGroup.ts';
import { managedClusterOf } from './aksMachines.ts';
import { without } from './common.ts';

export const CLUSTERS = 'Microsoft.ContainerService/managedClusters';
export const POOLS = `${CLUSTERS}/agentPools`;

const IMMUTABLE = [
  'vmSize',
  'osType',
  'osDiskSizeGB',
  'osDiskType',
  'maxPods',
  'vnetSubnetID',
  'availabilityZones',
  'type',
];

/** Pools of a cluster in order of creation. */
export function poolsOf(world: World, cluster: Resource): Resource[] {
  return [...world.store.ofType(POOLS)].filter((pool) => pool.key.startsWith(`${cluster.key}/agentpools/`));
}

/** The cluster of a pool's address; 404 when it is not there. */
export function clusterOf(world: World, id: string): Resource {
  const cluster = world.store.get(id.split('/').slice(0, 9).join('/').toLowerCase());
  if (cluster !== undefined) return cluster;
  throw new ArmError(
    404,
    'ParentResourceNotFound',
    `Can not perform requested operation on nested resource. Parent resource '${id.split('/')[8] ?? ''}' not found.`,
    { cause: 'gateway' },
  );
}

/** Refuses a write while an operation of the cluster or of one of its pools runs. */
export function checkIdle(world: World, cluster: Resource): void {
  if ([cluster, ...poolsOf(world, cluster)].every(({ busy }) => busy === undefined)) return;
  const [, , subscription = '', , group = ''] = cluster.id.split('/');
  throw anotherOperation(cluster.name, subscription, group);
}

export interface PoolContext {
  readonly cluster: string;
  readonly place: { readonly id: string; readonly location: string; readonly subscription: string };
  /** Full version of the control plane. */
  readonly version: string;
  /** What was asked for as version of the control plane. */
  readonly wish: string;
}

/** The properties of a pool, completed and checked. */
export function completePool(
  world: World,
  name: string,
  sent: JsonObject,
  existing: JsonObject | undefined,
  context: PoolContext,
): JsonObject {
  const before = existing ?? {};
  const os = text(sent['osType']) ?? text(before['osType']) ?? 'Linux';
  checkUnchanged(before, existing === undefined ? {} : sent, IMMUTABLE, 'properties.');
  const asked = text(sent['orchestratorVersion']);
  const wish = (asked === '' ? undefined : asked) ?? text(before['orchestratorVersion']) ?? context.wish;
  const keepsVersion =
    text(before['orchestratorVersion']) === wish || wish === text(before['currentOrchestratorVersion']);
  const version = keepsVersion
    ? (text(before['currentOrchestratorVersion']) ?? '')
    : supportedVersion(context.cluster, wish);
  const current = text(before['currentOrchestratorVersion']);
  if (current !== undefined) checkUpgrade(current, version);
  checkSkew(name, version, context.version);
  const autoscales = sent['enableAutoScaling'] === true;
  const merged: JsonObject = {
    osDiskSizeGB: 128,
    osDiskType: 'Managed',
    kubeletDiskType: 'OS',
    maxPods: 250,
    type: 'VirtualMachineScaleSets',
    enableAutoScaling: false,
    scaleDownMode: 'Delete',
    enableNodePublicIP: false,
    mode: 'User',
    osType: os,
    osSKU: os === 'Windows' ? 'Windows2022' : 'Ubuntu',
    enableFIPS: false,
    ...(existing === undefined ? {} : before),
    ...without(sent, 'name', 'powerState', 'currentOrchestratorVersion', 'nodeImageVersion', 'eTag'),
    count: number(sent['count']) ?? number(before['count']) ?? (autoscales ? number(sent['minCount']) : undefined) ?? 1,
    upgradeSettings: {
      maxSurge: '10%',
      maxUnavailable: '0',
      ...object(before['upgradeSettings']),
      ...object(sent['upgradeSettings']),
    },
    securityProfile: {
      sshAccess: 'LocalUser',
      enableVTPM: false,
      enableSecureBoot: false,
      ...object(before['securityProfile']),
      ...object(sent['securityProfile']),
    },
    powerState: { code: 'Running' },
    orchestratorVersion: wish,
    currentOrchestratorVersion: version,
    nodeImageVersion: imageOf(os, text(sent['osSKU']) ?? 'Ubuntu'),
  };
  const { minCount, maxCount, ...fixed } = merged;
  const complete = autoscales ? { ...fixed, minCount, maxCount } : fixed;
  const given = autoscales ? complete : { ...complete, ...pick(sent, 'minCount', 'maxCount') };
  const size = checkPool(world, name, given, context.place);
  checkPoolQuota(world, size, (number(merged['count']) ?? 0) - (number(before['count']) ?? 0), context.place);
  return complete;
}

function pick(value: JsonObject, ...names: readonly string[]): JsonObject {
  const present = names.filter((name) => value[name] !== undefined && value[name] !== null);
  return Object.fromEntries(present.map((name) => [name, value[name]]));
}

function imageOf(os: string, sku: string): string {
  if (os === 'Windows') return 'AKSWindows-2022-containerd-20348.4294.251104';
  return sku.startsWith('AzureLinux') ? 'AKSAzureLinux-V3gen2-202511.07.0' : 'AKSUbuntu-2204gen2containerd-202511.07.0';
}

export function contextOf(cluster: Resource): PoolContext {
  const [, , subscription = ''] = cluster.id.split('/');
  return {
    cluster: cluster.name,
    place: { id: cluster.id, location: locationOf(cluster), subscription: subscription.toLowerCase() },
    version: text(at(cluster.body, 'properties', 'currentKubernetesVersion')) ?? '',
    wish: text(at(cluster.body, 'properties', 'kubernetesVersion')) ?? '',
  };
}

/** What a change of a pool is: it decides state, duration and status texts (azure-recordings/managedClusters.json). */
function changeOf(before: JsonObject, after: JsonObject): 'Scaling' | 'Upgrading' | 'Updating' {
  if (text(before['currentOrchestratorVersion']) !== text(after['currentOrchestratorVersion'])) return 'Upgrading';
  return before['count'] === after['count'] ? 'Updating' : 'Scaling';
}

function progressOf(pool: Resource): Progress {
  const count = number(at(pool.body, 'properties', 'count')) ?? 1;
  const change = text(pool.hidden['change']) ?? 'Creating';
  const from = number(pool.hidden['countBefore']) ?? 0;
  if (change === 'Creating') {
    return {
      seconds: 168,
      phases: [
        { until: 0.1, status: 'CreatingAgentPool' },
        { until: 0.65, status: `CreatingAgentPool: 0/${count} nodes completed` },
        { until: 1, status: `CreatingAgentPool: ${count}/${count} nodes completed` },
      ],
    };
  }
  if (change === 'Scaling') {
    const difference = Math.abs(count - from);
    const verb = `ScalingAgentPool: 0/${difference} nodes completed`;
    return {
      seconds: 140,
      phases: [
        { until: 0.3, status: 'InProgress' },
        { until: 1, status: verb },
      ],
    };
  }
  if (change === 'Upgrading') {
    return {
      seconds: 136 + 182 * Math.max(1, count),
      phases: [
        { until: 0.05, status: 'UpgradingAgentPool' },
        { until: 0.3, status: 'RollingUpgradeCreatingSurgeNodes' },
        ...Array.from({ length: count }, (_, done) => ({
          until: 0.3 + (0.7 * (done + 1)) / count,
          status: `RollingUpgradeUpgradingNodes: ${done}/${count} nodes completed; 0 errors`,
        })),
      ],
    };
  }
  return { seconds: 42, phases: [{ until: 1, status: 'InProgress' }] };
}

function prepare(world: World, request: PutRequest) {
  const cluster = clusterOf(world, request.id.id);
  checkIdle(world, cluster);
  const bad = checkPoolName(request.name, text(request.properties['osType']) ?? 'Linux');
  if (bad !== undefined) throw bad;
  const before = request.existing === undefined ? undefined : object(request.existing.body['properties']);
  if (request.existing === undefined && poolsOf(world, cluster).length >= 100)
    throw aksError(
      400,
      'MaxAgentPoolCountReached',
      `The cluster '${cluster.name}' has 100 pools, the most that are allowed.`,
    );
  const properties = completePool(world, request.name, request.properties, before, contextOf(cluster));
  if (before?.['mode'] === 'System' && properties['mode'] !== 'System') keepSystemPool(world, cluster, request.name);
  return {
    body: { properties },
    hidden: {
      change: before === undefined ? 'Creating' : changeOf(before, properties),
      countBefore: number(before?.['count']) ?? 0,
    },
  };
}

function keepSystemPool(world: World, cluster: Resource, gone: string): void {
  const others = poolsOf(world, cluster).filter(
    ({ name, body }) => name !== gone && at(body, 'properties', 'mode') === 'System',
  );
  if (others.length > 0) return;
  throw aksError(
    400,
    'OperationNotAllowed',
    `There has to be at least one system agent pool: '${gone}' is the last one of '${cluster.name}'.`,
  );
}

/** Microsoft.ContainerService/managedClusters/agentPools. */
export const agentPools: Kind = {
  type: POOLS,
  label: 'AgentPool',
  tracked: false,
  etags: false,
  states: true,
  create: { status: 201, headers: 'async', seconds: 168, state: 'Creating', body: 'resource' },
  update: { status: 200, headers: 'async', seconds: 42, state: 'Updating', body: 'resource' },
  delete: { status: 202, headers: 'async+location', seconds: 33, state: 'Deleting', body: 'empty' },
  displayId: (id) => id.replace(/\/resourceGroups\//iu, '/resourcegroups/'),
  checkName: () => undefined,
  notFound: (name) =>
    new ArmError(404, 'NotFound', `Could not find the agentpool: ${name}.`, {
      details: [{ code: 'Unspecified', message: 'rpc error: code = NotFound desc = Agent Pool not found' }],
      bare: { subcode: 'GetAgentPool_NotFound_HCPServerError' },
    }),
  checkBusy: (world, pool) => checkIdle(world, clusterOf(world, pool.id)),
  prepare,
  progress: (_world, pool, operation) => (operation === 'put' ? progressOf(pool) : undefined),
  accepted(world, pool, created) {
    putScaleSet(world, clusterOf(world, pool.id), pool);
    const change = text(pool.hidden['change']);
    // The state names the change: Scaling, Upgrading.
    if (!created && change !== undefined) world.store.put({ ...pool, state: change });
  },
  ready: (world, pool) => machinesChanged(world, clusterOf(world, pool.id)),
  deletable(world, pool) {
    const cluster = clusterOf(world, pool.id);
    checkIdle(world, cluster);
    if (at(pool.body, 'properties', 'mode') === 'System') keepSystemPool(world, cluster, pool.name);
  },
  removed(world, pool) {
    const cluster = world.store.get(pool.key.split('/').slice(0, 9).join('/'));
    if (cluster === undefined) return;
    removeScaleSet(world, cluster, pool.name);
    machinesChanged(world, cluster);
  },
};

/** Tells the Kubernetes side what the cluster looks like now. */
export function machinesChanged(world: World, given: Resource): void {
  const cluster = world.store.get(given.key) ?? given;
  if (cluster.state === 'Creating') return;
  world.machines.managedClusters?.apply(managedClusterOf(world, cluster, poolsOf(world, cluster)));
}

/** Versions for `upgradeProfiles/default` of a pool and `availableAgentPoolVersions`. */
export function poolVersions(controlPlane: string): readonly string[] {
  return Object.values(KUBERNETES)
    .flat()
    .filter(
      (version) => compareVersions(version, controlPlane) <= 0 && minorsBetween(version, controlPlane) <= POOL_SKEW,
    );
}

/** The pools that a cluster's body names, by name. Throws when there is none, or none for the system. */
export function poolsIn(properties: JsonObject): ReadonlyMap<string, JsonObject> {
  const sent = Array.isArray(properties['agentPoolProfiles']) ? properties['agentPoolProfiles'].filter(isObject) : [];
  const pools = new Map(sent.map((pool) => [text(pool['name']) ?? '', pool]));
  if (pools.size < sent.length) throw badParameter('agentPoolProfiles', 'Two pools have the same name.');
  if (![...pools.values()].some((pool) => pool['mode'] === 'System'))
    throw aksError(
      400,
      'InvalidParameter',
      'At least one system agent pool is required: a Linux pool with mode System.',
      'agentPoolProfiles',
    );
  return pools;
}
