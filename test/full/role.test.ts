import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { actionsOfCall } from '../../scripts/role/actions.ts';
import {
  assignments,
  grantCondition,
  roleDefinitions,
  type RoleName,
  type Scopes,
} from '../../scripts/role/definitions.ts';
import {
  type ArmCaller,
  armAs,
  assignRole,
  makeIdentity,
  simulatedSubscription as subscription,
} from '../support/arm.ts';
import { sampleDocument } from '../support/sample-plan.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { callsOf, dynamicLives, live, prepare, staticLives } from './role-lives.ts';

/**
 * The generated roles are enough, and no more than needed: the app lives under an identity that has nothing else, and the
 * simulated Azure refuses what a role does not allow.
 */
const group = `${subscription}/resourceGroups/platform`;
const network = `${subscription}/resourceGroups/network/providers/Microsoft.Network`;
const roles = roleDefinitions([subscription]);
const guids = Object.fromEntries(Object.keys(roles).map((name) => [name, randomUUID()])) as Record<RoleName, string>;
const common = {
  subscription,
  group,
  vault: `${subscription}/resourceGroups/platform-admin/providers/Microsoft.KeyVault/vaults/capstan-kv`,
};
let stack: Stack;
let owner: ArmCaller;

beforeAll(async () => {
  stack = await startStack();
  owner = await armAs(stack.gatewayUrl);
  await prepare(stack);
  for (const name of Object.keys(roles) as RoleName[]) await define(name, roles[name].Actions);
});
afterAll(async () => {
  await stack.stop();
});

async function define(name: RoleName, actions: readonly string[]): Promise<void> {
  const { Name, Description, AssignableScopes, DataActions } = roles[name];
  const id = `${subscription}/providers/Microsoft.Authorization/roleDefinitions/${guids[name]}`;
  await owner.need('PUT', id, '2022-04-01', {
    properties: {
      roleName: Name,
      description: Description,
      assignableScopes: AssignableScopes,
      permissions: [{ actions, notActions: [], dataActions: DataActions, notDataActions: [] }],
    },
  });
}

/** Starts the app again under a new identity with the roles of an installation. */
async function under(name: string, scopes: Scopes): Promise<{ clientId: string; principalId: string }> {
  const identity = await makeIdentity(owner, name);
  for (const { role, scope, grants } of assignments(scopes))
    await assignRole(
      owner,
      identity.principalId,
      guids[role],
      scope,
      grants === undefined ? undefined : grantCondition(grants),
    );
  await stack.killHost();
  await stack.startHost({ AZURE_CLIENT_ID: identity.clientId });
  return identity;
}

/** Everything that the identity asked for lies inside its roles, and nothing was refused. */
async function inside(principalId: string, names: readonly RoleName[]): Promise<void> {
  const requests = await stack.requests();
  const refused = requests.filter((entry) => entry.caller === principalId && [401, 403].includes(entry.status));
  expect(refused.filter((entry) => entry.service !== 'vault' || entry.status === 403)).toEqual([]);
  const allowed = new Set(names.flatMap((name) => roles[name].Actions));
  const calls = callsOf(requests, principalId);
  expect(calls.length).toBeGreaterThan(40);
  const outside = calls.filter(({ call }) => actionsOfCall(call).some((action) => !allowed.has(action)));
  expect(outside).toEqual([]);
}

describe('the generated roles', () => {
  it('carry whole lives of clusters with dynamic placement, on every kind of storage and image', async () => {
    const account = `${subscription}/resourceGroups/storage/providers/Microsoft.Storage/storageAccounts/corpimages0001`;
    const { principalId } = await under('least-dynamic', { ...common, account });
    await live(stack, dynamicLives);
    await inside(principalId, ['subscription', 'dynamic', 'account', 'grant']);
  });

  it('carry the life of a cluster with static placement, which may not write the network', async () => {
    const { clientId, principalId } = await under('least-static', {
      ...common,
      network: {
        virtualNetwork: `${network}/virtualNetworks/corp-vnet`,
        securityGroup: `${network}/networkSecurityGroups/corp-workers-nsg`,
      },
    });
    await live(stack, staticLives);
    await inside(principalId, ['subscription', 'static', 'network', 'grant']);
    const least = await armAs(stack.gatewayUrl, clientId);
    for (const type of ['virtualNetworks', 'natGateways', 'routeTables', 'networkSecurityGroups']) {
      const body = { location: 'westeurope', properties: {} };
      const answer = await least.call('PUT', `${group}/providers/Microsoft.Network/${type}/x`, '2025-05-01', body);
      expect([type, answer.status]).toEqual([type, 403]);
    }
  });

  it('let Capstan grant one role to identities at the scopes of the cluster, and no other', async () => {
    const { clientId } = await under('least-grants', common);
    const least = await armAs(stack.gatewayUrl, clientId);
    const { principalId } = await makeIdentity(owner, 'somebody');
    const grant = async (role: string, scope: string, principalType: string) => {
      const id = `${scope}/providers/Microsoft.Authorization/roleAssignments/${randomUUID()}`;
      const roleDefinitionId = `${subscription}/providers/Microsoft.Authorization/roleDefinitions/${role}`;
      const properties = { roleDefinitionId, principalId, principalType };
      return (await least.call('PUT', id, '2022-04-01', { properties })).status;
    };
    const [owns, contributes, reads] = [
      '8e3af657-a8ff-443c-a75c-2fe8c4bcb635',
      'b24988ac-6180-42a0-ab88-20f7382dd24c',
      'acdd72a7-3385-48ef-bd42-f606fba81ae7',
    ] as const;
    await expect.poll(async () => grant(contributes, group, 'ServicePrincipal')).toBe(201);
    expect(await grant(contributes, group, 'User')).toBe(403);
    expect(await grant(owns, group, 'ServicePrincipal')).toBe(403);
    expect(await grant(contributes, subscription, 'ServicePrincipal')).toBe(403);
    expect(await grant(contributes, `${subscription}/resourceGroups/storage`, 'ServicePrincipal')).toBe(403);
    expect(await grant(reads, subscription, 'ServicePrincipal')).toBe(201);
  });

  it('lack nothing that could be left out: preflight names the action that is missing', async () => {
    await define(
      'dynamic',
      roles.dynamic.Actions.filter((action) => !action.endsWith('/natGateways/write')),
    );
    const document = JSON.stringify(sampleDocument({}, 'role-less'));
    const planned = await stack.request('POST', '/api/clusters/role-less/plan', document);
    const { checks } = JSON.parse(planned.text) as { checks: { id: string; ok: boolean; error?: { cause: string } }[] };
    expect(checks.filter((check) => !check.ok)).toMatchObject([
      { id: 'permissions', error: { cause: `missing: Microsoft.Network/natGateways/write at ${group}` } },
    ]);
  });
});
