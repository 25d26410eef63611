import { DEFAULT_MINOR } from '../catalogue/kubernetes.ts';
import { at, type JsonObject, list, object, text } from '../engine/json.ts';
import type { Prepared, PutRequest, World } from '../engine/model.ts';
import { checkIdle, completePool, type PoolContext, poolsIn, poolsOf } from './agentPools.ts';
import { checkCluster, checkUnchanged, checkUpgrade, supportedVersion } from './aksRules.ts';
import { envelope, without } from './common.ts';

const IMMUTABLE = ['dnsPrefix', 'nodeResourceGroup', 'enableRBAC', 'fqdnSubdomain'];
const IMMUTABLE_NETWORK = [
  'networkPlugin',
  'podCidr',
  'serviceCidr',
  'dnsServiceIP',
  'loadBalancerSku',
  'networkPluginMode',
];
const READ_ONLY = [
  'powerState',
  'fqdn',
  'privateFQDN',
  'azurePortalFQDN',
  'currentKubernetesVersion',
  'maxAgentPools',
  'resourceUID',
  'identityProfile',
];

function networkProfile(sent: JsonObject, before: JsonObject): JsonObject {
  const plugin = text(sent['networkPlugin']) ?? text(before['networkPlugin']) ?? 'azure';
  const isNew = before['networkPlugin'] === undefined;
  const overlay =
    isNew && plugin === 'azure' && sent['networkPluginMode'] === undefined && sent['networkPlugin'] === undefined;
  const outboundType = text(sent['outboundType']) ?? text(before['outboundType']) ?? 'loadBalancer';
  const podCidr =
    text(sent['podCidr']) ??
    text(before['podCidr']) ??
    (plugin === 'azure' && !overlay && sent['networkPluginMode'] !== 'overlay' ? undefined : '10.244.0.0/16');
  const serviceCidr = text(sent['serviceCidr']) ?? text(before['serviceCidr']) ?? '10.0.0.0/16';
  return {
    networkPolicy: 'none',
    networkDataplane: 'azure',
    loadBalancerSku: 'standard',
    dnsServiceIP: '10.0.0.10',
    ...before,
    ...sent,
    networkPlugin: plugin,
    ...(overlay ? { networkPluginMode: 'overlay' } : {}),
    outboundType,
    ...(outboundType === 'loadBalancer'
      ? {
          loadBalancerProfile: {
            managedOutboundIPs: { count: 1 },
            backendPoolType: 'nodeIPConfiguration',
            ...object(before['loadBalancerProfile']),
            ...object(sent['loadBalancerProfile']),
          },
        }
      : {}),
    ...(podCidr === undefined ? {} : { podCidr, podCidrs: [podCidr] }),
    serviceCidr,
    serviceCidrs: [serviceCidr],
    ipFamilies: ['IPv4'],
  };
}

/** Names of the API server: `<prefix>-<8 characters>.hcp.<region>.azmk8s.io`, private ones under privatelink. */
function addressesOf(world: World, request: PutRequest, properties: JsonObject): JsonObject {
  const host = `${text(properties['dnsPrefix']) ?? ''}-${world.random
    .filler(8, 'aks name', request.id.key)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/gu, 'x')}`;
  const access = object(properties['apiServerAccessProfile']);
  const isPrivate = access['enablePrivateCluster'] === true;
  const fqdn = `${host}.hcp.${request.location}.azmk8s.io`;
  return {
    ...(isPrivate
      ? {
          privateFQDN: `${host}.${world.random
            .filler(8, 'aks zone', request.id.key)
            .toLowerCase()
            .replaceAll(/[^a-z0-9]/gu, 'x')}.privatelink.${request.location}.azmk8s.io`,
        }
      : {}),
    ...(isPrivate && access['enablePrivateClusterPublicFQDN'] !== true ? {} : { fqdn }),
    azurePortalFQDN: `${host}.portal.hcp.${request.location}.azmk8s.io`,
  };
}

function identityOf(world: World, request: PutRequest): JsonObject | undefined {
  const sent = object(request.body['identity'] ?? request.existing?.body['identity']);
  const before = object(request.existing?.body['identity']);
  if (sent['type'] === 'SystemAssigned')
    return {
      type: 'SystemAssigned',
      principalId: before['principalId'] ?? world.random.uuid(),
      tenantId: world.tenantId,
    };
  if (sent['type'] !== 'UserAssigned') return undefined;
  const ids = Object.keys(object(sent['userAssignedIdentities'])).map((id) => {
    const properties = object(world.store.get(id.toLowerCase())?.body['properties']);
    return [id, { principalId: properties['principalId'], clientId: properties['clientId'] }] as const;
  });
  return { type: 'UserAssigned', userAssignedIdentities: Object.fromEntries(ids) };
}

/** Validates and completes a cluster's body; its pools travel in `hidden.pools`. */
export function prepareCluster(world: World, request: PutRequest): Prepared {
  const { existing, body } = request;
  const before = object(existing?.body['properties']);
  if (existing !== undefined) checkIdle(world, existing);
  const sent = {
    ...(existing === undefined ? {} : pick(before, 'dnsPrefix', 'servicePrincipalProfile')),
    ...request.properties,
  };
  if (existing !== undefined) {
    checkUnchanged(before, sent, IMMUTABLE);
    checkUnchanged(
      object(before['networkProfile']),
      object(sent['networkProfile']),
      IMMUTABLE_NETWORK,
      'networkProfile.',
    );
    checkUnchanged(
      object(before['apiServerAccessProfile']),
      object(sent['apiServerAccessProfile']),
      ['enablePrivateCluster'],
      'apiServerAccessProfile.',
    );
  }
  checkCluster(world, { ...pick(existing?.body ?? {}, 'identity', 'sku'), ...body }, sent);
  // The az CLI sends an empty text where no version was asked for.
  const asked = text(sent['kubernetesVersion']);
  const wish = (asked === '' ? undefined : asked) ?? text(before['kubernetesVersion']) ?? DEFAULT_MINOR;
  const current = text(before['currentKubernetesVersion']);
  const version =
    current !== undefined && (wish === current || wish === text(before['kubernetesVersion']))
      ? current
      : supportedVersion(request.name, wish);
  if (current !== undefined) checkUpgrade(current, version);
  const [, , subscription = ''] = request.id.id.split('/');
  const place = { id: request.id.id, location: request.location, subscription: subscription.toLowerCase() };
  const pools = completedPools(world, request, sent, { cluster: request.name, place, version, wish });
  const isFree = object(body['sku'])['tier'] === undefined && existing !== undefined;
  const identity = identityOf(world, request);
  return {
    body: {
      ...envelope(body),
      kind: 'Base',
      ...(identity === undefined ? {} : { identity }),
      sku: isFree ? existing.body['sku'] : { name: 'Base', tier: text(object(body['sku'])['tier']) ?? 'Free' },
      properties: {
        ...completedProperties(world, request, sent),
        kubernetesVersion: wish,
        currentKubernetesVersion: version,
      },
    },
    hidden: {
      outboundAddress: text(existing?.hidden['outboundAddress']) ?? world.random.uuid(),
      pools,
      change: current !== undefined && current !== version ? 'Upgrading' : 'Updating',
    },
  };
}

/** Everything but the version: defaults, what the caller sent, and what only AKS decides. */
function completedProperties(world: World, request: PutRequest, sent: JsonObject): JsonObject {
  const { existing } = request;
  const before = object(existing?.body['properties']);
  const group = request.id.id.split('/')[4] ?? '';
  return {
    enableRBAC: true,
    supportPlan: 'KubernetesOfficial',
    nodeResourceGroup: `MC_${group}_${request.name}_${request.location}`.slice(0, 80),
    maxAgentPools: 100,
    powerState: { code: 'Running' },
    securityProfile: {},
    storageProfile: {
      diskCSIDriver: { enabled: true },
      fileCSIDriver: { enabled: true },
      snapshotController: { enabled: true },
    },
    workloadAutoScalerProfile: {},
    resourceUID: world.random.filler(24, 'aks uid', request.id.key),
    metricsProfile: { costAnalysis: { enabled: false } },
    nodeProvisioningProfile: { mode: 'Manual' },
    bootstrapProfile: { artifactSource: 'Direct' },
    ...(existing === undefined
      ? addressesOf(world, request, sent)
      : pick(before, ...READ_ONLY, 'nodeResourceGroup', 'resourceUID', 'addonProfiles')),
    ...without(sent, ...READ_ONLY, 'agentPoolProfiles'),
    autoUpgradeProfile: autoUpgrade(object(sent['autoUpgradeProfile'] ?? before['autoUpgradeProfile'])),
    oidcIssuerProfile: issuer(world, request, object(sent['oidcIssuerProfile'] ?? before['oidcIssuerProfile'])),
    ...(sent['aadProfile'] === undefined
      ? {}
      : { aadProfile: { tenantID: world.tenantId, ...object(sent['aadProfile']) } }),
    servicePrincipalProfile: { clientId: text(at(sent, 'servicePrincipalProfile', 'clientId')) ?? 'msi' },
    networkProfile: networkProfile(object(sent['networkProfile']), object(before['networkProfile'])),
  };
}

/** Pools after the write; a body without pools keeps those that are there. */
function completedPools(
  world: World,
  request: PutRequest,
  sent: JsonObject,
  context: PoolContext,
): Readonly<Record<string, JsonObject>> {
  const existing = request.existing === undefined ? [] : poolsOf(world, request.existing);
  if (request.existing !== undefined && list(sent['agentPoolProfiles']).length === 0)
    return Object.fromEntries(existing.map((pool) => [pool.name, object(pool.body['properties'])]));
  return Object.fromEntries(
    [...poolsIn(sent)].map(([name, pool]) => {
      const before = existing.find((item) => item.name === name)?.body['properties'];
      return [name, completePool(world, name, pool, before === undefined ? undefined : object(before), context)];
    }),
  );
}

function pick(value: JsonObject, ...names: readonly string[]): JsonObject {
  return Object.fromEntries(names.filter((name) => value[name] !== undefined).map((name) => [name, value[name]]));
}

function autoUpgrade(sent: JsonObject): JsonObject {
  return { ...sent, nodeOSUpgradeChannel: text(sent['nodeOSUpgradeChannel']) ?? 'NodeImage' };
}

function issuer(world: World, request: PutRequest, sent: JsonObject): JsonObject {
  if (sent['enabled'] !== true) return { enabled: false };
  const path = `${world.tenantId}/${world.random
    .filler(32, 'oidc', request.id.key)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/gu, '0')}`;
  return { enabled: true, issuerURL: `https://${request.location}.oic.prod-aks.azure.com/${path}/` };
}
