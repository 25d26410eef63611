import type { AgentPool, ManagedCluster } from '@azure/arm-containerservice';
import { describe, expect, it } from 'vitest';
import type { ManagedPlan } from '#domain/managed/types.ts';
import { agentPoolSpec } from '../../../azure/agentPool/spec.ts';
import { cloudOf } from '../../../azure/clients/cloud.ts';
import { managedNetworkSpec } from '../../../azure/managedCluster/network.ts';
import { managedClusterDiffers, managedClusterSpec } from '../../../azure/managedCluster/spec.ts';
import { managedPlan } from '../../support/managed-sample.ts';

const input = (plan: ManagedPlan, key = 'managedCluster') => ({
  plan,
  resource: plan.resources.find((resource) => resource.key === key)!,
  outputs: {},
  cloud: cloudOf('public'),
});
const body = (spec: object): ManagedCluster => managedClusterSpec(input(managedPlan(spec)), undefined)!;
const system = { name: 'system', mode: 'System', replicas: 1, vmSize: 'Standard_D2s_v5' };
const key = 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ== ops';
const groups = ['99999999-9999-4999-8999-999999999999'];

/** What AKS fills in by itself (azure-recordings/managedClusters.json, the answer of 2026-01-24). */
function answered(sent: ManagedCluster): ManagedCluster {
  return {
    ...sent,
    id: '/subscriptions/s/resourcegroups/platform/providers/Microsoft.ContainerService/managedClusters/aks',
    provisioningState: 'Succeeded',
    powerState: { code: 'Running' },
    currentKubernetesVersion: sent.kubernetesVersion!,
    supportPlan: 'KubernetesOfficial',
    agentPoolProfiles: (sent.agentPoolProfiles ?? []).map((pool) => ({ ...pool, maxPods: 250, osSKU: 'Ubuntu' })),
    autoUpgradeProfile: { nodeOSUpgradeChannel: 'NodeImage', ...sent.autoUpgradeProfile },
    securityProfile: { ...sent.securityProfile },
    oidcIssuerProfile: { enabled: false, ...sent.oidcIssuerProfile },
    storageProfile: { diskCSIDriver: { enabled: true }, fileCSIDriver: { enabled: true } },
    networkProfile: { ...sent.networkProfile, networkDataplane: 'azure', ipFamilies: ['IPv4'] },
    metricsProfile: { costAnalysis: { enabled: false } },
  };
}

describe('the body of an AKS cluster', () => {
  const tiers = ['Free', 'Standard'] as const;
  const channels = ['none', 'patch', 'stable', 'rapid', 'node-image'] as const;

  it.each(tiers.flatMap((tier) => channels.map((upgradeChannel) => ({ tier, upgradeChannel }))))(
    'has tier $tier and channel $upgradeChannel as they were asked for, written either way',
    ({ tier, upgradeChannel }) => {
      for (const sku of [tier, { tier }]) {
        const sent = body({ managedControlPlane: { sku, autoUpgradeProfile: { upgradeChannel } } });
        expect([sent.sku, sent.autoUpgradeProfile]).toEqual([
          { name: 'Base', tier },
          { upgradeChannel, ...(upgradeChannel === 'node-image' ? { nodeOSUpgradeChannel: 'NodeImage' } : {}) },
        ]);
      }
    },
  );

  it('is the one of the recorded clusters, with the names and tags that CAPZ adopts', () => {
    expect(body({ sshKeys: [key] })).toEqual({
      location: 'westeurope',
      tags: {
        department: 'finance',
        'sigs.k8s.io_cluster-api-provider-azure_cluster_aks': 'owned',
        'sigs.k8s.io_cluster-api-provider-azure_role': 'common',
        Name: 'aks',
      },
      identity: {
        type: 'UserAssigned',
        userAssignedIdentities: {
          '/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/platform/providers/Microsoft.ManagedIdentity/userAssignedIdentities/aks-identity':
            {},
        },
      },
      sku: { name: 'Base', tier: 'Standard' },
      kubernetesVersion: '1.33.4',
      dnsPrefix: 'aks',
      nodeResourceGroup: 'MC_platform_aks_westeurope',
      enableRbac: true,
      servicePrincipalProfile: { clientId: 'msi' },
      linuxProfile: { adminUsername: 'azureuser', ssh: { publicKeys: [{ keyData: key }] } },
      networkProfile: {
        networkPlugin: 'azure',
        networkPluginMode: 'overlay',
        networkPolicy: 'none',
        podCidr: '10.244.0.0/16',
        serviceCidr: '10.0.0.0/16',
        dnsServiceIP: '10.0.0.10',
        outboundType: 'loadBalancer',
        loadBalancerSku: 'standard',
      },
      agentPoolProfiles: [
        {
          name: 'system',
          mode: 'System',
          count: 1,
          enableAutoScaling: false,
          vmSize: 'Standard_D2s_v5',
          osType: 'Linux',
          osDiskSizeGB: 128,
          type: 'VirtualMachineScaleSets',
          availabilityZones: ['1', '2', '3'],
          vnetSubnetID:
            '/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/platform/providers/Microsoft.Network/virtualNetworks/aks/subnets/aks',
          orchestratorVersion: '1.33.4',
          nodeLabels: {},
          nodeTaints: [],
          tags: { department: 'finance' },
          upgradeSettings: { maxSurge: '10%' },
        },
      ],
      autoUpgradeProfile: { upgradeChannel: 'none' },
      disableLocalAccounts: false,
      apiServerAccessProfile: { authorizedIPRanges: [] },
      addonProfiles: {},
      securityProfile: {},
    } satisfies ManagedCluster);
  });

  const workspace = '/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/w';
  const subnet = {
    id: '/subscriptions/s/resourceGroups/network/providers/Microsoft.Network/virtualNetworks/corp/subnets/nodes',
    name: 'nodes',
    cidr: '10.60.1.0/24',
  };
  it.each<[string, object, Partial<ManagedCluster>]>([
    [
      'Entra ID without local accounts',
      {
        managedControlPlane: { aadProfile: { managed: true, adminGroupObjectIDs: groups }, disableLocalAccounts: true },
      },
      {
        aadProfile: { managed: true, enableAzureRbac: false, adminGroupObjectIDs: groups },
        disableLocalAccounts: true,
      },
    ],
    [
      'a private API server',
      { network: { api: { exposure: 'private' } } },
      { apiServerAccessProfile: { enablePrivateCluster: true, enablePrivateClusterPublicFqdn: false } },
    ],
    [
      'a public API server for some',
      { network: { api: { allowedCidrs: ['203.0.113.0/24'] } } },
      { apiServerAccessProfile: { authorizedIPRanges: ['203.0.113.0/24'] } },
    ],
    [
      'workload identity',
      { managedControlPlane: { workloadIdentity: true } },
      { oidcIssuerProfile: { enabled: true }, securityProfile: { workloadIdentity: { enabled: true } } },
    ],
    [
      'Azure Policy and monitoring',
      {
        managedControlPlane: {
          addonProfiles: {
            azurepolicy: { enabled: true },
            omsagent: { enabled: true, config: { logAnalyticsWorkspaceResourceID: workspace } },
          },
        },
      },
      {
        addonProfiles: {
          azurepolicy: { enabled: true },
          omsagent: { enabled: true, config: { logAnalyticsWorkspaceResourceID: workspace } },
        },
      },
    ],
  ])('has %s', (_what, spec, expected) => {
    expect(body(spec)).toMatchObject(expected);
  });

  it.each<[string, object, object]>([
    [
      'kubenet',
      { plugin: 'kubenet', policy: 'calico' },
      { networkPlugin: 'kubenet', networkPolicy: 'calico', podCidr: '10.244.0.0/16' },
    ],
    [
      'overlay',
      { podCidr: '10.80.0.0/16' },
      { networkPlugin: 'azure', networkPluginMode: 'overlay', podCidr: '10.80.0.0/16' },
    ],
    ['addresses of the subnet', { pluginMode: 'nodeSubnet' }, { networkPlugin: 'azure' }],
    [
      'another range of services',
      { serviceCidr: '172.20.0.0/16' },
      {
        serviceCidr: '172.20.0.0/16',
        dnsServiceIP: '172.20.0.10',
        networkPluginMode: 'overlay',
        podCidr: '10.244.0.0/16',
      },
    ],
  ])('has the network plugin and ranges: %s', (_what, network, expected) => {
    const { networkProfile } = body({ network });
    expect(networkProfile).toMatchObject(expected);
    expect(networkProfile?.podCidr).toBe((expected as { podCidr?: string }).podCidr);
    expect(networkProfile?.networkPluginMode).toBe((expected as { networkPluginMode?: string }).networkPluginMode);
  });

  it('uses the named subnet and the proxy with static placement, and writes no network', () => {
    const spec = {
      network: {
        placement: 'static',
        resourceGroup: 'network',
        virtualNetwork: 'corp',
        subnet: 'nodes',
        outbound: 'userDefinedRouting',
      },
      proxy: { httpProxy: 'http://proxy:3128', noProxy: ['.corp'] },
    };
    const staticNetwork = { virtualNetworkId: subnet.id.split('/subnets')[0]!, cidrs: ['10.60.0.0/16'], subnet };
    const plan = managedPlan(spec, { staticNetwork });
    const sent = managedClusterSpec(input(plan), undefined)!;
    expect(sent.agentPoolProfiles?.map((pool) => pool.vnetSubnetID)).toEqual([subnet.id]);
    expect([sent.networkProfile?.outboundType, sent.httpProxyConfig]).toEqual([
      'userDefinedRouting',
      { httpProxy: 'http://proxy:3128', noProxy: ['.corp'] },
    ]);
    expect(plan.resources.find(({ kind }) => kind === 'virtualNetwork')?.owned).toBe(false);
  });

  it('stands in a network of its own that CAPZ is not told to manage', () => {
    const network = managedNetworkSpec(input(managedPlan(), 'virtualNetwork'), undefined);
    expect([network?.tags, network?.subnets]).toEqual([
      { department: 'finance', capstan_cluster_aks: 'owned', Name: 'aks' },
      [{ name: 'aks', addressPrefix: '10.224.0.0/16', defaultOutboundAccess: false }],
    ]);
  });
});

describe('a running AKS cluster', () => {
  const spec = {
    managedControlPlane: { sku: 'Standard', aadProfile: { adminGroupObjectIDs: groups } },
    network: { api: { allowedCidrs: ['203.0.113.0/24', '198.51.100.0/24'] } },
  };

  it('is left alone when it is what was asked for, with everything that AKS filled in', () => {
    for (const asked of [{}, spec, { managedControlPlane: { workloadIdentity: true } }])
      expect(managedClusterSpec(input(managedPlan(asked)), answered(body(asked)))).toBeUndefined();
  });

  it.each<[string, object, readonly string[]]>([
    ['tier', { ...spec, managedControlPlane: { ...spec.managedControlPlane, sku: 'Free' } }, ['sku']],
    [
      'channel',
      {
        ...spec,
        managedControlPlane: { ...spec.managedControlPlane, autoUpgradeProfile: { upgradeChannel: 'rapid' } },
      },
      ['autoUpgradeProfile'],
    ],
    [
      'administrators, one fewer',
      { ...spec, managedControlPlane: { ...spec.managedControlPlane, aadProfile: {} } },
      ['aadProfile'],
    ],
    [
      'callers, one fewer',
      { ...spec, network: { api: { allowedCidrs: ['203.0.113.0/24'] } } },
      ['apiServerAccessProfile'],
    ],
    ['version', { ...spec, kubernetes: { version: 'v1.34.2' } }, ['kubernetesVersion']],
  ])('is written again for another %s, with its pools as they are', (_what, changed, fields) => {
    const existing = answered(body(spec));
    const plan = managedPlan(changed);
    expect(managedClusterDiffers(input(plan), existing)).toEqual(fields);
    expect(managedClusterSpec(input(plan), existing)?.agentPoolProfiles).toEqual(existing.agentPoolProfiles);
  });

  it('keeps what others did: a newer version by the channel, tags of policies, add-ons of the portal', () => {
    const existing = answered(body({}));
    const ahead: ManagedCluster = {
      ...existing,
      kubernetesVersion: '1.34.2',
      currentKubernetesVersion: '1.34.2',
      tags: { ...existing.tags, policy: 'x', gone: 'y' },
      addonProfiles: { azureKeyvaultSecretsProvider: { enabled: true } },
    };
    expect(managedClusterSpec(input(managedPlan()), ahead)).toBeUndefined();
    const written = managedClusterSpec(input(managedPlan({}, {}, ['gone'])), ahead);
    expect(written?.tags).toEqual({ ...existing.tags, policy: 'x' });
    expect(written?.kubernetesVersion).toBe('1.34.2');
  });
});

describe('the body of a node pool', () => {
  const pool = (more: object, facts = {}) => {
    const plan = managedPlan({ nodePools: [system, { name: 'apps', replicas: 2, ...more }] }, facts);
    return agentPoolSpec(input(plan, 'pool-apps'), undefined) as AgentPool;
  };
  const changedPool = (more: object, existing: AgentPool) => {
    const plan = managedPlan({ nodePools: [system, { name: 'apps', replicas: 2, ...more }] });
    return agentPoolSpec(input(plan, 'pool-apps'), existing) as AgentPool | undefined;
  };

  it.each<[string, object, Partial<AgentPool>]>([
    ['fixed', {}, { count: 2, enableAutoScaling: false, mode: 'User', typePropertiesType: 'VirtualMachineScaleSets' }],
    ['empty', { replicas: 0 }, { count: 0 }],
    [
      'autoscaled',
      { autoscaling: { min: 1, max: 9 } },
      { count: 2, enableAutoScaling: true, minCount: 1, maxCount: 9 },
    ],
    ['Windows', { name: 'apps', osType: 'Windows', osSku: 'Windows2022' }, { osType: 'Windows', osSKU: 'Windows2022' }],
    ['zoned', { zones: ['2'] }, { availabilityZones: ['2'] }],
    [
      'labelled and tainted',
      {
        labels: { a: 'b' },
        taints: [
          { key: 'gpu', value: 'yes', effect: 'NoSchedule' },
          { key: 'x', effect: 'NoExecute' },
        ],
      },
      { nodeLabels: { a: 'b' }, nodeTaints: ['gpu=yes:NoSchedule', 'x:NoExecute'] },
    ],
    [
      'older',
      { version: 'v1.33.4', maxPods: 60, maxSurge: '2' },
      { orchestratorVersion: '1.33.4', maxPods: 60, upgradeSettings: { maxSurge: '2' } },
    ],
  ])('is %s', (_what, more, expected) => {
    expect(pool(more)).toMatchObject(expected);
  });

  it('names no zones in a region without them', () => {
    expect(pool({}, { regionZones: [] })).not.toHaveProperty('availabilityZones');
  });

  it('changes nothing that is as it should be, and leaves the number of nodes to the autoscaler', () => {
    const made = { ...pool({ autoscaling: { min: 1, max: 9 } }), currentOrchestratorVersion: '1.33.4', count: 7 };
    expect(changedPool({ autoscaling: { min: 1, max: 9 } }, made)).toBeUndefined();
    expect(changedPool({ autoscaling: { min: 1, max: 5 } }, made)).toMatchObject({ count: 5, maxCount: 5 });
    const fixed = changedPool({}, made);
    expect([fixed?.count, fixed?.enableAutoScaling, fixed?.maxCount]).toEqual([2, false, undefined]);
  });

  it('takes labels and taints away, and upgrades before it scales', () => {
    const made = { ...pool({ labels: { a: 'b' } }), currentOrchestratorVersion: '1.33.4' };
    expect(changedPool({}, made)?.nodeLabels).toEqual({});
    const plan = managedPlan({
      kubernetes: { version: 'v1.34.2' },
      nodePools: [system, { name: 'apps', replicas: 5 }],
    });
    const first = agentPoolSpec(input(plan, 'pool-apps'), made) as AgentPool;
    expect([first.orchestratorVersion, first.count]).toEqual(['1.34.2', 2]);
    const second = agentPoolSpec(input(plan, 'pool-apps'), { ...first, currentOrchestratorVersion: '1.34.2' });
    expect((second as AgentPool).count).toBe(5);
  });
});
