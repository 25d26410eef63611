import type { AccessToken, GetTokenOptions, TokenCredential } from '@azure/core-auth';
import { AuthenticationError } from '@azure/identity';
import type { AzureSettings } from '#azure/types.ts';
import { bytesOf, gatewayUrl, sendToAzure } from '../wire.ts';

/**
 * Stands in for `azure/clients/credential.ts`: asks App Service's managed identity endpoint of the simulated Azure, as
 * `@azure/identity` does, and keeps a token until shortly before its end.
 */
export async function createCredential(settings: AzureSettings): Promise<TokenCredential> {
  const kept = new Map<string, AccessToken>();
  return {
    async getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
      const resource = [scopes].flat()[0]?.replace(/\/\.default$/, '') ?? '';
      const known = kept.get(resource);
      const usable = known !== undefined && known.expiresOnTimestamp > Date.now() + 300_000;
      if (usable && options?.claims === undefined) return known;
      const token = await ask(resource, settings.managedIdentityClientId);
      kept.set(resource, token);
      return token;
    },
  };
}

async function ask(resource: string, clientId: string | undefined): Promise<AccessToken> {
  const url = new URL('/msi/token', gatewayUrl);
  url.searchParams.set('api-version', '2019-08-01');
  url.searchParams.set('resource', resource);
  if (clientId !== undefined) url.searchParams.set('client_id', clientId);
  for (let attempt = 0; ; attempt++) {
    const reply = await sendToAzure('GET', url, { 'x-identity-header': 'virtual' }, Buffer.alloc(0));
    const text = (await bytesOf(reply)).toString();
    if (reply.status === 200) {
      const { access_token: token, expires_on: expires } = JSON.parse(text) as Record<string, string>;
      return { token: token ?? '', expiresOnTimestamp: Number(expires) * 1000 };
    }
    if ((reply.status < 500 && reply.status !== 429) || attempt > 0) throw new AuthenticationError(reply.status, text);
  }
}
