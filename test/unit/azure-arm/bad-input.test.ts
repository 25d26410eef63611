import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bench, createBench, NET, PLATFORM, send, SUB } from './harness.ts';

let bench: Bench;

beforeAll(() => {
  bench = createBench();
});

afterAll(() => {
  bench.close();
});

const places = [
  `${NET}/virtualNetworks/v`,
  `${NET}/virtualNetworks/v/subnets/s`,
  `${NET}/loadBalancers/l`,
  `${NET}/networkInterfaces/n`,
  `${NET}/publicIPAddresses/p`,
  `${NET}/networkSecurityGroups/g`,
  `${NET}/privateDnsZones/z.example`,
  `${PLATFORM}/providers/Microsoft.Compute/virtualMachines/m`,
  `${PLATFORM}/providers/Microsoft.Compute/disks/d`,
  `${PLATFORM}/providers/Microsoft.Compute/images/i`,
  `${PLATFORM}/providers/Microsoft.Storage/storageAccounts/account`,
  `${PLATFORM}/providers/Microsoft.KeyVault/vaults/vault`,
  `${PLATFORM}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/identity`,
  `${PLATFORM}/providers/Microsoft.ContainerService/managedClusters/aks`,
  `${PLATFORM}/providers/Microsoft.ContainerService/managedClusters/aks/agentPools/pool`,
  `${PLATFORM}/providers/Microsoft.Resources/deployments/d`,
  `${SUB}/resourceGroups/fuzzed`,
  `${SUB}/providers/Microsoft.Authorization/roleAssignments/00000000-0000-4000-8000-000000000000`,
  `${SUB}/providers/Microsoft.Authorization/locks/l`,
  `${SUB}/providers/Microsoft.Resources/tags/default`,
  `${SUB}/resources`,
  '/providers/../..//%00/%ff',
  '/subscriptions',
];
const words =
  'location tags properties sku name id subnets addressSpace addressPrefixes ipConfigurations subnet storageProfile osProfile networkProfile agentPoolProfiles template mode parameters identity userAssignedIdentities hardwareProfile vmSize securityRules count'.split(
    ' ',
  );
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<unknown>(null, true, 0, -1, 1e308, '', 'westeurope', '[concat(', '__proto__', '10.0.0.0/8', NET),
    fc.string(),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...words, '__proto__', 'constructor', 'é'), tie('value'), { maxKeys: 4 }),
  ),
})).value;

async function answer(method: string, url: string, body: string, authorization = 'Bearer app') {
  const reply = await send(bench.arm, method, url, body, { authorization });
  const text = reply.body?.toString() ?? '';
  return { status: reply.status, text };
}

/** A refusal is ARM's own: a status, a code, and never a defect of the simulator. */
function isClear({ status, text }: { status: number; text: string }): void {
  expect(text).not.toContain('defect of the simulator');
  expect(status).toBeGreaterThanOrEqual(200);
  if (status < 400 || text === '') return;
  const parsed = JSON.parse(text) as { code?: string; error?: { code?: string } };
  expect(parsed.error?.code ?? parsed.code).toMatch(/^\w+$/u);
}

const subnet = { id: `${NET}/virtualNetworks/v/subnets/s` };
/** Bodies that are good as they are; one value of each is replaced. */
const good: readonly (readonly [string, object])[] = [
  [
    `${NET}/virtualNetworks/v`,
    {
      location: 'westeurope',
      tags: { a: 'b' },
      properties: {
        addressSpace: { addressPrefixes: ['10.0.0.0/16'] },
        subnets: [{ name: 's', properties: { addressPrefix: '10.0.0.0/24', networkSecurityGroup: { id: 'x' } } }],
      },
    },
  ],
  [
    `${NET}/networkInterfaces/n`,
    {
      location: 'westeurope',
      properties: {
        ipConfigurations: [
          { name: 'c', properties: { subnet, privateIPAddress: '10.0.0.9', privateIPAllocationMethod: 'Static' } },
        ],
      },
    },
  ],
  [
    `${NET}/loadBalancers/l`,
    {
      location: 'westeurope',
      sku: { name: 'Standard' },
      properties: {
        frontendIPConfigurations: [{ name: 'f', properties: { subnet } }],
        backendAddressPools: [{ name: 'b', properties: {} }],
        probes: [{ name: 'p', properties: { protocol: 'Tcp', port: 6443 } }],
        loadBalancingRules: [{ name: 'r', properties: { frontendPort: 1, backendPort: 2, protocol: 'Tcp' } }],
      },
    },
  ],
  [
    `${NET}/networkSecurityGroups/g`,
    {
      location: 'westeurope',
      properties: {
        securityRules: [
          {
            name: 'r',
            properties: {
              priority: 100,
              protocol: 'Tcp',
              access: 'Allow',
              direction: 'Inbound',
              destinationPortRange: '22',
              sourcePortRange: '*',
              sourceAddressPrefix: '*',
              destinationAddressPrefix: '*',
            },
          },
        ],
      },
    },
  ],
  [
    `${PLATFORM}/providers/Microsoft.Compute/virtualMachines/m`,
    {
      location: 'westeurope',
      zones: ['1'],
      identity: { type: 'UserAssigned', userAssignedIdentities: { x: {} } },
      properties: {
        hardwareProfile: { vmSize: 'Standard_D2s_v5' },
        storageProfile: {
          imageReference: { publisher: 'p', offer: 'o', sku: 's', version: 'latest' },
          osDisk: { createOption: 'FromImage', diskSizeGB: 30, managedDisk: { storageAccountType: 'Premium_LRS' } },
          dataDisks: [{ lun: 0, createOption: 'Empty', diskSizeGB: 4 }],
        },
        osProfile: { computerName: 'm', adminUsername: 'capi', adminPassword: 'not-a-real-one', customData: 'eA==' },
        networkProfile: { networkInterfaces: [{ id: `${NET}/networkInterfaces/n` }] },
      },
    },
  ],
  [
    `${PLATFORM}/providers/Microsoft.ContainerService/managedClusters/aks`,
    {
      location: 'westeurope',
      identity: { type: 'SystemAssigned' },
      sku: { name: 'Base', tier: 'Free' },
      properties: {
        dnsPrefix: 'aks',
        kubernetesVersion: '1.33.4',
        networkProfile: { networkPlugin: 'azure', serviceCidr: '10.0.0.0/16' },
        autoUpgradeProfile: { upgradeChannel: 'stable' },
        linuxProfile: { adminUsername: 'a', ssh: { publicKeys: [{ keyData: 'ssh-rsa AAAA' }] } },
        addonProfiles: { azurepolicy: { enabled: true } },
        agentPoolProfiles: [
          {
            name: 'a',
            mode: 'System',
            count: 1,
            vmSize: 'Standard_D2s_v5',
            availabilityZones: ['1'],
            nodeTaints: ['a=b:NoSchedule'],
            upgradeSettings: { maxSurge: '1' },
          },
        ],
      },
    },
  ],
  [
    `${PLATFORM}/providers/Microsoft.Resources/deployments/d`,
    {
      properties: {
        mode: 'Incremental',
        parameters: { p: { value: 'x' } },
        template: {
          $schema: 's',
          contentVersion: '1',
          parameters: { p: { type: 'string', allowedValues: ['x'] } },
          variables: {
            v: "[concat(parameters('p'), 'y')]",
            copy: [{ name: 'w', count: 2, input: "[copyIndex('w')]" }],
          },
          resources: [
            {
              type: 'Microsoft.Network/publicIPAddresses',
              apiVersion: '2024-05-01',
              name: "[variables('v')]",
              location: 'westeurope',
              copy: { name: 'c', count: 1 },
              dependsOn: [],
              sku: { name: 'Standard' },
              properties: { publicIPAllocationMethod: 'Static' },
            },
          ],
          outputs: { o: { type: 'string', value: "[variables('v')]" } },
        },
      },
    },
  ],
];
const versions: Readonly<Record<string, string>> = {
  'Microsoft.Network': '2024-05-01',
  'Microsoft.Compute': '2024-11-01',
  'Microsoft.ContainerService': '2025-08-01',
  'Microsoft.Resources': '2024-11-01',
};

/** Replaces the value at one place of a document, the places counted in order. */
function replaced(value: unknown, counter: { left: number }, by: unknown): unknown {
  counter.left -= 1;
  if (counter.left === 0) return by;
  if (Array.isArray(value)) return value.map((item) => replaced(item, counter, by));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, replaced(item, counter, by)]));
}

describe('bad input', () => {
  test('one wrong value in a good body is accepted or refused in words, and its operation ends', async () => {
    const change = fc.record({ which: fc.nat(good.length - 1), place: fc.integer({ min: 1, max: 45 }), by: json });
    await fc.assert(
      fc.asyncProperty(change, async ({ which, place, by }) => {
        const [path, body] = good[which] ?? ['', {}];
        const version = versions[path.split('/providers/')[1]?.split('/')[0] ?? ''] ?? '';
        isClear(
          await answer('PUT', `${path}?api-version=${version}`, JSON.stringify(replaced(body, { left: place }, by))),
        );
        bench.settle();
        isClear(await answer('GET', `${path}?api-version=${version}`, ''));
        isClear(await answer('DELETE', `${path}?api-version=${version}`, ''));
        bench.settle();
      }),
      { numRuns: 250, seed: 7 },
    );
  });

  test('whatever is sent to whichever address, the answer is one of ARM', async () => {
    const request = fc.record({
      method: fc.constantFrom('PUT', 'PUT', 'PUT', 'GET', 'DELETE', 'POST', 'PATCH', 'HEAD', 'TRACE'),
      place: fc.constantFrom(...places),
      rest: fc.constantFrom('', '', '', '/x', '/validate', '/listKeys', '/', '/%2e%2e/%2f'),
      version: fc.constantFrom('2024-05-01', '2024-11-01', '2025-08-01', '2022-04-01', '2024-03-01', 'x', '../..'),
      query: fc.constantFrom('', '', '&$skiptoken=!!', '&$top=-1', '&$filter=a%20eq', '&$expand=%00', '&a=b&a=c'),
      body: json,
    });
    await fc.assert(
      fc.asyncProperty(request, async ({ method, place, rest, version, query, body }) => {
        isClear(await answer(method, `${place}${rest}?api-version=${version}${query}`, JSON.stringify(body)));
        bench.settle();
      }),
      { numRuns: 250, seed: 5 },
    );
  });

  test.each([
    ['no JSON', '{"location":'],
    ['a list', '[]'],
    ['a number', '7'],
    ['nothing', ''],
    ['bytes', '\u0000\uFFFD'],
    ['nesting of 100,000', `${'{"properties":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
    ['a list nested 100,000 times', `{"properties":{"subnets":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`],
  ])('%s as a body is a 400 that says so', async (_what, body) => {
    const reply = await answer('PUT', `${NET}/virtualNetworks/v?api-version=2024-05-01`, body);
    isClear(reply);
    expect(reply.status).toBe(400);
  });

  test.each(['', 'Bearer', 'Bearer expired', 'Basic YTpi', 'Bearer a b c', `Bearer ${'x'.repeat(50_000)}`])(
    'the authorization %.20s opens nothing',
    async (header) => {
      const reply = await answer('GET', `${SUB}/resourceGroups?api-version=2024-03-01`, '', header);
      expect([401, 403]).toContain(reply.status);
      isClear(reply);
    },
  );
});
