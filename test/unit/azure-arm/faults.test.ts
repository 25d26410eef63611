import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Bench, COMPUTE, COMPUTE_VERSION, createBench, NET, NETWORK_VERSION } from './harness.ts';

let bench: Bench;
beforeEach(() => {
  bench = createBench();
});
afterEach(() => {
  bench.close();
});

const NSG = `${NET}/networkSecurityGroups/g?${NETWORK_VERSION}`;
const nsg = (department: string) => ({ location: 'westeurope', tags: { department }, properties: {} });

async function made(url: string, body: object) {
  const answer = await bench.call('PUT', url, body);
  expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
  bench.settle();
}

describe('faults by rule', () => {
  test('duplicate: the request is carried out twice and the second answer is seen', async () => {
    bench.arm.control.faults.add({ match: { method: 'PUT' }, action: { kind: 'duplicate' } });
    const answer = await bench.call('PUT', NSG, nsg('one'));
    expect([200, 429]).toContain(answer.status);
    bench.settle();
    expect((await bench.call('GET', NSG)).status).toBe(200);
    expect(bench.arm.control.resources().filter((resource) => resource.name === 'g')).toHaveLength(1);
  });

  test('stale: a read shows the resource as it was before its last write, or not at all', async () => {
    const staleOnce = { match: { method: 'GET' }, action: { kind: 'stale' } } as const;
    await made(NSG, nsg('one'));
    await made(NSG, nsg('two'));
    bench.arm.control.faults.add(staleOnce);
    expect((await bench.call('GET', NSG)).body.tags).toEqual({ department: 'one' });
    expect((await bench.call('GET', NSG)).body.tags).toEqual({ department: 'two' });
    const other = NSG.replace('/g?', '/h?');
    await bench.call('PUT', other, nsg('one'));
    bench.arm.control.faults.add({ ...staleOnce, times: 1 });
    const first = await bench.call('GET', other);
    expect(first.status === 404 || first.body.properties.provisioningState !== 'Succeeded').toBe(true);
  });

  test('token-expired: 401 with a challenge, nothing is written', async () => {
    bench.arm.control.faults.add({ match: { method: 'PUT' }, action: { kind: 'token-expired' } });
    const answer = await bench.call('PUT', NSG, nsg('one'));
    expect(answer.status).toBe(401);
    expect(answer.body.error.code).toBe('ExpiredAuthenticationToken');
    expect(answer.headers['www-authenticate']).toContain('invalid_token');
    expect((await bench.call('GET', NSG)).status).toBe(404);
  });
});

describe('headers', () => {
  test('network answers carry their load, and about half of all answers who asked', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, index) => bench.call('PUT', NSG.replace('/g?', `/g${index}?`), nsg('x'))),
    );
    expect(answers[0]?.headers['x-ms-throttle-levels']).toMatch(
      /^operationRatePct=.*subscriptionWriteRatePct=\d+\.\d, etc$/,
    );
    const named = answers.filter((answer) => answer.headers['x-ms-operation-identifier'] !== undefined);
    expect(named.length).toBeGreaterThan(10);
    expect(named.length).toBeLessThan(50);
    expect(named[0]?.headers['x-ms-operation-identifier']).toMatch(
      /^tenantId=[0-9a-f-]+,objectId=[0-9a-f-]+\/westeurope\/[0-9a-f-]{36}$/,
    );
  });
});

describe('a zone without capacity', () => {
  const nic = `${NET}/networkInterfaces/n?${NETWORK_VERSION}`;
  const machine = (name: string, zone: string) => ({
    location: 'westeurope',
    zones: [zone],
    properties: {
      hardwareProfile: { vmSize: 'Standard_D2s_v5' },
      storageProfile: {
        imageReference: { publisher: 'Canonical', offer: 'ubuntu-24_04-lts', sku: 'server', version: 'latest' },
        osDisk: { createOption: 'FromImage' },
      },
      osProfile: { computerName: name, adminUsername: 'capi', adminPassword: 'not-a-real-one' },
      networkProfile: { networkInterfaces: [{ id: nic.split('?')[0] }] },
    },
  });

  test('fails the create, and keeps the interface for 180 s for that machine', async () => {
    await made(`${NET}/virtualNetworks/v?${NETWORK_VERSION}`, {
      location: 'westeurope',
      properties: {
        addressSpace: { addressPrefixes: ['10.0.0.0/16'] },
        subnets: [{ name: 's', properties: { addressPrefix: '10.0.0.0/24' } }],
      },
    });
    const subnet = { id: `${NET}/virtualNetworks/v/subnets/s` };
    await made(nic, {
      location: 'westeurope',
      properties: { ipConfigurations: [{ name: 'c', properties: { subnet } }] },
    });
    bench.arm.control.faults.add({ capacity: { size: 'Standard_D2s_v5', location: 'westeurope', zones: ['1'] } });
    const url = (name: string) => `${COMPUTE}/virtualMachines/${name}?${COMPUTE_VERSION}`;
    const answer = await bench.call('PUT', url('a'), machine('a', '1'));
    expect(answer.status).toBe(201);
    bench.clock.advance(100);
    const poll = await bench.call(
      'GET',
      (answer.headers['azure-asyncoperation'] ?? '').replace('https://management.azure.com', ''),
    );
    expect(poll.body).toMatchObject({ status: 'Failed', error: { code: 'ZonalAllocationFailed' } });
    await bench.call('DELETE', url('a'));
    bench.clock.advance(60);
    const other = await bench.call('PUT', url('b'), machine('b', '2'));
    expect(other.body.error?.code).toBe('NicReservedForAnotherVm');
    expect((await bench.call('DELETE', nic)).body.error?.code).toBe('NicReservedForAnotherVm');
    bench.clock.advance(180);
    expect((await bench.call('PUT', url('b'), machine('b', '2'))).status).toBe(201);
    bench.settle();
    expect([...bench.machines.running.keys()].map((id) => id.split('/').at(-1))).toEqual(['b']);
  });
});
