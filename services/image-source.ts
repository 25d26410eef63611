import type { Config } from '#config/config.ts';
import { secretPrefix } from '#domain/names/names.ts';
import type { Secret } from '#domain/secret.ts';
import { sourceSecret } from '#domain/storage/sealed-source.ts';
import { azureOf } from './azure.ts';

/**
 * Keeps the signed URL of a cluster's image source in Key Vault, before anything else of the request is stored.
 *
 * @throws CapstanFailure CAP-3401 when the vault cannot be written
 */
export async function keepSource(
  config: Config,
  cluster: { readonly name: string; readonly uid: string },
  source: Secret,
): Promise<void> {
  const { secrets } = await azureOf(config);
  const name = sourceSecret(secretPrefix(cluster.name, cluster.uid));
  await secrets.set(name, source, { 'capstan-cluster': cluster.name, 'capstan-uid': cluster.uid });
}
