import { CapstanFailure } from '#domain/errors/error.ts';
import type { ClusterKeys } from '#domain/kubeadm/keys.ts';
import type { Secret } from '#domain/secret.ts';
import { type KeySecretName, keySecretNames, parseClusterKeys } from './keys.ts';

/** Full name of one key pair in Key Vault. */
export function keySecret(prefix: string, name: KeySecretName): string {
  return `${prefix}-${name}`;
}

/**
 * Reads the key pairs of a cluster.
 *
 * @param get reads one secret of Key Vault
 * @throws CapstanFailure CAP-4102 when one is missing or unreadable
 */
export async function loadClusterKeys(
  get: (name: string) => Promise<Secret | undefined>,
  prefix: string,
): Promise<ClusterKeys> {
  const secrets: Partial<Record<KeySecretName, Secret>> = {};
  for (const name of keySecretNames) {
    const secret = await get(keySecret(prefix, name));
    if (secret === undefined) {
      throw new CapstanFailure({
        code: 'CAP-4102',
        message: `The key pair ${name} is missing from Key Vault`,
        where: keySecret(prefix, name),
      });
    }
    secrets[name] = secret;
  }
  return parseClusterKeys(secrets as Record<KeySecretName, Secret>);
}
