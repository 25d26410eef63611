import { request as httpRequest } from 'node:http';
import type { Stack } from '../../support/stack.ts';

/** One request to a simulated Azure service with the app's own token. */
export async function askAzure(
  stack: Stack,
  service: { readonly host: string; readonly resource: string },
  method: string,
  target: string,
  body?: object,
  more: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly text: string }> {
  const query = new URLSearchParams({ resource: service.resource, 'api-version': '2019-08-01' });
  const signedIn = await fetch(`${stack.gatewayUrl}/msi/token?${query.toString()}`, {
    headers: { 'x-identity-header': 'x' },
  });
  const { access_token } = (await signedIn.json()) as { access_token: string };
  const headers = {
    host: service.host,
    authorization: `Bearer ${access_token}`,
    'content-type': 'application/json',
    ...more,
  };
  return new Promise((resolve, reject) => {
    const sent = httpRequest(`${stack.gatewayUrl}${target}`, { method, headers }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
  });
}

export const management = { host: 'management.azure.com', resource: 'https://management.azure.com/' };
export const vault = { host: 'capstan-kv.vault.azure.net', resource: 'https://vault.azure.net' };

/** Gives an account a private endpoint for blob in a subnet, with its record in a zone linked to that network. */
export async function givePrivateEndpoint(
  write: (path: string, body: object) => Promise<unknown>,
  subnet: string,
  account: string,
): Promise<void> {
  const [network = ''] = subnet.split('/subnets/');
  const group = network.slice(0, network.indexOf('/virtualNetworks/'));
  const zone = `${group}/privateDnsZones/privatelink.blob.core.windows.net`;
  const endpoint = `${group}/privateEndpoints/${account.split('/').at(-1) ?? ''}-endpoint`;
  const connection = { name: 'blob', properties: { privateLinkServiceId: account, groupIds: ['blob'] } };
  await write(`${zone}?api-version=2024-06-01`, { location: 'global' });
  await write(`${zone}/virtualNetworkLinks/corp?api-version=2024-06-01`, {
    location: 'global',
    properties: { virtualNetwork: { id: network }, registrationEnabled: false },
  });
  await write(`${endpoint}?api-version=2025-03-01`, {
    location: 'westeurope',
    properties: { subnet: { id: subnet }, privateLinkServiceConnections: [connection] },
  });
  await write(`${endpoint}/privateDnsZoneGroups/default?api-version=2025-03-01`, {
    properties: { privateDnsZoneConfigs: [{ name: 'blob', properties: { privateDnsZoneId: zone } }] },
  });
}
