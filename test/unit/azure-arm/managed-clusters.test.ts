import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Bench, createBench, PLATFORM, SUB } from './harness.ts';

let bench: Bench;

beforeEach(() => {
  bench = createBench();
});

afterEach(() => {
  bench.close();
});

const VERSION = 'api-version=2025-08-01';
const AKS = `${PLATFORM}/providers/Microsoft.ContainerService/managedClusters/aks`;
const pool = { name: 'system', mode: 'System', count: 1, vmSize: 'Standard_D2s_v5', osType: 'Linux' };
const cluster = (properties: object = {}, rest: object = {}) => ({
  location: 'westeurope',
  identity: { type: 'SystemAssigned' },
  properties: { dnsPrefix: 'aks', kubernetesVersion: '1.33.4', agentPoolProfiles: [pool], ...properties },
  ...rest,
});
const put = (body: unknown, path = AKS) => bench.call('PUT', `${path}?${VERSION}`, body);
const get = (path = AKS) => bench.call('GET', `${path}?${VERSION}`);

async function create(properties: object = {}, rest: object = {}) {
  const answer = await put(cluster(properties, rest));
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  bench.settle();
  return answer;
}

describe('Microsoft.ContainerService/managedClusters', () => {
  test('a create is 201 without Retry-After; the poll says in free text what happens, then Succeeded', async () => {
    const answer = await put(cluster());
    expect(answer.status).toBe(201);
    expect(answer.headers['retry-after']).toBeUndefined();
    expect(answer.body.type).toBe('Microsoft.ContainerService/ManagedClusters');
    expect(answer.body.id).toContain('/resourcegroups/');
    expect(answer.body.properties.provisioningState).toBe('Creating');
    const url = answer.headers['azure-asyncoperation'] ?? '';
    expect(url).toContain('api-version=2025-03-01');
    const seen = new Set<string>();
    for (let second = 0; second < 400; second += 10) {
      seen.add((await bench.call('GET', url)).body.status);
      bench.clock.advance(10);
    }
    expect([...seen]).toEqual([
      'InProgress',
      'ProvisioningNetworkResources',
      'ProvisioningControlPlane',
      'CreatingAgentPools: 0/1 nodes completed',
      'ReconcilingAddons',
      'Succeeded',
    ]);
    const done = await get();
    expect(done.body.properties.provisioningState).toBe('Succeeded');
    expect(done.body.properties.identityProfile.kubeletidentity.clientId).toMatch(/^[0-9a-f-]{36}$/u);
    expect(done.body.sku).toEqual({ name: 'Base', tier: 'Free' });
  });

  test('the node resource group holds what the cluster needs, and goes with it', async () => {
    await create();
    const group = `${SUB}/resourceGroups/MC_platform_aks_westeurope`;
    const inside = await bench.call('GET', `${group}/resources?api-version=2021-04-01`);
    const types = inside.body.value.map((item: any) => item.type.split('/').at(-1)).sort();
    expect(types).toEqual(
      [
        'loadBalancers',
        'networkSecurityGroups',
        'publicIPAddresses',
        'userAssignedIdentities',
        'virtualMachineScaleSets',
        'virtualNetworks',
      ].sort(),
    );
    expect((await bench.call('DELETE', `${AKS}?${VERSION}`)).status).toBe(202);
    bench.settle();
    expect((await get()).status).toBe(404);
    expect((await bench.call('GET', `${group}?api-version=2021-04-01`)).status).toBe(404);
  });

  test('pools are added, scaled, upgraded and deleted; another write meanwhile is 409 EtagMismatch without wrapper', async () => {
    await create();
    const path = `${AKS}/agentPools/user1`;
    const body = (rest: object = {}) => ({
      properties: { count: 1, vmSize: 'Standard_D2s_v5', mode: 'User', ...rest },
    });
    expect((await put(body(), path)).status).toBe(201);
    const busy = await put(cluster());
    expect([busy.status, busy.body.code, busy.body.error]).toEqual([409, 'EtagMismatch', undefined]);
    expect((await bench.call('DELETE', `${AKS}?${VERSION}`)).status).toBe(409);
    bench.settle();
    expect((await put(body({ count: 3 }), path)).body.properties.provisioningState).toBe('Scaling');
    bench.settle();
    expect((await get()).body.properties.agentPoolProfiles.map((item: any) => [item.name, item.count])).toEqual([
      ['system', 1],
      ['user1', 3],
    ]);
    const sent = cluster({ kubernetesVersion: '1.34.2', agentPoolProfiles: undefined });
    expect((await put(sent)).status).toBe(200);
    bench.settle();
    const upgrade = await put(body({ count: 3, orchestratorVersion: '1.34.2' }), path);
    expect(upgrade.body.properties.provisioningState).toBe('Upgrading');
    bench.settle();
    expect((await get(path)).body.properties.currentOrchestratorVersion).toBe('1.34.2');
    expect((await bench.call('DELETE', `${path}?${VERSION}`)).status).toBe(202);
    bench.settle();
    const gone = await get(path);
    expect([gone.status, gone.body.code, gone.body.subcode]).toEqual([
      404,
      'NotFound',
      'GetAgentPool_NotFound_HCPServerError',
    ]);
  });

  test.each([
    ['no identity', cluster({}, { identity: undefined }), 'InvalidParameter'],
    ['no system pool', cluster({ agentPoolProfiles: [{ ...pool, mode: 'User' }] }), 'InvalidParameter'],
    [
      'a Windows system pool',
      cluster({ agentPoolProfiles: [{ ...pool, osType: 'Windows', name: 'win' }] }),
      'InvalidParameter',
    ],
    [
      'a long Windows name',
      cluster({ agentPoolProfiles: [pool, { ...pool, mode: 'User', osType: 'Windows', name: 'windows1' }] }),
      'InvalidParameter',
    ],
    ['a system pool of none', cluster({ agentPoolProfiles: [{ ...pool, count: 0 }] }), 'InvalidParameter'],
    ['more than 1000 nodes', cluster({ agentPoolProfiles: [{ ...pool, count: 1001 }] }), 'InvalidParameter'],
    [
      'autoscaling without bounds',
      cluster({ agentPoolProfiles: [{ ...pool, enableAutoScaling: true }] }),
      'InvalidParameter',
    ],
    ['a size too small', cluster({ agentPoolProfiles: [{ ...pool, vmSize: 'Standard_D1_v2' }] }), 'InvalidParameter'],
    ['an unknown tier', cluster({}, { sku: { name: 'Base', tier: 'Gold' } }), 'InvalidParameter'],
    ['an unknown channel', cluster({ autoUpgradeProfile: { upgradeChannel: 'fast' } }), 'InvalidParameter'],
    ['an unknown version', cluster({ kubernetesVersion: '1.20.0' }), 'K8sVersionNotSupported'],
    [
      'a pool ahead of its cluster',
      cluster({ agentPoolProfiles: [{ ...pool, orchestratorVersion: '1.34.1' }] }),
      'NodePoolMcVersionIncompatible',
    ],
    [
      'an SSH key that is not RSA',
      cluster({ linuxProfile: { adminUsername: 'a', ssh: { publicKeys: [{ keyData: 'ssh-ed25519 AAAA' }] } } }),
      'InvalidParameter',
    ],
    ['disabled local accounts without Entra ID', cluster({ disableLocalAccounts: true }), 'InvalidParameter'],
    ['a bad DNS prefix', cluster({ dnsPrefix: '-x' }), 'InvalidParameter'],
  ])('%s is refused', async (_what, body, code) => {
    const answer = await put(body);
    expect([answer.status, answer.body.code]).toEqual([400, code]);
    expect((await get()).status).toBe(404);
  });

  test('an empty version means the default one', async () => {
    await create({ kubernetesVersion: '', agentPoolProfiles: [{ ...pool, orchestratorVersion: '' }] });
    expect((await get()).body.properties.currentKubernetesVersion).toMatch(/^1\.34\.\d+$/u);
  });

  test('an unknown property is refused and counted', async () => {
    expect((await put(cluster({ warpDrive: true }))).status).toBe(400);
    expect(bench.arm.control.unmodelled()).toHaveLength(1);
  });

  test.each([
    ['DNS prefix', { dnsPrefix: 'other' }, 'PropertyChangeNotAllowed'],
    ['network plugin', { networkProfile: { networkPlugin: 'kubenet' } }, 'PropertyChangeNotAllowed'],
    ['size of a pool', { agentPoolProfiles: [{ ...pool, vmSize: 'Standard_D4s_v5' }] }, 'PropertyChangeNotAllowed'],
    ['version two minors up', { kubernetesVersion: '1.35.5' }, 'OperationNotAllowed'],
    ['older version', { kubernetesVersion: '1.32.9' }, 'OperationNotAllowed'],
  ])('the %s cannot be changed', async (_what, change, code) => {
    await create();
    const answer = await put(cluster(change));
    expect([answer.status, answer.body.code]).toEqual([400, code]);
  });

  test('the last system pool stays', async () => {
    await create();
    const answer = await bench.call('DELETE', `${AKS}/agentPools/system?${VERSION}`);
    expect([answer.status, answer.body.code]).toEqual([400, 'OperationNotAllowed']);
  });

  test('the cores of pools count against the quota of their family', async () => {
    bench.arm.control.faults.add({ quota: { location: 'westeurope', family: 'standardDSv5Family', limit: 5 } });
    await create({ agentPoolProfiles: [{ ...pool, count: 2 }] });
    const answer = await put(
      { properties: { count: 1, vmSize: 'Standard_D2s_v5', mode: 'User' } },
      `${AKS}/agentPools/more`,
    );
    expect([answer.status, answer.body.code]).toEqual([400, 'ErrCode_InsufficientVCPUQuota']);
    expect(answer.body.message).toContain('remaining 1');
  });

  test('a private cluster has a private name only; without Kubernetes behind it a credential is a loud 501', async () => {
    await create({ apiServerAccessProfile: { enablePrivateCluster: true } });
    const { fqdn, privateFQDN } = (await get()).body.properties;
    expect(fqdn).toBeUndefined();
    expect(privateFQDN).toMatch(/\.privatelink\.westeurope\.azmk8s\.io$/u);
    expect((await bench.call('POST', `${AKS}/listClusterAdminCredential?${VERSION}`)).status).toBe(501);
  });

  test('static credentials are refused where local accounts are disabled', async () => {
    await create({ disableLocalAccounts: true, aadProfile: { managed: true, adminGroupObjectIDs: [] } });
    const answer = await bench.call('POST', `${AKS}/listClusterAdminCredential?${VERSION}`);
    expect([answer.status, answer.body.code]).toEqual([400, 'BadRequest']);
  });
});
