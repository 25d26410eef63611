import { request } from 'node:http';
import { randomUUID } from 'node:crypto';

/** Identity of the app in the simulated Azure: Owner of the subscription. */
export const ownerClientId = '33333333-3333-4333-8333-333333333333';
export const simulatedSubscription = '/subscriptions/22222222-2222-4222-8222-222222222222';

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Calls the simulated Azure Resource Manager as somebody beside the app would: with a token of its own. */
export interface ArmCaller {
  call(method: string, id: string, apiVersion: string, body?: object): Promise<Answer>;
  /** The same, and the answer must be a success. */
  need(method: string, id: string, apiVersion: string, body?: object): Promise<Record<string, unknown>>;
}

function send(url: URL, method: string, headers: Record<string, string>, body: string | undefined): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => (text += String(chunk)));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: text === '' ? {} : JSON.parse(text) }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** @param gatewayUrl address of the simulator */
export async function armAs(gatewayUrl: string, clientId = ownerClientId): Promise<ArmCaller> {
  const query = `api-version=2019-08-01&resource=https://management.azure.com&client_id=${clientId}`;
  const issued = await send(new URL(`/msi/token?${query}`, gatewayUrl), 'GET', { 'x-identity-header': 'x' }, undefined);
  const token = (issued.body as { access_token: string }).access_token;
  const call: ArmCaller['call'] = (method, id, apiVersion, body) =>
    send(
      new URL(`${id}?api-version=${apiVersion}`, gatewayUrl),
      method,
      { host: 'management.azure.com', authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body === undefined ? undefined : JSON.stringify(body),
    );
  return {
    call,
    async need(method, id, apiVersion, body) {
      const answer = await call(method, id, apiVersion, body);
      if (answer.status >= 300) throw new Error(`${method} ${id}: ${answer.status} ${JSON.stringify(answer.body)}`);
      return answer.body as Record<string, unknown>;
    },
  };
}

/** Makes an identity without any role. */
export async function makeIdentity(
  owner: ArmCaller,
  name: string,
): Promise<{ readonly clientId: string; readonly principalId: string }> {
  const id = `${simulatedSubscription}/resourceGroups/platform-admin/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;
  const made = await owner.need('PUT', id, '2023-01-31', { location: 'westeurope' });
  return made['properties'] as { clientId: string; principalId: string };
}

/** Assigns a role, by its GUID, at a scope. */
export async function assignRole(
  owner: ArmCaller,
  principalId: string,
  role: string,
  scope: string,
  condition?: string,
): Promise<void> {
  await owner.need('PUT', `${scope}/providers/Microsoft.Authorization/roleAssignments/${randomUUID()}`, '2022-04-01', {
    properties: {
      roleDefinitionId: `${simulatedSubscription}/providers/Microsoft.Authorization/roleDefinitions/${role}`,
      principalId,
      principalType: 'ServicePrincipal',
      ...(condition === undefined ? {} : { condition, conditionVersion: '2.0' }),
    },
  });
}
