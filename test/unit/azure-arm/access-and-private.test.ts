import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConditionError, evaluateCondition } from '#local/azure/arm/engine/abac.ts';
import { type Bench, createBench, NET, NETWORK_VERSION, PLATFORM, SUB } from './harness.ts';

let bench: Bench;
beforeEach(() => {
  bench = createBench();
});
afterEach(() => {
  bench.close();
});

const contributor = 'b24988ac-6180-42a0-ab88-20f7382dd24c';
const owner = '8e3af657-a8ff-443c-a75c-2fe8c4bcb635';
const administrator = 'f58310d9-a9f6-439a-9e8d-f62e7b41a168';
const delegate = '99999999-9999-4999-8999-999999999999';
const workload = '88888888-8888-4888-8888-888888888888';

/** The form that Azure's portal writes for "constrain roles and principal types". */
const condition = `(
 (
  !(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})
 )
 OR
 (
  @Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${contributor}}
  AND
  @Request[Microsoft.Authorization/roleAssignments:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {'ServicePrincipal'}
 )
)
AND
(
 (
  !(ActionMatches{'Microsoft.Authorization/roleAssignments/delete'})
 )
 OR
 (
  @Resource[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${contributor}}
 )
)`;

const assignment = (scope: string, name: string) =>
  `${scope}/providers/Microsoft.Authorization/roleAssignments/${name}?api-version=2022-04-01`;
const roleId = (role: string) => `${SUB}/providers/Microsoft.Authorization/roleDefinitions/${role}`;
const grant = (role: string, principalId: string, more: object = {}) => ({
  properties: { roleDefinitionId: roleId(role), principalId, principalType: 'ServicePrincipal', ...more },
});
const as = { authorization: `Bearer ${delegate}` };

describe('conditions of role assignments', () => {
  test('are evaluated as written', () => {
    const write = 'Microsoft.Authorization/roleAssignments/write';
    const request = (role: string, type = 'ServicePrincipal') => ({ RoleDefinitionId: role, PrincipalType: type });
    expect(evaluateCondition(condition, { action: write, request: request(contributor) })).toBe(true);
    expect(evaluateCondition(condition, { action: write, request: request(owner) })).toBe(false);
    expect(evaluateCondition(condition, { action: write, request: request(contributor, 'User') })).toBe(false);
    expect(evaluateCondition(condition, { action: 'Microsoft.Network/virtualNetworks/write' })).toBe(true);
    expect(evaluateCondition(condition, { action: write })).toBe(false);
  });

  test('that cannot be read are errors, not "allowed"', () => {
    for (const bad of [
      '@Principal[x] StringEquals y',
      '(ActionMatches{a}',
      "ActionMatches{'a'} XOR ActionMatches{'b'}",
      '@Request[Microsoft.Storage/x:y] StringEquals {a}',
    ])
      expect(() => evaluateCondition(bad, { action: 'a' }), bad).toThrow(ConditionError);
  });

  test('limit which roles their holder can give and take', async () => {
    const first = await bench.call(
      'PUT',
      assignment(PLATFORM, '11111111-2222-4333-8444-555555555555'),
      grant(administrator, delegate, { condition, conditionVersion: '2.0' }),
    );
    expect(first.status, JSON.stringify(first.body)).toBe(201);
    bench.clock.advance(60);
    const allowed = assignment(PLATFORM, '11111111-2222-4333-8444-666666666666');
    expect((await bench.call('PUT', allowed, grant(contributor, workload), as)).status).toBe(201);
    const refused = await bench.call(
      'PUT',
      assignment(PLATFORM, '11111111-2222-4333-8444-777777777777'),
      grant(owner, workload),
      as,
    );
    expect([refused.status, refused.body.error.code]).toEqual([403, 'AuthorizationFailed']);
    expect(
      (await bench.call('DELETE', assignment(PLATFORM, '11111111-2222-4333-8444-555555555555'), undefined, as)).status,
    ).toBe(403);
    expect((await bench.call('DELETE', allowed, undefined, as)).status).toBe(200);
    expect(bench.arm.control.unmodelled()).toEqual([]);
  });

  test('that the simulation cannot evaluate are refused and counted', async () => {
    const answer = await bench.call(
      'PUT',
      assignment(PLATFORM, '11111111-2222-4333-8444-555555555555'),
      grant(contributor, delegate, { condition: '@Principal[a] StringEquals b', conditionVersion: '2.0' }),
    );
    expect(answer.status).toBe(501);
    expect(bench.arm.control.unmodelled()).toHaveLength(1);
  });
});

describe('deny assignments', () => {
  test('win over every role, name themselves, and spare who is excluded', async () => {
    bench.arm.control.faults.add({
      denyAssignment: {
        name: '77777777-7777-4777-8777-777777777777',
        scope: PLATFORM,
        actions: ['Microsoft.Network/*/write'],
      },
    });
    const url = `${NET}/routeTables/r?${NETWORK_VERSION}`;
    const answer = await bench.call('PUT', url, { location: 'westeurope', properties: {} });
    expect([answer.status, answer.body.error.code]).toEqual([403, 'DenyAssignmentAuthorizationFailed']);
    const listed = await bench.call(
      'GET',
      `${PLATFORM}/providers/Microsoft.Authorization/denyAssignments?api-version=2022-04-01`,
    );
    expect(listed.body.value).toMatchObject([{ properties: { scope: PLATFORM } }]);
    bench.arm.control.faults.clear();
    expect((await bench.call('PUT', url, { location: 'westeurope', properties: {} })).status).toBe(201);
  });
});

describe('private DNS and private endpoints', () => {
  const zone = `${NET}/privateDnsZones/privatelink.blob.core.windows.net`;
  const dns = 'api-version=2024-06-01';
  const local = (url: string | undefined) => (url ?? '').replace('https://management.azure.com', '');

  async function made(url: string, body: object) {
    const answer = await bench.call('PUT', url, body);
    expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
    bench.settle();
    return answer;
  }

  test('zones and links are written with 202 and polled at addresses below their group', async () => {
    const answer = await bench.call('PUT', `${zone}?${dns}`, { location: 'global' });
    expect([answer.status, answer.body, answer.headers['retry-after']]).toEqual([202, {}, '30']);
    expect(answer.headers['azure-asyncoperation']).toContain('/privateDnsOperationStatuses/');
    expect((await bench.call('GET', local(answer.headers['azure-asyncoperation']))).body.status).toBe('InProgress');
    bench.settle();
    expect((await bench.call('GET', local(answer.headers['azure-asyncoperation']))).body.status).toBe('Succeeded');
    expect((await bench.call('GET', local(answer.headers['location']))).body.id).toBe(zone);
    await made(`${NET}/virtualNetworks/v?${NETWORK_VERSION}`, {
      location: 'westeurope',
      properties: { addressSpace: { addressPrefixes: ['10.0.0.0/16'] } },
    });
    const link = `${zone}/virtualNetworkLinks/l?${dns}`;
    await made(link, { location: 'global', properties: { virtualNetwork: { id: `${NET}/virtualNetworks/v` } } });
    expect((await bench.call('GET', link)).body.properties.virtualNetworkLinkState).toBe('Completed');
    expect((await bench.call('GET', `${zone}?${dns}`)).body.properties).toMatchObject({
      numberOfVirtualNetworkLinks: 1,
    });
    expect((await bench.call('DELETE', `${zone}?${dns}`)).body.error.code).toBe('CannotDeleteResource');
    expect((await bench.call('DELETE', link)).status).toBe(202);
    bench.settle();
    expect((await bench.call('DELETE', `${zone}?${dns}`)).status).toBe(202);
    bench.settle();
    expect((await bench.call('GET', `${zone}?${dns}`)).status).toBe(404);
    expect((await bench.call('PUT', `${zone}?${dns}`, { location: 'westeurope' })).status).toBe(400);
  });

  test('record sets are written at once', async () => {
    await made(`${zone}?${dns}`, { location: 'global' });
    const record = `${zone}/A/x?${dns}`;
    const body = { properties: { ttl: 60, aRecords: [{ ipv4Address: '10.0.0.9' }] } };
    expect((await bench.call('PUT', record, body)).status).toBe(201);
    expect((await bench.call('PUT', record, body)).status).toBe(200);
    expect((await bench.call('PUT', record, body, { 'if-none-match': '*' })).status).toBe(412);
    expect((await bench.call('GET', record)).body.properties.fqdn).toBe('x.privatelink.blob.core.windows.net.');
    expect((await bench.call('GET', `${zone}/A?${dns}`)).body.value).toHaveLength(1);
    expect((await bench.call('DELETE', record)).status).toBe(200);
    expect((await bench.call('PUT', record, { properties: { ttl: 60, cnameRecord: { cname: 'y' } } })).status).toBe(
      400,
    );
  });

  test('an endpoint brings an interface, an address and its record, and takes them away', async () => {
    await made(`${zone}?${dns}`, { location: 'global' });
    await made(`${NET}/virtualNetworks/v?${NETWORK_VERSION}`, {
      location: 'westeurope',
      properties: {
        addressSpace: { addressPrefixes: ['10.0.0.0/16'] },
        subnets: [{ name: 's', properties: { addressPrefix: '10.0.0.0/24' } }],
      },
    });
    const account = `${SUB}/resourceGroups/storage/providers/Microsoft.Storage/storageAccounts/corpimages0001`;
    const endpoint = `${NET}/privateEndpoints/e`;
    await made(`${endpoint}?${NETWORK_VERSION}`, {
      location: 'westeurope',
      properties: {
        subnet: { id: `${NET}/virtualNetworks/v/subnets/s` },
        privateLinkServiceConnections: [
          { name: 'c', properties: { privateLinkServiceId: account, groupIds: ['blob'] } },
        ],
      },
    });
    const seen = await bench.call('GET', `${endpoint}?${NETWORK_VERSION}`);
    expect(seen.body.properties.customDnsConfigs).toEqual([
      { fqdn: 'corpimages0001.blob.core.windows.net', ipAddresses: ['10.0.0.4'] },
    ]);
    await made(`${endpoint}/privateDnsZoneGroups/g?${NETWORK_VERSION}`, {
      properties: { privateDnsZoneConfigs: [{ name: 'z', properties: { privateDnsZoneId: zone } }] },
    });
    const record = `${zone}/A/corpimages0001?${dns}`;
    expect((await bench.call('GET', record)).body.properties.aRecords).toEqual([{ ipv4Address: '10.0.0.4' }]);
    const full = await bench.call('DELETE', `${NET}/virtualNetworks/v?${NETWORK_VERSION}`);
    expect(full.body.error.code).toMatch(/InUse/);
    expect((await bench.call('DELETE', `${endpoint}?${NETWORK_VERSION}`)).status).toBe(202);
    bench.settle();
    expect((await bench.call('GET', record)).status).toBe(404);
    expect(bench.arm.control.resources().filter((resource) => resource.name.startsWith('e.nic'))).toEqual([]);
    expect(bench.arm.control.unmodelled()).toEqual([]);
  });
});
