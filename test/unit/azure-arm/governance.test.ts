import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Bench, COMPUTE, COMPUTE_VERSION, createBench, NET, NETWORK_VERSION, PLATFORM, SUB } from './harness.ts';

let bench: Bench;

beforeEach(() => {
  bench = createBench();
});

afterEach(() => {
  bench.close();
});

const TABLE = `${NET}/routeTables/r?${NETWORK_VERSION}`;
const table = { location: 'westeurope' };
const ROLE = (guid: string) => `${SUB}/providers/Microsoft.Authorization/roleDefinitions/${guid}`;
const NETWORK_CONTRIBUTOR = '4d97b98b-1d4f-4787-a291-c67834d212e7';
const READER = 'acdd72a7-3385-48ef-bd42-f606fba81ae7';
const somebody = '66666666-6666-4666-8666-666666666666';

async function grant(role: string, scope: string, principalId = somebody) {
  const url = `${scope}/providers/Microsoft.Authorization/roleAssignments/${role.replace(/^./u, 'a')}?api-version=2022-04-01`;
  const answer = await bench.call('PUT', url, {
    properties: { principalId, roleDefinitionId: ROLE(role), principalType: 'ServicePrincipal' },
  });
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return url;
}

const as = (who: string) => ({ authorization: `Bearer ${who}` });

describe('access', () => {
  test('no token, a bad token', async () => {
    expect((await bench.call('GET', TABLE, undefined, { authorization: '' })).status).toBe(401);
    expect((await bench.call('GET', TABLE, undefined, as('expired'))).body.error.code).toBe(
      'InvalidAuthenticationToken',
    );
  });

  test('a role counts at its scope only, after it has spread, and until it is taken away', async () => {
    const refused = await bench.call('PUT', TABLE, table, as(somebody));
    expect(refused).toMatchObject({
      status: 403,
      headers: { 'x-ms-failure-cause': 'gateway' },
      body: { error: { code: 'AuthorizationFailed' } },
    });
    expect(refused.body.error.message).toContain(
      `'Microsoft.Network/routeTables/write' over scope '${NET}/routeTables/r'`,
    );
    const url = await grant(NETWORK_CONTRIBUTOR, PLATFORM);
    expect((await bench.call('PUT', TABLE, table, as(somebody))).status).toBe(403);
    bench.clock.advance(60);
    expect((await bench.call('PUT', TABLE, table, as(somebody))).status).toBe(201);
    expect((await bench.call('PUT', TABLE.replace('/platform/', '/network/'), table, as(somebody))).status).toBe(403);
    expect((await bench.call('DELETE', url)).status).toBe(200);
    expect((await bench.call('DELETE', url)).status).toBe(204);
    expect((await bench.call('GET', TABLE, undefined, as(somebody))).status).toBe(403);
  });

  test('using a subnet elsewhere needs the join action there', async () => {
    await grant(NETWORK_CONTRIBUTOR, PLATFORM);
    bench.clock.advance(60);
    const subnet = {
      id: `${SUB}/resourceGroups/network/providers/Microsoft.Network/virtualNetworks/corp-vnet/subnets/corp-workers`,
    };
    const nic = { location: 'westeurope', properties: { ipConfigurations: [{ name: 'c', properties: { subnet } }] } };
    const refused = await bench.call('PUT', `${NET}/networkInterfaces/n?${NETWORK_VERSION}`, nic, as(somebody));
    expect(refused.body.error.code).toBe('LinkedAuthorizationFailed');
    expect(refused.body.error.message).toContain('Microsoft.Network/virtualNetworks/subnets/join/action');
  });

  test('a fresh identity is unknown for a while unless its type is given', async () => {
    const identity = await bench.call(
      'PUT',
      `${PLATFORM}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/idn?api-version=2024-11-30`,
      { location: 'westeurope' },
    );
    const url = `${PLATFORM}/providers/Microsoft.Authorization/roleAssignments/99999999-1111-4111-8111-111111111111?api-version=2022-04-01`;
    const body = { properties: { principalId: identity.body.properties.principalId, roleDefinitionId: ROLE(READER) } };
    expect((await bench.call('PUT', url, body)).body.error.code).toBe('PrincipalNotFound');
    bench.clock.advance(60);
    expect((await bench.call('PUT', url, body)).status).toBe(201);
  });

  test('data actions follow the roles of the scope', () => {
    const blob = 'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read';
    const account = `${SUB}/resourceGroups/storage/providers/Microsoft.Storage/storageAccounts/corpimages0001`;
    expect(bench.arm.directory.allowsDataAction('44444444-4444-4444-8444-444444444444', blob, account)).toBe(true);
    expect(bench.arm.directory.allowsDataAction(somebody, blob, account)).toBe(false);
    expect(
      bench.arm.directory.allowsDataAction(
        '44444444-4444-4444-8444-444444444444',
        'Microsoft.KeyVault/vaults/secrets/getSecret/action',
        `${bench.arm.directory.vault('capstan-kv')?.id}/secrets/x`,
      ),
    ).toBe(true);
  });
});

describe('locks and policies', () => {
  test('CanNotDelete stops deletions below it, ReadOnly also writes and listKeys', async () => {
    await bench.call('PUT', TABLE, table);
    bench.settle();
    const lock = `${PLATFORM}/providers/Microsoft.Authorization/locks/l?api-version=2020-05-01`;
    expect((await bench.call('PUT', lock, { properties: { level: 'CanNotDelete' } })).status).toBe(201);
    expect((await bench.call('DELETE', TABLE)).body.error.code).toBe('ScopeLocked');
    expect((await bench.call('PUT', TABLE, table)).status).toBe(200);
    const keys = `${SUB}/resourceGroups/storage/providers/Microsoft.Storage/storageAccounts/corpimages0001`;
    await bench.call('PUT', `${keys}/providers/Microsoft.Authorization/locks/k?api-version=2020-05-01`, {
      properties: { level: 'ReadOnly' },
    });
    expect((await bench.call('POST', `${keys}/listKeys?api-version=2026-09-01`)).body.error.code).toBe('ScopeLocked');
    expect((await bench.call('DELETE', lock)).status).toBe(200);
    expect((await bench.call('DELETE', TABLE)).status).toBe(202);
  });

  test('a policy modifies what was sent, or refuses it with the assignment in additionalInfo', async () => {
    const type = 'Microsoft.Storage/storageAccounts';
    const url = (name: string) => `${PLATFORM}/providers/${type}/${name}?api-version=2026-09-01`;
    const body = {
      location: 'westeurope',
      sku: { name: 'Standard_LRS' },
      kind: 'StorageV2',
      properties: { allowSharedKeyAccess: true },
    };
    bench.arm.control.faults.add({
      policy: { name: 'no-keys', effect: 'modify', type, property: 'properties.allowSharedKeyAccess', set: false },
    });
    await bench.call('PUT', url('modified1'), body);
    bench.settle();
    expect(bench.arm.directory.storageAccount('modified1')?.allowSharedKeyAccess).toBe(false);
    bench.arm.control.faults.add({
      policy: { name: 'no-keys', effect: 'deny', type, property: 'properties.allowSharedKeyAccess', equals: true },
    });
    const refused = await bench.call('PUT', url('denied1'), body);
    expect(refused).toMatchObject({
      status: 403,
      body: {
        error: { code: 'RequestDisallowedByPolicy', target: 'denied1', additionalInfo: [{ type: 'PolicyViolation' }] },
      },
    });
    bench.arm.control.faults.clear();
    expect((await bench.call('PUT', url('denied1'), body)).status).toBe(202);
  });

  test('a policy on a child is evaluated when the child is written', async () => {
    await bench.call('PUT', `${NET}/virtualNetworks/v?${NETWORK_VERSION}`, {
      location: 'westeurope',
      properties: { addressSpace: { addressPrefixes: ['10.0.0.0/16'] } },
    });
    bench.settle();
    const type = 'Microsoft.Network/virtualNetworks/subnets';
    const property = 'properties.networkSecurityGroup';
    bench.arm.control.faults.add({ policy: { name: 'guarded', effect: 'deny', type, property, equals: null } });
    const subnet = await bench.call('PUT', `${NET}/virtualNetworks/v/subnets/s?${NETWORK_VERSION}`, {
      properties: { addressPrefix: '10.0.0.0/24' },
    });
    expect([subnet.status, subnet.body.error.code]).toEqual([403, 'RequestDisallowedByPolicy']);
  });

  test.each([
    [{ type: 'Microsoft.Sql/servers' }, /type 'Microsoft.Sql\/servers' is not modelled/],
    [{ property: 'properties.noSuchThing', equals: true }, /no property 'properties.noSuchThing'/],
    [{ property: 'properties.encryption.noSuchThing', equals: true }, /'noSuchThing' is unknown/],
    [{ property: 'properties.networkAcls.ipRules.value', equals: '1.2.3.4' }, /lies in a list/],
    [{ property: 'properties.networkAcls.ipRules[*].value', equals: '1.2.3.4' }, /list elements \(\[\*\]\)/],
    [{ property: 'allowSharedKeyAccess', equals: true }, /a policy sees properties/],
    [{ effect: 'modify', property: 'properties.allowSharedKeyAccess' }, /needs property and set/],
    [{ property: 'properties.networkAcls', equals: { a: 1 } }, /takes a plain value/],
    [{ equals: true }, /needs a property/],
    [{ property: 'properties.allowSharedKeyAccess', equals: true, set: false }, /deny sets nothing/],
    [{ scope: 'platform' }, /the scope 'platform'/],
  ])('a policy that would not be evaluated as it says is refused when it is assigned: %o', (changes, message) => {
    const policy = { name: 'p', effect: 'deny', type: 'Microsoft.Storage/storageAccounts', ...changes };
    expect(() => bench.arm.control.faults.add({ policy })).toThrow(message);
    expect(bench.arm.control.faults.list()).toMatchObject({ policies: [] });
  });

  test('an unregistered provider refuses writes until it has registered', async () => {
    bench.arm.control.faults.add({ provider: { namespace: 'Microsoft.Network', registered: false } });
    expect((await bench.call('PUT', TABLE, table)).body.error.code).toBe('MissingSubscriptionRegistration');
    const register = await bench.call('POST', `${SUB}/providers/Microsoft.Network/register?api-version=2025-04-01`);
    expect(register.body.registrationState).toBe('Registering');
    bench.clock.advance(120);
    expect(
      (await bench.call('GET', `${SUB}/providers/Microsoft.Network?api-version=2025-04-01`)).body.registrationState,
    ).toBe('Registered');
  });
});

describe('capacity', () => {
  async function machine(name: string, change: (body: any) => void = () => undefined) {
    const nic = `${NET}/networkInterfaces/${name}`;
    const subnet = {
      id: `${SUB}/resourceGroups/network/providers/Microsoft.Network/virtualNetworks/corp-vnet/subnets/corp-workers`,
    };
    await bench.call('PUT', `${nic}?${NETWORK_VERSION}`, {
      location: 'westeurope',
      properties: { ipConfigurations: [{ name: 'c', properties: { subnet } }] },
    });
    const body = {
      location: 'westeurope',
      zones: ['1'],
      properties: {
        hardwareProfile: { vmSize: 'Standard_D4s_v5' },
        storageProfile: {
          imageReference: { publisher: 'p', offer: 'o', sku: 's', version: '1' },
          osDisk: { createOption: 'FromImage' },
        },
        osProfile: { computerName: name, adminUsername: 'capi', adminPassword: 'not-a-real-one' },
        networkProfile: { networkInterfaces: [{ id: nic }] },
      },
    };
    change(body);
    return bench.call('PUT', `${COMPUTE}/virtualMachines/${name}?${COMPUTE_VERSION}`, body);
  }

  test('quota counts the machines that exist and names what is missing', async () => {
    bench.arm.control.faults.add({ quota: { location: 'westeurope', family: 'standardDSv5Family', limit: 6 } });
    expect((await machine('one')).status).toBe(201);
    const refused = await machine('two');
    expect(refused).toMatchObject({ status: 409, body: { error: { code: 'OperationNotAllowed' } } });
    expect(refused.body.error.message).toContain(
      'Current Limit: 6, Current Usage: 4, Additional Required: 4, (Minimum) New Limit Required: 8',
    );
    const usages = await bench.call(
      'GET',
      `${SUB}/providers/Microsoft.Compute/locations/westeurope/usages?${COMPUTE_VERSION}`,
    );
    expect(usages.body.value.find((usage: any) => usage.name.value === 'standardDSv5Family')).toMatchObject({
      currentValue: 4,
      limit: 6,
    });
  });

  test('a machine whose creation failed boots when the same PUT succeeds, and is off as soon as it is being deleted', async () => {
    bench.arm.control.faults.add({
      match: { resource: 'virtualMachines/one' },
      action: { kind: 'operation-fails', code: 'AllocationFailed' },
    });
    await machine('one');
    bench.settle();
    expect(bench.machines.log).toEqual([]);
    expect((await machine('one')).status).toBe(200);
    bench.settle();
    expect(bench.machines.log).toEqual(['start one']);
    const id = `${COMPUTE}/virtualMachines/one`;
    expect(bench.arm.directory.machineIdentityIds(id)).toEqual([]);
    await bench.call('DELETE', `${id}?${COMPUTE_VERSION}`);
    expect(bench.arm.directory.machineIdentityIds(id)).toBeUndefined();
  });

  test('restricted sizes and zones, regions without zones', async () => {
    const code = async (name: string, change: (body: any) => void) => (await machine(name, change)).body.error?.code;
    expect(await code('a', (body) => (body.properties.hardwareProfile.vmSize = 'Standard_E4s_v5'))).toBe(
      'SkuNotAvailable',
    );
    expect(
      await code(
        'b',
        (body) =>
          Object.assign(body, { zones: ['3'] }) && (body.properties.hardwareProfile.vmSize = 'Standard_D4as_v5'),
      ),
    ).toBe('SkuNotAvailable');
    expect(await code('c', (body) => (body.properties.hardwareProfile.vmSize = 'Standard_Z99'))).toBe(
      'InvalidParameter',
    );
    expect(await code('d', (body) => (body.location = 'northcentralus'))).toBe('InvalidAvailabilityZone');
    expect(await code('e', (body) => (body.properties.osProfile.customData = 'A'.repeat(90_000)))).toBe(
      'InvalidParameter',
    );
    bench.arm.control.faults.add({ sku: { name: 'Standard_D4s_v5', location: 'westeurope', zones: ['1'] } });
    expect(await code('f', () => undefined)).toBe('SkuNotAvailable');
  });

  test('public addresses have a limit', async () => {
    bench.arm.control.faults.add({ quota: { location: 'westeurope', family: 'PublicIPAddresses', limit: 1 } });
    const answer = await bench.call('PUT', `${NET}/publicIPAddresses/p?${NETWORK_VERSION}`, {
      location: 'westeurope',
      sku: { name: 'Standard' },
      properties: { publicIPAllocationMethod: 'Static' },
    });
    expect(answer.body.error.code).toBe('PublicIPCountLimitReached');
  });

  test('an image needs a page blob with a VHD footer', async () => {
    const image = async (blob: string) => {
      const osDisk = {
        osType: 'Linux',
        osState: 'Generalized',
        blobUri: `https://corpimages0001.blob.core.windows.net/images/${blob}`,
      };
      const answer = await bench.call('PUT', `${COMPUTE}/images/i?${COMPUTE_VERSION}`, {
        location: 'westeurope',
        properties: { storageProfile: { osDisk } },
      });
      return answer.body.error?.code ?? answer.status;
    };
    bench.storage.blobs.set('corpimages0001/images/short.vhd', {
      blobType: 'PageBlob',
      size: 1024,
      etag: '"1"',
      endsWithVhdFooter: false,
    });
    bench.storage.blobs.set('corpimages0001/images/good.vhd', {
      blobType: 'PageBlob',
      size: 1024,
      etag: '"1"',
      endsWithVhdFooter: true,
    });
    expect(await image('absent.vhd')).toBe('InvalidParameter');
    expect(await image('short.vhd')).toBe('InvalidVhd');
    expect(await image('good.vhd')).toBe(201);
  });
});

describe('throttling', () => {
  test('buckets are reported, empty into 429 with Retry-After and refill in Azure time', async () => {
    const first = await bench.call('PUT', TABLE, table);
    expect(first.headers).toMatchObject({
      'x-ms-ratelimit-remaining-subscription-writes': '199',
      'x-ms-ratelimit-remaining-subscription-global-writes': '2999',
    });
    let last = first;
    for (let index = 0; index < 200; index += 1) last = await bench.call('PUT', TABLE, table);
    expect(last).toMatchObject({
      status: 429,
      headers: { 'retry-after': '1' },
      body: { error: { code: 'SubscriptionRequestsThrottled' } },
    });
    bench.clock.advance(1);
    expect((await bench.call('PUT', TABLE, table)).body.error.code).toBe('RetryableError');
  });

  test('polling one machine too often drains its own bucket', async () => {
    const url = `${COMPUTE}/virtualMachines/m?${COMPUTE_VERSION}`;
    let status = 0;
    let calls = 0;
    for (; status !== 429 && calls < 60; calls += 1) status = (await bench.call('GET', url)).status;
    expect(calls).toBe(37);
  });
});

describe('faults', () => {
  const fault = (rule: object) => bench.arm.control.faults.add(rule);

  test('a status with Retry-After as seconds and as a date, on the nth call', async () => {
    fault({
      match: { method: 'PUT', resource: 'routeTables/r', nth: 2 },
      action: { kind: 'status', status: 429, code: 'TooManyRequests', retryAfter: { seconds: 30, date: true } },
    });
    expect((await bench.call('PUT', TABLE, table)).status).toBe(201);
    bench.settle();
    const second = await bench.call('PUT', TABLE, table);
    expect(second.status).toBe(429);
    expect(Date.parse(second.headers['retry-after'] ?? '')).toBeGreaterThan(bench.clock.now());
    expect((await bench.call('PUT', TABLE, table)).status).toBe(200);
  });

  test('an operation that fails leaves the resource Failed with the nested error', async () => {
    fault({
      match: { path: 'routeTables' },
      action: {
        kind: 'operation-fails',
        code: 'ZonalAllocationFailed',
        message: 'no room',
        details: [{ code: 'Inner', message: 'inner' }],
      },
    });
    const answer = await bench.call('PUT', TABLE, table);
    bench.settle();
    const status = await bench.call(
      'GET',
      (answer.headers['azure-asyncoperation'] ?? '').replace('https://management.azure.com', ''),
    );
    expect(status).toMatchObject({
      status: 200,
      body: { status: 'Failed', error: { code: 'ZonalAllocationFailed', details: [{ code: 'Inner' }] } },
    });
    expect((await bench.call('GET', TABLE)).body.properties.provisioningState).toBe('Failed');
    expect((await bench.call('PUT', TABLE, table)).status).toBe(200);
  });

  test('an operation that never ends, also after a restart', async () => {
    fault({ match: { method: 'PUT' }, action: { kind: 'never-ends' } });
    await bench.call('PUT', TABLE, table);
    bench = bench.restart();
    bench.settle();
    expect((await bench.call('GET', TABLE)).body.properties.provisioningState).toBe('Updating');
    expect((await bench.call('DELETE', TABLE)).status).toBe(202);
  });

  test('a broken connection before and after the write, a cut body, a late answer', async () => {
    fault({ match: { method: 'PUT' }, action: { kind: 'reset-before' } });
    await bench.call('PUT', TABLE, table);
    expect((await bench.call('GET', TABLE)).status).toBe(404);
    fault({ match: { method: 'PUT' }, action: { kind: 'reset-after' } });
    await bench.call('PUT', TABLE, table);
    expect((await bench.call('GET', TABLE)).status).toBe(200);
    fault({ match: { method: 'GET' }, action: { kind: 'delay', seconds: 30 } });
    let answered = false;
    const late = bench.call('GET', TABLE).then(() => (answered = true));
    await Promise.resolve();
    expect(answered).toBe(false);
    bench.clock.advance(30);
    await late;
  });

  test('listKeys can be refused, a bad rule is explained', async () => {
    fault({ keys: { deny: true } });
    const url = `${SUB}/resourceGroups/storage/providers/Microsoft.Storage/storageAccounts/corpimages0001/listKeys?api-version=2026-09-01`;
    expect((await bench.call('POST', url)).body.error.code).toBe('AuthorizationFailed');
    expect(() => fault({ match: {}, action: { kind: 'explode' } })).toThrow(/kind|action/u);
  });
});

test('reset brings the seeded Azure back', async () => {
  await bench.call('PUT', TABLE, table);
  bench.arm.control.reset();
  const names = bench.arm.control.resources().map((resource) => resource.name);
  expect(names).not.toContain('r');
  expect(names).toEqual(
    expect.arrayContaining(['platform', 'corp-vnet', 'capstan-app', 'capstan-kv', 'corpimages0001', 'nozones']),
  );
  expect(bench.arm.directory.identity({ clientId: '33333333-3333-4333-8333-333333333333' })?.principalId).toBe(
    '44444444-4444-4444-8444-444444444444',
  );
});
