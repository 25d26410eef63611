import { request as httpRequest } from 'node:http';
import type { Stack } from '../../support/stack.ts';

/** One request to a simulated Azure service with the app's own token. */
export async function askAzure(
  stack: Stack,
  service: { readonly host: string; readonly resource: string },
  method: string,
  target: string,
): Promise<{ readonly status: number; readonly text: string }> {
  const query = new URLSearchParams({ resource: service.resource, 'api-version': '2019-08-01' });
  const signedIn = await fetch(`${stack.gatewayUrl}/msi/token?${query}`, { headers: { 'x-identity-header': 'x' } });
  const { access_token } = (await signedIn.json()) as { access_token: string };
  const headers = { host: service.host, authorization: `Bearer ${access_token}` };
  return new Promise((resolve, reject) => {
    const sent = httpRequest(`${stack.gatewayUrl}${target}`, { method, headers }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on('error', reject).end();
  });
}

export const management = { host: 'management.azure.com', resource: 'https://management.azure.com/' };
export const vault = { host: 'capstan-kv.vault.azure.net', resource: 'https://vault.azure.net' };
