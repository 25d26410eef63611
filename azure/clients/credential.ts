import type { TokenCredential } from '@azure/core-auth';
import type { AzureSettings } from '../types.ts';
import type { Cloud } from './cloud.ts';
import { load } from './lazy.ts';

/**
 * The identity Capstan acts as: the managed identity of the Function app when there is one, otherwise what a developer
 * is signed in with. Managed-identity tokens come straight from IDENTITY_ENDPOINT, also with a gateway.
 */
export async function createCredential(settings: AzureSettings, cloud: Cloud): Promise<TokenCredential> {
  const identity = await load(() => import('@azure/identity'));
  const clientId = settings.managedIdentityClientId;
  const managed = clientId !== undefined || process.env['IDENTITY_ENDPOINT'] !== undefined;
  if (managed || settings.gatewayUrl !== undefined) {
    return clientId === undefined
      ? new identity.ManagedIdentityCredential({ retryOptions: { maxRetries: 1 } })
      : new identity.ManagedIdentityCredential({ clientId, retryOptions: { maxRetries: 1 } });
  }
  return new identity.DefaultAzureCredential({ authorityHost: cloud.authority });
}
