import { compareVersions, minorsBetween, patchOf, POOL_SKEW, upgradesOf } from '../catalogue/kubernetes.ts';
import { findSize, type Size } from '../catalogue/sizes.ts';
import { ArmError } from '../engine/errors.ts';
import { at, type JsonObject, list, number, object, objects, strings, text } from '../engine/json.ts';
import type { World } from '../engine/model.ts';
import { checkFamilyQuota, checkRestrictions } from './capacity.ts';
import { checkZones } from './common.ts';

/** A refusal of AKS: without the `error` wrapper, with a subcode (azure-recordings/README.md, Errors). */
export function aksError(status: number, code: string, message: string, target?: string): ArmError {
  return new ArmError(status, code, message, {
    details: [],
    ...(target === undefined ? {} : { target }),
    bare: { subcode: '' },
  });
}

/** 409 as AKS answers while another operation runs (azure-recordings/managedClusters.json). */
export function anotherOperation(name: string, subscription: string, group: string): ArmError {
  return new ArmError(
    409,
    'EtagMismatch',
    `Failed to save managed cluster ${name} in subscription ${subscription}, resource group ${group}. Operation is not allowed: Another operation is in progress`,
    {
      details: [{ code: 'Unspecified', message: 'rpc error: code = FailedPrecondition desc = Etag mismatched' }],
      bare: { subcode: 'PutManagedClusterAndAgentPools_FailedPrecondition' },
    },
  );
}

export function badParameter(target: string, message: string): ArmError {
  return aksError(400, 'InvalidParameter', message, target);
}

/** The patch of a wish; throws K8sVersionNotSupported. */
export function supportedVersion(name: string, wish: string): string {
  const patch = patchOf(wish);
  if (patch !== undefined) return patch;
  throw aksError(
    400,
    'K8sVersionNotSupported',
    `Managed cluster ${name} is on version ${wish}, which is not supported in this region. Please use [az aks get-versions] command to get the supported version list in this region. For more information, please check https://aka.ms/supported-version-list`,
  );
}

/** Refuses downgrades and jumps over a minor. */
export function checkUpgrade(from: string, to: string): void {
  if (from === to || upgradesOf(from).includes(to)) return;
  throw aksError(
    400,
    'OperationNotAllowed',
    compareVersions(to, from) < 0
      ? `Downgrading Kubernetes version ${from} to ${to} is not allowed.`
      : `Upgrading Kubernetes version ${from} to ${to} is not allowed. Available upgrades: [${upgradesOf(from).join(' ')}]. Please see https://aka.ms/aks-supported-k8s-ver for version details.`,
  );
}

/** Refuses a pool that is ahead of its control plane, or too far behind. */
export function checkSkew(pool: string, version: string, controlPlane: string): void {
  const behind = minorsBetween(version, controlPlane);
  if (compareVersions(version, controlPlane) <= 0 && behind <= POOL_SKEW) return;
  throw aksError(
    400,
    'NodePoolMcVersionIncompatible',
    `Node pool version ${version} and control plane version ${controlPlane} are incompatible: pool '${pool}' must not be newer than the control plane, and at most ${POOL_SKEW} minor versions older. For more information, please check https://aka.ms/aks/UpgradeVersionRules`,
  );
}

/** Refuses a change of what cannot change; absent in the request means unchanged. */
export function checkUnchanged(before: JsonObject, after: JsonObject, names: readonly string[], prefix = ''): void {
  const shown = (value: unknown): string => JSON.stringify(value ?? null).toLowerCase();
  for (const name of names) {
    if (after[name] === undefined || after[name] === null || shown(after[name]) === shown(before[name])) continue;
    const target = `${prefix}${name}`;
    throw aksError(400, 'PropertyChangeNotAllowed', `Changing property '${target}' is not allowed.`, target);
  }
}

export function checkPoolName(name: string, os: string): ArmError | undefined {
  const longest = os === 'Windows' ? 6 : 12;
  if (/^[a-z][a-z0-9]*$/u.test(name) && name.length <= longest) return undefined;
  return badParameter(
    'agentPoolProfile.name',
    `The agent pool name '${name}' is invalid: it begins with a lower-case letter, has lower-case letters and digits only and at most ${longest} characters for ${os} pools.`,
  );
}

function checkCounts(name: string, pool: JsonObject): void {
  const count = number(pool['count']) ?? 1;
  const least = pool['mode'] === 'System' ? 1 : 0;
  if (!Number.isInteger(count) || count < least || count > 1000)
    throw badParameter(
      'agentPoolProfile.count',
      `The count ${count} of pool '${name}' must be between ${least} and 1000.`,
    );
  if (pool['enableAutoScaling'] !== true) {
    if (pool['minCount'] === undefined && pool['maxCount'] === undefined) return;
    throw badParameter('agentPoolProfile.minCount', `minCount and maxCount of pool '${name}' need enableAutoScaling.`);
  }
  const [min, max] = [number(pool['minCount']), number(pool['maxCount'])];
  if (min !== undefined && max !== undefined && min >= least && min <= max && max <= 1000) return;
  throw badParameter(
    'agentPoolProfile.maxCount',
    `Pool '${name}' has autoscaling: minCount from ${least} and maxCount up to 1000 are needed, minCount not above maxCount.`,
  );
}

const MODES = new Set(['System', 'User']);
const OS_SKUS: Readonly<Record<string, readonly string[]>> = {
  Linux: ['Ubuntu', 'Ubuntu2204', 'Ubuntu2404', 'AzureLinux', 'AzureLinux3', 'CBLMariner'],
  Windows: ['Windows2019', 'Windows2022', 'Windows2025'],
};

/** Everything a pool must be on its own. Throws the refusals of AKS. */
export function checkPool(world: World, name: string, pool: JsonObject, where: PoolPlace): Size {
  const os = text(pool['osType']) ?? 'Linux';
  if (OS_SKUS[os] === undefined) throw badParameter('agentPoolProfile.osType', `The osType '${os}' is invalid.`);
  const bad = checkPoolName(name, os);
  if (bad !== undefined) throw bad;
  if (!OS_SKUS[os].includes(text(pool['osSKU']) ?? ''))
    throw badParameter('agentPoolProfile.osSKU', `The osSKU '${text(pool['osSKU']) ?? ''}' does not fit ${os}.`);
  if (!MODES.has(text(pool['mode']) ?? ''))
    throw badParameter('agentPoolProfile.mode', `The mode '${text(pool['mode']) ?? ''}' is invalid: System or User.`);
  if (pool['mode'] === 'System' && (os !== 'Linux' || pool['scaleSetPriority'] === 'Spot'))
    throw badParameter('agentPoolProfile.mode', `The system pool '${name}' must be a regular Linux pool.`);
  checkCounts(name, pool);
  for (const taint of strings(pool['nodeTaints'])) {
    if (/^[\w./-]+(?:=[\w.-]*)?:(?:NoSchedule|PreferNoSchedule|NoExecute)$/u.test(taint)) continue;
    throw badParameter('agentPoolProfile.nodeTaints', `The taint '${taint}' is invalid.`);
  }
  const size = findSize(text(pool['vmSize']) ?? '');
  if (size === undefined || (pool['mode'] === 'System' && (size.cores < 2 || size.memoryGiB < 4))) {
    throw badParameter(
      'agentPoolProfile.vmSize',
      `The VM size of '${text(pool['vmSize']) ?? ''}' is not allowed in your subscription in location '${where.location}', or too small for a ${text(pool['mode']) ?? ''} pool.`,
    );
  }
  const zones = strings(pool['availabilityZones']);
  checkZones(zones, where.location, 'Microsoft.ContainerService/managedClusters/agentPools', name);
  for (const zone of zones.length === 0 ? [undefined] : zones)
    checkRestrictions(world, size, where.location, zone, where.id, where.subscription);
  const subnet = text(pool['vnetSubnetID']);
  if (subnet !== undefined && world.store.get(subnet.split('/').slice(0, -2).join('/').toLowerCase()) === undefined)
    throw badParameter('agentPoolProfile.vnetSubnetID', `The subnet '${subnet}' was not found.`);
  return size;
}

export interface PoolPlace {
  readonly id: string;
  readonly location: string;
  readonly subscription: string;
}

/** Refuses what the quota has no room for; `more` new machines of a size. */
export function checkPoolQuota(world: World, size: Size, more: number, where: PoolPlace): void {
  const lacking =
    more > 0 ? checkFamilyQuota(world, size, more * size.cores, where.location, where.subscription) : undefined;
  if (lacking === undefined) return;
  throw aksError(
    400,
    'ErrCode_InsufficientVCPUQuota',
    `Insufficient vcpu quota requested ${more * size.cores}, remaining ${lacking.remaining} for family ${lacking.family} for region ${where.location}.`,
  );
}

const CHANNELS = ['none', 'patch', 'stable', 'rapid', 'node-image'];
const NODE_CHANNELS = ['None', 'Unmanaged', 'SecurityPatch', 'NodeImage'];

/** Everything a cluster must be apart from its pools. Throws the refusals of AKS. */
export function checkCluster(world: World, body: JsonObject, properties: JsonObject): void {
  const prefix = text(properties['dnsPrefix']) ?? '';
  if (!/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,52}[A-Za-z0-9])?$/u.test(prefix))
    throw badParameter(
      'dnsPrefix',
      `The DNS prefix '${prefix}' is invalid: 1 to 54 letters, digits and inner hyphens.`,
    );
  const { name: skuName = 'Base', tier = 'Free' } = object(body['sku']);
  if (skuName !== 'Base' || !['Free', 'Standard', 'Premium'].includes(text(tier) ?? ''))
    throw badParameter(
      'sku',
      `The sku ${JSON.stringify(body['sku'])} is invalid: name Base, tier Free, Standard or Premium.`,
    );
  if (properties['supportPlan'] === 'AKSLongTermSupport' && tier !== 'Premium')
    throw badParameter('supportPlan', 'The support plan AKSLongTermSupport needs the tier Premium.');
  const upgrades = object(properties['autoUpgradeProfile']);
  const channel = text(upgrades['upgradeChannel']);
  const nodeChannel = text(upgrades['nodeOSUpgradeChannel']);
  if (channel !== undefined && !CHANNELS.includes(channel))
    throw badParameter(
      'autoUpgradeProfile.upgradeChannel',
      `The channel '${channel}' is not one of ${CHANNELS.join(', ')}.`,
    );
  if (nodeChannel !== undefined && !NODE_CHANNELS.includes(nodeChannel))
    throw badParameter(
      'autoUpgradeProfile.nodeOSUpgradeChannel',
      `The channel '${nodeChannel}' is not one of ${NODE_CHANNELS.join(', ')}.`,
    );
  if (channel === 'node-image' && nodeChannel !== undefined && nodeChannel !== 'NodeImage')
    throw badParameter(
      'autoUpgradeProfile.nodeOSUpgradeChannel',
      'The channel node-image needs the node channel NodeImage.',
    );
  for (const key of objects(at(properties, 'linuxProfile', 'ssh', 'publicKeys'))) {
    if (/^ssh-rsa [A-Za-z0-9+/]+=*(?: .*)?\s*$/u.test(text(key['keyData']) ?? '')) continue;
    throw badParameter('linuxProfile.ssh.publicKeys.keyData', 'The SSH public key is invalid: AKS takes RSA keys.');
  }
  if (properties['disableLocalAccounts'] === true && at(properties, 'aadProfile', 'managed') !== true)
    throw badParameter(
      'disableLocalAccounts',
      'Local accounts can be disabled only with managed Entra ID integration (aadProfile.managed).',
    );
  checkIdentity(world, body, properties);
  checkNetwork(properties);
}

function checkIdentity(world: World, body: JsonObject, properties: JsonObject): void {
  const type = text(at(body, 'identity', 'type')) ?? 'None';
  const principal = text(at(properties, 'servicePrincipalProfile', 'clientId'));
  if (type === 'None' && (principal === undefined || principal === 'msi'))
    throw badParameter(
      'identity',
      'A cluster needs an identity: SystemAssigned, UserAssigned, or a service principal.',
    );
  for (const id of Object.keys(object(at(body, 'identity', 'userAssignedIdentities')))) {
    if (world.store.get(id.toLowerCase()) === undefined)
      throw badParameter('identity.userAssignedIdentities', `The identity '${id}' was not found.`);
  }
}

function checkNetwork(properties: JsonObject): void {
  const network = object(properties['networkProfile']);
  const plugin = text(network['networkPlugin']);
  if (plugin !== undefined && !['azure', 'kubenet', 'none'].includes(plugin))
    throw badParameter(
      'networkProfile.networkPlugin',
      `The network plugin '${plugin}' is invalid: azure, kubenet or none.`,
    );
  const windows = objects(properties['agentPoolProfiles']).some((pool) => pool['osType'] === 'Windows');
  if (windows && plugin !== undefined && plugin !== 'azure')
    throw badParameter('networkProfile.networkPlugin', 'Windows pools need the network plugin azure.');
  if (text(network['networkPluginMode']) === 'overlay' && plugin === 'kubenet')
    throw badParameter('networkProfile.networkPluginMode', 'The overlay mode needs the network plugin azure.');
  if (list(properties['agentPoolProfiles']).length > 100)
    throw badParameter('agentPoolProfiles', 'A cluster has at most 100 pools.');
}
