import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { extractSurface } from '#local/azure/arm/generate-surface.ts';
import { type Bench, createBench, NET, PLATFORM, SUB } from './harness.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const recordings = path.resolve(root, '../shared/reference/azure-recordings');
const recorded = existsSync(recordings);

let bench: Bench;

beforeEach(() => {
  bench = createBench();
});

afterEach(() => {
  bench.close();
});

interface Expected {
  readonly file: string;
  /** Path below the resource group, without its last name. */
  readonly type: string;
  readonly version: string;
  readonly body: object;
  readonly create: readonly [status: number, headers: readonly string[], retryAfter?: string];
  readonly remove: readonly [status: number, headers: readonly string[], retryAfter?: string];
}

const ASYNC = ['azure-asyncoperation'];
const BOTH = ['azure-asyncoperation', 'location'];
const at = { location: 'westus2' };

/** What each provider answers, from the recorded exchanges. */
const EXPECTED: readonly Expected[] = [
  {
    file: 'virtualNetworks',
    type: 'Microsoft.Network/virtualNetworks',
    version: '2025-03-01',
    body: { ...at, properties: { addressSpace: { addressPrefixes: ['10.0.0.0/8'] } } },
    create: [201, ASYNC, '3'],
    remove: [202, BOTH, '10'],
  },
  {
    file: 'networkSecurityGroups',
    type: 'Microsoft.Network/networkSecurityGroups',
    version: '2025-03-01',
    body: at,
    create: [201, ASYNC, '1'],
    remove: [202, BOTH, '1'],
  },
  {
    file: 'routeTables',
    type: 'Microsoft.Network/routeTables',
    version: '2025-03-01',
    body: at,
    create: [201, ASYNC, '2'],
    remove: [202, BOTH, '2'],
  },
  {
    file: 'publicIPAddresses',
    type: 'Microsoft.Network/publicIPAddresses',
    version: '2025-03-01',
    body: { ...at, sku: { name: 'Standard' }, properties: { publicIPAllocationMethod: 'Static' } },
    create: [201, ASYNC, '1'],
    remove: [202, BOTH, '10'],
  },
  {
    file: 'natGateways',
    type: 'Microsoft.Network/natGateways',
    version: '2025-03-01',
    body: { ...at, sku: { name: 'Standard' } },
    create: [201, ASYNC, '10'],
    remove: [202, BOTH, '10'],
  },
  {
    file: 'disks',
    type: 'Microsoft.Compute/disks',
    version: '2024-03-02',
    body: { ...at, properties: { creationData: { createOption: 'Empty' }, diskSizeGB: 500 } },
    create: [202, BOTH, '2'],
    remove: [202, BOTH],
  },
  {
    file: 'availabilitySets',
    type: 'Microsoft.Compute/availabilitySets',
    version: '2024-11-01',
    body: { ...at, properties: { platformFaultDomainCount: 2, platformUpdateDomainCount: 3 } },
    create: [200, []],
    remove: [200, []],
  },
  {
    file: 'userAssignedIdentities',
    type: 'Microsoft.ManagedIdentity/userAssignedIdentities',
    version: '2023-01-31',
    body: at,
    create: [201, ['location']],
    remove: [200, []],
  },
  {
    file: 'storageAccounts',
    type: 'Microsoft.Storage/storageAccounts',
    version: '2025-06-01',
    body: { ...at, kind: 'StorageV2', sku: { name: 'Standard_LRS' } },
    create: [202, ['location'], '17'],
    remove: [200, []],
  },
];

const shown = (status: number, headers: Readonly<Record<string, string>>) => ({
  status,
  headers: Object.keys(headers)
    .filter((name) => BOTH.includes(name))
    .sort(),
  retryAfter: headers['retry-after'],
});

const wanted = ([status, headers, retryAfter]: Expected['create']) => ({
  status,
  headers: [...headers].sort(),
  retryAfter,
});

describe.each(EXPECTED)('$type', (expected) => {
  const url = `${PLATFORM}/providers/${expected.type}/recorded01?api-version=${expected.version}`;

  test('answers creation and deletion with the recorded status, headers and Retry-After', async () => {
    const created = await bench.call('PUT', url, expected.body);
    expect(shown(created.status, created.headers), JSON.stringify(created.body)).toEqual(wanted(expected.create));
    bench.settle();
    const removed = await bench.call('DELETE', url);
    expect(shown(removed.status, removed.headers)).toEqual(wanted(expected.remove));
  });

  test.runIf(recorded)('agrees with the recording, and returns every property that was recorded', async () => {
    const file = JSON.parse(readFileSync(path.join(recordings, `${expected.file}.json`), 'utf8')) as {
      exchanges: any[];
    };
    const isOwn = (exchange: any) =>
      new RegExp(`/providers/${expected.type}/[^/?]+\\?`, 'iu').test(exchange.request.url) &&
      exchange.request.url.includes('asotest');
    const put = file.exchanges.find(
      (exchange) =>
        isOwn(exchange) &&
        exchange.request.method === 'PUT' &&
        [wanted(expected.create).status].includes(exchange.response.status),
    );
    expect(put).toBeDefined();
    expect(shown(put.response.status, put.response.headers)).toEqual(wanted(expected.create));
    const got = file.exchanges.find(
      (exchange) => isOwn(exchange) && exchange.request.method === 'GET' && exchange.response.status === 200,
    );
    await bench.call('PUT', url, expected.body);
    bench.settle();
    const ours = await bench.call('GET', url);
    if (got === undefined) return;
    expect(Object.keys(ours.body)).toEqual(
      expect.arrayContaining(Object.keys(got.response.body).filter((name) => name !== 'tags')),
    );
    const known = Object.keys(ours.body.properties ?? {});
    const theirs = Object.keys(got.response.body.properties ?? {}).filter(
      (name) =>
        name !== 'tier' &&
        !name.startsWith('disk') &&
        name !== 'allowCrossTenantDelegationSas' &&
        name !== 'publicIpAddresses',
    );
    expect(known).toEqual(expect.arrayContaining(theirs));
  });
});

describe('the contract', () => {
  test('is what the installed SDK packages have', async () => {
    const stored = JSON.parse(readFileSync(path.join(root, 'local/azure/arm/surface.json'), 'utf8')) as unknown;
    expect(await extractSurface(path.join(root, 'node_modules/@azure'))).toEqual(stored);
  });

  const reference = path.resolve(root, '../shared/reference/arm-surface.json');
  test.runIf(existsSync(reference))('agrees with the surface that was extracted independently', async () => {
    const theirs = JSON.parse(readFileSync(reference, 'utf8')) as {
      pkg: string;
      group: string;
      op: string;
      method: string;
      path: string;
      version: string;
      statuses?: string[];
    }[];
    const { operations } = await extractSurface(path.join(root, 'node_modules/@azure'));
    const ours = new Map(
      operations.map((item) => [`${item.pkg} ${item.group} ${item.op} ${item.method} ${item.path}`, item]),
    );
    for (const item of theirs) {
      const found = ours.get(`${item.pkg} ${item.group} ${item.op} ${item.method} ${item.path.replaceAll('{+', '{')}`);
      expect(found, `${item.group}.${item.op}`).toBeDefined();
      expect(found?.version).toBe(item.version === 'apiVersion' ? '*' : item.version);
      expect(new Set(found?.statuses)).toEqual(new Set((item.statuses ?? []).map(Number)));
    }
  });

  test.runIf(recorded)('busy and reference errors have the recorded wording', async () => {
    const errors = readFileSync(path.join(recordings, 'errors.json'), 'utf8');
    for (const code of [
      'RetryableErrorDueToAnotherOperation',
      'InvalidResourceReference',
      'InUseSubnetCannotBeDeleted',
      'PublicIPAddressCannotBeDeleted',
      'ResourceGroupBeingDeleted',
      'RoleAssignmentNotFound',
      'ResourceGroupDeletionBlocked',
    ])
      expect(errors).toContain(code);
    const nic = await bench.call('PUT', `${NET}/networkInterfaces/n?api-version=2025-03-01`, {
      location: 'westeurope',
      properties: {
        ipConfigurations: [{ name: 'c', properties: { subnet: { id: `${NET}/virtualNetworks/none/subnets/none` } } }],
      },
    });
    expect(nic.body.error.message).toMatch(
      /was not found\. Please make sure that the referenced resource exists, and that both resources are in the same region\.$/u,
    );
  });
});

test('the state is small: 500 resources are written, listed and found again after a restart', async () => {
  const body = { location: 'westeurope' };
  const total = 500;
  for (let index = 0; index < total; index += 1) {
    bench.clock.advance(1);
    const answer = await bench.call(
      'PUT',
      `${SUB}/resourceGroups/platform/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-${index}?api-version=2024-11-30`,
      body,
    );
    expect(answer.status).toBe(201);
  }
  bench = bench.restart();
  expect(bench.arm.control.resources().filter((item) => item.name.startsWith('id-'))).toHaveLength(total);
});
