import { createHash, createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { CapstanFailure } from '#domain/errors/error.ts';
import { errorEntry } from '#domain/errors/registry.ts';
import type { ClusterKeys, KeyPair } from '#domain/kubeadm/keys.ts';
import { Secret } from '#domain/secret.ts';

/**
 * All key pairs of a new cluster. Call it once per cluster and store the result with a write that fails when
 * something is there already: a second certificate authority cuts everyone off (cluster-api-pivot.md, R1).
 *
 * @param now milliseconds since 1970
 */
export async function generateClusterKeys(now: number): Promise<ClusterKeys> {
  const { createAuthority, createServiceAccountKeys } = await import('./certificates.ts');
  const [certificateAuthority, etcd, frontProxy, serviceAccount] = await Promise.all([
    createAuthority('kubernetes', now),
    createAuthority('etcd-ca', now),
    createAuthority('front-proxy-ca', now),
    createServiceAccountKeys(),
  ]);
  return { certificateAuthority, etcd, frontProxy, serviceAccount };
}

/** Names of the four secrets; the caller puts the cluster's prefix before them. */
export const keySecretNames = ['ca', 'etcd', 'front-proxy', 'service-account'] as const;
export type KeySecretName = (typeof keySecretNames)[number];

/** The key pairs as four JSON texts for Key Vault (each below its 25 kB limit). */
export function serializeClusterKeys(keys: ClusterKeys): Readonly<Record<KeySecretName, Secret>> {
  const pair = (certificate: string, key: Secret) => new Secret(JSON.stringify({ certificate, key: key.reveal() }));
  return {
    ca: pair(keys.certificateAuthority.certificate, keys.certificateAuthority.key),
    etcd: pair(keys.etcd.certificate, keys.etcd.key),
    'front-proxy': pair(keys.frontProxy.certificate, keys.frontProxy.key),
    'service-account': pair(keys.serviceAccount.publicKey, keys.serviceAccount.key),
  };
}

/** The key pairs from Key Vault's texts. Throws CAP-4102 when one is unreadable or a key does not fit its certificate. */
export function parseClusterKeys(secrets: Readonly<Record<KeySecretName, Secret>>): ClusterKeys {
  const serviceAccount = readPair('service-account', secrets['service-account']);
  checkPublicKey('service-account', () => createPublicKey(serviceAccount.certificate), serviceAccount.key);
  return {
    certificateAuthority: readAuthority('ca', secrets.ca),
    etcd: readAuthority('etcd', secrets.etcd),
    frontProxy: readAuthority('front-proxy', secrets['front-proxy']),
    serviceAccount: { publicKey: serviceAccount.certificate, key: serviceAccount.key },
  };
}

/** SHA-256 fingerprint of a PEM certificate, as 64 lower-case hexadecimal digits. */
export function certificateFingerprint(certificate: string): string {
  return createHash('sha256').update(new X509Certificate(certificate).raw).digest('hex');
}

function readAuthority(name: KeySecretName, secret: Secret): KeyPair {
  const pair = readPair(name, secret);
  checkPublicKey(name, () => new X509Certificate(pair.certificate).publicKey, pair.key);
  return pair;
}

function readPair(name: KeySecretName, secret: Secret): KeyPair {
  try {
    const parsed: unknown = JSON.parse(secret.reveal());
    if (typeof parsed === 'object' && parsed !== null && 'certificate' in parsed && 'key' in parsed) {
      const { certificate, key } = parsed;
      if (typeof certificate === 'string' && typeof key === 'string') {
        return { certificate, key: new Secret(key) };
      }
    }
  } catch {
    // The parser's message would quote the secret.
  }
  throw unreadable(name, 'it is not JSON with the texts certificate and key');
}

function checkPublicKey(name: KeySecretName, read: () => ReturnType<typeof createPublicKey>, key: Secret): void {
  let equal: boolean;
  try {
    equal = read().equals(createPublicKey(createPrivateKey(key.reveal())));
  } catch {
    throw unreadable(name, 'its PEM text cannot be read');
  }
  if (!equal) {
    throw unreadable(name, 'the private key does not belong to the certificate');
  }
}

function unreadable(name: KeySecretName, cause: string): CapstanFailure {
  return new CapstanFailure({
    code: 'CAP-4102',
    message: `The stored key pair ${name} cannot be used.`,
    where: name,
    cause,
    remedy: errorEntry('CAP-4102').remedy,
  });
}
