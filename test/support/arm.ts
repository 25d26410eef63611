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

async function tokenFor(gatewayUrl: string, resource: string, clientId: string): Promise<string> {
  const url = new URL(
    `/msi/token?api-version=2019-08-01&resource=${encodeURIComponent(resource)}&client_id=${clientId}`,
    gatewayUrl,
  );
  const issued = await fetch(url, { headers: { 'x-identity-header': 'x' } });
  return ((await issued.json()) as { access_token: string }).access_token;
}

/** Names of the blobs in a container, as its owner sees them. */
export async function blobNames(gatewayUrl: string, account: string, container: string): Promise<readonly string[]> {
  const token = await tokenFor(gatewayUrl, 'https://storage.azure.com/', ownerClientId);
  const headers = {
    host: `${account}.blob.core.windows.net`,
    authorization: `Bearer ${token}`,
    'x-ms-version': '2023-11-03',
  };
  const url = new URL(`/${container}?restype=container&comp=list`, gatewayUrl);
  const text = await new Promise<string>((resolve, reject) => {
    const sent = request(url, { headers }, (answer) => {
      let all = '';
      answer.on('data', (chunk) => (all += String(chunk)));
      answer.on('end', () => resolve(all));
    });
    sent.on('error', reject);
    sent.end();
  });
  if (!text.includes('<EnumerationResults')) throw new Error(text);
  return [...text.matchAll(/<Name>([^<]*)<\/Name>/g)].map(([, name = '']) => name);
}

/** @param gatewayUrl address of the simulator */
export async function armAs(gatewayUrl: string, clientId = ownerClientId): Promise<ArmCaller> {
  const token = await tokenFor(gatewayUrl, 'https://management.azure.com', clientId);
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
