import type {
  ContainerServiceNetworkProfile,
  ManagedCluster,
  ManagedClusterAddonProfile,
  ManagedClusterAgentPoolProfile,
} from '@azure/arm-containerservice';
import type { ManagedPlan } from '#domain/managed/types.ts';
import { agentPoolProperties } from '../agentPool/spec.ts';
import type { SpecInput } from '../resource/kind.ts';
import { common } from '../resource/reconcile.ts';
import type { ResourceOutputs } from '../types.ts';
import { compareVersions, same } from './changes.ts';

type Input = SpecInput<ManagedPlan>;

/** Name of AKS's administrator on Linux nodes, as CAPZ and the az CLI choose it. */
const adminUsername = 'azureuser';

/** Fields of a cluster that may change as long as it lives, with the values the plan asks for. */
type Changeable = Pick<
  ManagedCluster,
  | 'tags'
  | 'sku'
  | 'kubernetesVersion'
  | 'autoUpgradeProfile'
  | 'aadProfile'
  | 'disableLocalAccounts'
  | 'apiServerAccessProfile'
  | 'addonProfiles'
  | 'oidcIssuerProfile'
  | 'securityProfile'
>;

/**
 * The AKS cluster. A new one is made with all of its pools in one write; later writes carry the pools as they are, which
 * have resources of their own. Tags and names are CAPZ's (managed clusters have the role `common`).
 */
export function managedClusterSpec(input: Input, existing: ManagedCluster | undefined): ManagedCluster | undefined {
  if (existing === undefined) return created(input);
  const wanted = changed(input, existing);
  return Object.keys(wanted).length === 0 ? undefined : { ...existing, ...wanted };
}

/** Fields in which a cluster differs from the plan. */
export function managedClusterDiffers(input: Input, existing: ManagedCluster): readonly string[] {
  return Object.keys(changed(input, existing));
}

function created(input: Input): ManagedCluster {
  const { plan } = input;
  const { managed, spec } = plan;
  const [key] = spec.sshKeys;
  return {
    ...common(input, { role: 'common' }),
    identity: { type: 'UserAssigned', userAssignedIdentities: { [plan.identity.id]: {} } },
    dnsPrefix: managed.dnsPrefix,
    nodeResourceGroup: managed.nodeResourceGroup,
    enableRbac: true,
    servicePrincipalProfile: { clientId: 'msi' },
    networkProfile: networkProfile(plan),
    agentPoolProfiles: managed.pools.map(
      (pool): ManagedClusterAgentPoolProfile => ({ ...agentPoolProperties(plan, pool), name: pool.name }),
    ),
    ...(key === undefined ? {} : { linuxProfile: { adminUsername, ssh: { publicKeys: [{ keyData: key }] } } }),
    ...proxyConfig(plan),
    ...changeable(input, undefined),
  };
}

function networkProfile({ spec, managed }: ManagedPlan): ContainerServiceNetworkProfile {
  const { network } = spec;
  const { overlay, podCidr, dnsServiceIp } = managed.network;
  return {
    networkPlugin: network.plugin,
    ...(overlay ? { networkPluginMode: 'overlay' } : {}),
    networkPolicy: network.policy,
    ...(podCidr === undefined ? {} : { podCidr }),
    serviceCidr: network.serviceCidr,
    dnsServiceIP: dnsServiceIp,
    outboundType: network.outbound,
    loadBalancerSku: 'standard',
  };
}

function proxyConfig({ spec }: ManagedPlan): Pick<ManagedCluster, 'httpProxyConfig'> {
  const { proxy, trustedCa } = spec;
  if (proxy === undefined && trustedCa === undefined) return {};
  return {
    httpProxyConfig: {
      ...(proxy?.httpProxy === undefined ? {} : { httpProxy: proxy.httpProxy }),
      ...(proxy?.httpsProxy === undefined ? {} : { httpsProxy: proxy.httpsProxy }),
      ...(proxy === undefined || proxy.noProxy.length === 0 ? {} : { noProxy: [...proxy.noProxy] }),
      ...(trustedCa === undefined ? {} : { trustedCa: Buffer.from(trustedCa).toString('base64') }),
    },
  };
}

/** The changeable fields as the plan wants them; what nobody asked for and nobody has stays out. */
function changeable(input: Input, existing: ManagedCluster | undefined): Changeable {
  const { managedControlPlane: wanted, network } = input.plan.spec;
  const { aadProfile, autoUpgradeProfile, workloadIdentity } = wanted;
  const nodes = autoUpgradeProfile.nodeOSUpgradeChannel ?? existing?.autoUpgradeProfile?.nodeOSUpgradeChannel;
  const isPrivate = network.api.exposure === 'private';
  return {
    tags: tagsOf(input, existing),
    sku: { name: 'Base', tier: wanted.sku },
    kubernetesVersion: versionOf(input.plan.managed.kubernetesVersion, existing),
    autoUpgradeProfile: {
      upgradeChannel: autoUpgradeProfile.upgradeChannel,
      // The channel of the node images follows the channel node-image.
      ...(autoUpgradeProfile.upgradeChannel === 'node-image' ? { nodeOSUpgradeChannel: 'NodeImage' } : {}),
      ...(autoUpgradeProfile.upgradeChannel === 'node-image' || nodes === undefined
        ? {}
        : { nodeOSUpgradeChannel: nodes }),
    },
    ...(aadProfile === undefined
      ? {}
      : {
          aadProfile: {
            ...existing?.aadProfile,
            managed: true,
            enableAzureRbac: aadProfile.enableAzureRBAC,
            adminGroupObjectIDs: [...aadProfile.adminGroupObjectIDs],
          },
        }),
    disableLocalAccounts: wanted.disableLocalAccounts,
    apiServerAccessProfile: {
      ...existing?.apiServerAccessProfile,
      ...(isPrivate
        ? { enablePrivateCluster: true, enablePrivateClusterPublicFqdn: false }
        : { authorizedIPRanges: [...network.api.allowedCidrs] }),
    },
    addonProfiles: addonsOf(input, existing),
    ...(workloadIdentity || existing?.oidcIssuerProfile?.enabled === true
      ? { oidcIssuerProfile: { ...existing?.oidcIssuerProfile, enabled: true } }
      : {}),
    securityProfile: {
      ...existing?.securityProfile,
      ...(workloadIdentity || existing?.securityProfile?.workloadIdentity?.enabled === true
        ? { workloadIdentity: { enabled: workloadIdentity } }
        : {}),
    },
  };
}

/** Tags of others (policies) stay; those that the document had and no longer has go. */
function tagsOf(input: Input, existing: ManagedCluster | undefined): Record<string, string> {
  const removed = new Set(input.plan.managed.removedTags);
  const others = Object.entries(existing?.tags ?? {}).filter(([key]) => !removed.has(key));
  return { ...Object.fromEntries(others), ...common(input, { role: 'common' }).tags };
}

/** An upgrade channel may have gone ahead of the document; there is no way back. */
function versionOf(wanted: string, existing: ManagedCluster | undefined): string {
  const running = existing?.currentKubernetesVersion ?? existing?.kubernetesVersion;
  if (running === undefined || compareVersions(wanted, running) > 0) return wanted;
  return existing?.kubernetesVersion ?? running;
}

/** Add-ons that the document names; what others enabled is not ours to undo. */
function addonsOf(input: Input, existing: ManagedCluster | undefined): Record<string, ManagedClusterAddonProfile> {
  const { azurepolicy, omsagent } = input.plan.spec.managedControlPlane.addonProfiles;
  const there = existing?.addonProfiles ?? {};
  const profile = (name: string, enabled: boolean | undefined, config?: Record<string, string>) => {
    const key = Object.keys(there).find((other) => other.toLowerCase() === name.toLowerCase()) ?? name;
    if (enabled === undefined && there[key]?.enabled !== true) return {};
    return { [key]: { ...there[key], enabled: enabled ?? false, ...(config === undefined ? {} : { config }) } };
  };
  return {
    ...there,
    ...profile('azurepolicy', azurepolicy?.enabled),
    ...profile('omsagent', omsagent?.enabled, omsagent?.config),
  };
}

function changed(input: Input, existing: ManagedCluster): Partial<Changeable> {
  const wanted = changeable(input, existing);
  const fields = Object.entries(wanted).filter(
    ([field, value]) => value !== undefined && !same(value, withDefaults(existing)[field as keyof Changeable]),
  );
  return Object.fromEntries(fields);
}

/** What AKS leaves out of its answers means these values. */
function withDefaults(existing: ManagedCluster): Changeable {
  const { aadProfile } = existing;
  return {
    ...existing,
    disableLocalAccounts: existing.disableLocalAccounts ?? false,
    autoUpgradeProfile: { upgradeChannel: 'none', ...existing.autoUpgradeProfile },
    ...(aadProfile === undefined
      ? {}
      : { aadProfile: { ...aadProfile, enableAzureRbac: aadProfile.enableAzureRbac ?? false } }),
  };
}

/** Name of the API server, group of the nodes, and the version that runs. */
export function managedClusterOutputs(body: ManagedCluster): ResourceOutputs {
  const host = body.fqdn ?? body.privateFqdn;
  return {
    ...(host === undefined ? {} : { host }),
    ...(body.nodeResourceGroup === undefined ? {} : { nodeResourceGroup: body.nodeResourceGroup }),
    ...(body.currentKubernetesVersion === undefined ? {} : { kubernetesVersion: body.currentKubernetesVersion }),
    ...(body.oidcIssuerProfile?.issuerURL === undefined ? {} : { oidcIssuer: body.oidcIssuerProfile.issuerURL }),
  };
}
