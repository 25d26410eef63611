import type { Azure } from '#azure/types.ts';
import type { Config } from './config.ts';

/** Opens Azure as the configuration says; the SDKs load on first use. */
export async function openAzure(config: Config): Promise<Azure> {
  const { createAzure } = await import('#azure/index.ts');
  return createAzure({
    environment: 'public',
    budget: { instances: config.instances, timeScale: config.timeScale },
    ...(config.gatewayUrl === undefined ? {} : { gatewayUrl: config.gatewayUrl }),
    ...(config.managedIdentityClientId === undefined
      ? {}
      : { managedIdentityClientId: config.managedIdentityClientId }),
    ...(config.keyVaultUri === undefined ? {} : { keyVaultUri: config.keyVaultUri }),
    ...(config.network === undefined ? {} : { network: config.network }),
    ...(config.allowedSubscriptions === undefined ? {} : { allowedSubscriptions: config.allowedSubscriptions }),
  });
}
