import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Bench, COMPUTE, COMPUTE_VERSION, createBench, NET, NETWORK_VERSION, PLATFORM, SUB } from './harness.ts';

let bench: Bench;

beforeEach(() => {
  bench = createBench();
});

afterEach(() => {
  bench.close();
});

const VNET = `${NET}/virtualNetworks/v`;
const vnet = {
  location: 'westeurope',
  properties: {
    addressSpace: { addressPrefixes: ['10.0.0.0/16'] },
    subnets: [{ name: 's', properties: { addressPrefix: '10.0.0.0/24' } }],
  },
};
const at = (id: string, version = NETWORK_VERSION) => `${id}?${version}`;
const localUrl = (url: string | undefined) => (url ?? '').replace('https://management.azure.com', '');

async function put(id: string, body: unknown, version = NETWORK_VERSION) {
  const answer = await bench.call('PUT', at(id, version), body);
  expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
  bench.settle();
  return answer;
}

const nicBody = (subnet = `${VNET}/subnets/s`) => ({
  location: 'westeurope',
  properties: { ipConfigurations: [{ name: 'c', properties: { subnet: { id: subnet } } }] },
});

const vmBody = (nic = `${NET}/networkInterfaces/n`, size = 'Standard_D2s_v5') => ({
  location: 'westeurope',
  properties: {
    hardwareProfile: { vmSize: size },
    storageProfile: {
      imageReference: { publisher: 'Canonical', offer: 'ubuntu-24_04-lts', sku: 'server', version: 'latest' },
      osDisk: { createOption: 'FromImage' },
    },
    osProfile: { computerName: 'm', adminUsername: 'capi', adminPassword: 'not-a-real-one' },
    networkProfile: { networkInterfaces: [{ id: nic }] },
  },
});

async function networkWithNic() {
  await put(VNET, vnet);
  await put(`${NET}/networkInterfaces/n`, nicBody());
}

describe('long-running operations', () => {
  test('a network create is 201, Updating on the resource and its children, with a signed address of over 3 kB', async () => {
    const answer = await bench.call('PUT', at(VNET), vnet);
    expect(answer.status).toBe(201);
    expect(answer.body.properties.provisioningState).toBe('Updating');
    expect(answer.body.properties.subnets[0].properties.provisioningState).toBe('Updating');
    expect(answer.headers).toMatchObject({ 'retry-after': '3', 'azure-asyncnotification': 'Enabled' });
    const url = answer.headers['azure-asyncoperation'] ?? '';
    expect(url.length).toBeGreaterThan(3000);
    expect(url).toMatch(
      /^https:\/\/management\.azure\.com\/subscriptions\/[^/]+\/providers\/Microsoft\.Network\/locations\/westeurope\/operations\//u,
    );
    const running = await bench.call('GET', localUrl(url));
    expect(running.body).toEqual({ status: 'InProgress' });
    bench.clock.advance(10);
    expect((await bench.call('GET', localUrl(url))).body).toEqual({ status: 'Succeeded' });
    const got = await bench.call('GET', at(VNET));
    expect(got.body.properties.provisioningState).toBe('Succeeded');
    expect(got.headers['etag']).toBe(got.body.etag);
    expect(got.body.etag).not.toBe(answer.body.etag);
  });

  test('an operation address that was cut or rebuilt is refused', async () => {
    const answer = await bench.call('PUT', at(VNET), vnet);
    const url = localUrl(answer.headers['azure-asyncoperation']);
    expect((await bench.call('GET', url.replace(/&h=.*$/u, ''))).body.error.code).toBe('InvalidOperationUrlSignature');
  });

  test('a network delete has both addresses on different paths, and is 204 when nothing is there', async () => {
    await put(VNET, vnet);
    const answer = await bench.call('DELETE', at(VNET));
    expect(answer.status).toBe(202);
    expect(answer.headers['azure-asyncoperation']).toContain('/operations/');
    expect(answer.headers['location']).toContain('/operationResults/');
    expect((await bench.call('GET', at(VNET))).body.properties.provisioningState).toBe('Deleting');
    expect((await bench.call('GET', localUrl(answer.headers['location']))).status).toBe(202);
    bench.settle();
    expect((await bench.call('GET', localUrl(answer.headers['location']))).status).toBe(204);
    expect((await bench.call('GET', at(VNET))).body.error.code).toBe('ResourceNotFound');
    expect((await bench.call('DELETE', at(VNET))).status).toBe(204);
  });

  test('a storage account is 202 with a Location that changes with every poll; the account is the last answer', async () => {
    const id = `${PLATFORM}/providers/Microsoft.Storage/storageAccounts/some1account`;
    const answer = await bench.call('PUT', at(id, 'api-version=2026-09-01'), {
      location: 'westeurope',
      kind: 'StorageV2',
      sku: { name: 'Standard_LRS' },
    });
    expect(answer).toMatchObject({ status: 202, body: '', headers: { 'retry-after': '17' } });
    bench.clock.advance(1);
    const poll = await bench.call('GET', localUrl(answer.headers['location']));
    expect(poll.status).toBe(202);
    expect(poll.headers['location']).not.toBe(answer.headers['location']);
    const keys = await bench.call('POST', `${id}/listKeys?api-version=2026-09-01`);
    expect(keys.body.error.code).toBe('StorageAccountIsNotProvisioned');
    bench.settle();
    const done = await bench.call('GET', localUrl(poll.headers['location']));
    expect(done).toMatchObject({
      status: 200,
      body: { name: 'some1account', properties: { provisioningState: 'Succeeded' } },
    });
    expect(
      (
        await bench.call('PUT', at(id, 'api-version=2026-09-01'), {
          location: 'westeurope',
          sku: { name: 'Standard_LRS' },
        })
      ).status,
    ).toBe(200);
    expect((await bench.call('DELETE', at(id, 'api-version=2026-09-01'))).status).toBe(200);
  });

  test('an identity answers at once; its Location is relative and no operation', async () => {
    const id = `${PLATFORM}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/idn`;
    const answer = await bench.call('PUT', at(id, 'api-version=2024-11-30'), { location: 'westeurope' });
    expect(answer.status).toBe(201);
    expect(answer.headers['location']).toMatch(/^\/subscriptions\/[^/]+\/resourcegroups\//u);
    expect((await bench.call('PUT', at(id, 'api-version=2024-11-30'), { location: 'westeurope' })).status).toBe(200);
  });

  test('a disk answers 202 with the resource; its operation carries the disk', async () => {
    const answer = await bench.call('PUT', `${COMPUTE}/disks/d?api-version=2026-03-02`, {
      location: 'westeurope',
      properties: { creationData: { createOption: 'Empty' }, diskSizeGB: 4 },
    });
    expect(answer).toMatchObject({
      status: 202,
      headers: { 'retry-after': '2' },
      body: { properties: { provisioningState: 'Updating' } },
    });
    bench.settle();
    const done = await bench.call('GET', localUrl(answer.headers['azure-asyncoperation']));
    expect(done.body.properties.output.properties.diskState).toBe('Unattached');
  });

  test('an operation in flight ends after a restart, and running machines boot again as resumed', async () => {
    await networkWithNic();
    await bench.call('PUT', at(`${COMPUTE}/virtualMachines/m`, COMPUTE_VERSION), vmBody());
    expect(bench.machines.log).toEqual([]);
    bench = bench.restart();
    bench.arm.start();
    bench.settle();
    expect(bench.machines.log).toEqual(['start m']);
    bench = bench.restart();
    bench.arm.start();
    expect(bench.machines.log).toEqual(['start m resumed']);
    expect(
      (await bench.call('GET', at(`${COMPUTE}/virtualMachines/m`, COMPUTE_VERSION))).body.properties.provisioningState,
    ).toBe('Succeeded');
  });
});

describe('conflicts', () => {
  test('a second writer is told to come back, with seconds', async () => {
    await bench.call('PUT', at(VNET), vnet);
    const busy = await bench.call('PUT', at(`${VNET}/subnets/t`), { properties: { addressPrefix: '10.0.1.0/24' } });
    expect(busy.status).toBe(429);
    expect(busy.body.error).toMatchObject({
      code: 'RetryableError',
      details: [{ code: 'RetryableErrorDueToAnotherOperation' }],
    });
    expect(Number(busy.headers['retry-after'])).toBeGreaterThanOrEqual(11);
  });

  test('a reference that is still updating is 429 without Retry-After', async () => {
    await bench.call('PUT', at(VNET), vnet);
    const answer = await bench.call('PUT', at(`${NET}/networkInterfaces/n`), nicBody());
    expect(answer.status).toBe(429);
    expect(answer.body.error.details[0].code).toBe('ReferencedResourceNotProvisioned');
    expect(answer.headers['retry-after']).toBeUndefined();
  });

  test('a stale etag is 412, the current one and * pass', async () => {
    await put(VNET, vnet);
    const etag = (await bench.call('GET', at(VNET))).body.etag;
    expect((await bench.call('PUT', at(VNET), vnet, { 'if-match': 'W/"old"' })).status).toBe(412);
    expect((await bench.call('PUT', at(VNET), vnet, { 'if-none-match': '*' })).status).toBe(412);
    expect((await bench.call('PUT', at(VNET), vnet, { 'if-match': etag })).status).toBe(200);
    expect((await bench.call('PUT', at(VNET), vnet, { 'if-match': '*' })).status).toBe(200);
  });

  test('missing references: network 400, machine without its interface 404', async () => {
    const nic = await bench.call('PUT', at(`${NET}/networkInterfaces/n`), nicBody());
    expect(nic).toMatchObject({ status: 400, body: { error: { code: 'InvalidResourceReference' } } });
    const vm = await bench.call('PUT', at(`${COMPUTE}/virtualMachines/m`, COMPUTE_VERSION), vmBody());
    expect(vm).toMatchObject({ status: 404, body: { error: { code: 'NotFound' } } });
  });

  test('what is in use stays', async () => {
    await networkWithNic();
    const code = async (id: string) => (await bench.call('DELETE', at(id))).body.error?.code;
    expect(await code(`${VNET}/subnets/s`)).toBe('InUseSubnetCannotBeDeleted');
    expect(await code(VNET)).toBe('InUseSubnetCannotBeDeleted');
    const shared = `${SUB}/resourceGroups/network/providers/Microsoft.Network`;
    expect(await code(`${shared}/networkSecurityGroups/corp-workers-nsg`)).toBe(
      'InUseNetworkSecurityGroupCannotBeDeleted',
    );
    expect(await code(`${shared}/routeTables/corp-routes`)).toBe('InUseRouteTableCannotBeDeleted');
    expect(await code(`${shared}/natGateways/corp-nat`)).toBe('InUseNatGatewayCannotBeDeleted');
    expect(await code(`${shared}/publicIPAddresses/corp-nat-ip`)).toBe('PublicIPAddressCannotBeDeleted');
  });

  test('a deleted machine overtakes its own creation', async () => {
    await networkWithNic();
    const created = await bench.call('PUT', at(`${COMPUTE}/virtualMachines/m`, COMPUTE_VERSION), vmBody());
    expect((await bench.call('DELETE', at(`${COMPUTE}/virtualMachines/m`, COMPUTE_VERSION))).status).toBe(202);
    expect((await bench.call('GET', localUrl(created.headers['azure-asyncoperation']))).body).toMatchObject({
      status: 'Canceled',
      error: { code: 'OperationPreempted' },
    });
    bench.settle();
    expect(bench.machines.log).toEqual(['stop m deleted']);
  });

  test('a group whose network is used from outside cannot be deleted: 409 with capital keys, and rolled back', async () => {
    await put(
      `${SUB}/resourceGroups/platform/providers/Microsoft.Network/networkInterfaces/x`,
      nicBody(
        `${SUB}/resourceGroups/network/providers/Microsoft.Network/virtualNetworks/corp-vnet/subnets/corp-workers`,
      ),
    );
    const answer = await bench.call('DELETE', `${SUB}/resourcegroups/network?api-version=2025-04-01`);
    expect(answer).toMatchObject({ status: 202, headers: { 'retry-after': '15' } });
    bench.settle();
    const end = await bench.call('GET', localUrl(answer.headers['location']));
    expect(end.status).toBe(409);
    expect(end.body.Error.Code).toBe('ResourceGroupDeletionBlocked');
    expect(
      (await bench.call('GET', `${SUB}/resourceGroups/network?api-version=2025-04-01`)).body.properties
        .provisioningState,
    ).toBe('Succeeded');
  });
});

describe('addresses', () => {
  test('the first four addresses of a subnet are Azure’s; static ones are checked', async () => {
    await put(VNET, {
      ...vnet,
      properties: { ...vnet.properties, subnets: [{ name: 's', properties: { addressPrefix: '10.0.0.0/29' } }] },
    });
    const make = async (name: string, address?: string) => {
      const properties = {
        subnet: { id: `${VNET}/subnets/s` },
        ...(address === undefined ? {} : { privateIPAllocationMethod: 'Static', privateIPAddress: address }),
      };
      const answer = await bench.call('PUT', at(`${NET}/networkInterfaces/${name}`), {
        location: 'westeurope',
        properties: { ipConfigurations: [{ name: 'c', properties }] },
      });
      bench.settle();
      return answer.body.error?.code ?? answer.body.properties.ipConfigurations[0].properties.privateIPAddress;
    };
    expect(await make('a')).toBe('10.0.0.4');
    expect(await make('b', '10.0.0.5')).toBe('10.0.0.5');
    expect(await make('c', '10.0.0.5')).toBe('PrivateIPAddressIsAllocated');
    expect(await make('d', '10.0.0.1')).toBe('PrivateIPAddressInReservedRange');
    expect(await make('e', '10.1.0.5')).toBe('PrivateIPAddressNotInSubnet');
    expect(await make('a')).toBe('10.0.0.4');
    expect(await make('f')).toBe('10.0.0.6');
    expect(await make('g')).toBe('SubnetIsFull');
  });

  test('subnets must lie in the network and not overlap', async () => {
    await put(VNET, vnet);
    const code = async (prefix: string) =>
      (await bench.call('PUT', at(`${VNET}/subnets/t`), { properties: { addressPrefix: prefix } })).body.error?.code;
    expect(await code('10.0.0.128/25')).toBe('NetcfgSubnetRangesOverlap');
    expect(await code('10.9.0.0/24')).toBe('NetcfgSubnetRangeOutsideVnet');
    expect(await code('10.0.1.7/24')).toBe('InvalidCIDRNotation');
  });

  test('a DNS label is taken once per region', async () => {
    const body = {
      location: 'westeurope',
      sku: { name: 'Standard' },
      properties: { publicIPAllocationMethod: 'Static', dnsSettings: { domainNameLabel: 'same' } },
    };
    await put(`${NET}/publicIPAddresses/one`, body);
    expect((await bench.call('PUT', at(`${NET}/publicIPAddresses/two`), body)).body.error.code).toBe('DnsRecordInUse');
    await put(`${NET}/publicIPAddresses/three`, { ...body, location: 'northeurope' });
  });
});

describe('what is not in the contract is refused and counted', () => {
  test.each([
    ['GET', `${NET}/warpDrives/x?${NETWORK_VERSION}`, undefined, 404, 'InvalidResourceType'],
    ['GET', `${VNET}?api-version=1999-01-01`, undefined, 400, 'NoRegisteredProviderFound'],
    ['GET', VNET, undefined, 400, 'MissingApiVersionParameter'],
    ['GET', `${VNET}?${NETWORK_VERSION}&colour=red`, undefined, 400, 'InvalidQueryParameter'],
    ['PUT', `${VNET}?${NETWORK_VERSION}`, { location: 'westeurope', propertees: {} }, 400, 'InvalidRequestContent'],
    [
      'PUT',
      `${VNET}?${NETWORK_VERSION}`,
      { location: 'westeurope', properties: { addressSpace: { addressPrefixs: [] } } },
      400,
      'InvalidRequestFormat',
    ],
    [
      'PUT',
      `${COMPUTE}/virtualMachines/m?${COMPUTE_VERSION}`,
      { location: 'westeurope', properties: { osProfile: { custmData: '' } } },
      400,
      'BadRequest',
    ],
    [
      'PUT',
      `${COMPUTE}/virtualMachineScaleSets/s?${COMPUTE_VERSION}`,
      { location: 'westeurope' },
      501,
      'NotModelledBySimulator',
    ],
  ])('%s %s', async (method, url, body, status, code) => {
    const answer = await bench.call(method, url, body);
    expect({ status: answer.status, code: answer.body.error.code }).toEqual({ status, code });
    expect(bench.arm.control.unmodelled()).toMatchObject([{ method, count: 1 }]);
  });

  test('ids and types are compared without letter case', async () => {
    await put(VNET, vnet);
    const shouted = at(VNET.toUpperCase().replace('/SUBSCRIPTIONS/', '/subscriptions/'));
    expect((await bench.call('GET', shouted)).body.id).toBe(VNET);
  });

  test('names, tags and locations have rules', async () => {
    const code = async (id: string, body: unknown) => (await bench.call('PUT', at(id), body)).body.error?.code;
    expect(await code(`${NET}/routeTables/-bad`, { location: 'westeurope' })).toBe('InvalidResourceName');
    expect(await code(`${NET}/routeTables/r`, { location: 'atlantis' })).toBe('LocationNotAvailableForResourceType');
    expect(await code(`${NET}/routeTables/r`, {})).toBe('LocationRequired');
    expect(await code(`${NET}/routeTables/r`, { location: 'westeurope', tags: { microsoftly: 'x' } })).toBe(
      'InvalidTagName',
    );
    expect(
      await code(`${NET}/routeTables/r`, {
        location: 'westeurope',
        tags: Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`t${index}`, ''])),
      }),
    ).toBe('TooManyTags');
    await put(`${NET}/routeTables/r`, { location: 'westeurope' });
    expect(await code(`${NET}/routeTables/r`, { location: 'northeurope' })).toBe('InvalidResourceLocation');
    expect(
      await code(`${SUB}/resourceGroups/nobody/providers/Microsoft.Network/routeTables/r`, { location: 'westeurope' }),
    ).toBe('ResourceGroupNotFound');
  });

  test('long lists come in pages', async () => {
    bench.close();
    bench = createBench({ tuning: { pageSize: 2 } });
    for (const name of ['a', 'b', 'c']) await put(`${NET}/routeTables/${name}`, { location: 'westeurope' });
    const first = await bench.call('GET', at(`${NET}/routeTables`));
    expect(first.body.value).toHaveLength(2);
    const second = await bench.call('GET', localUrl(first.body.nextLink));
    expect(second.body.value.map((item: { name: string }) => item.name)).toEqual(['c']);
    expect(second.body.nextLink).toBeUndefined();
  });
});
