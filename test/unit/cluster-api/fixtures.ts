import type { ClusterKeys } from '#domain/kubeadm/keys.ts';
import { Secret } from '#domain/secret.ts';

/** Keys that are recognisable in golden files; not usable as keys. */
export const placeholderKeys: ClusterKeys = {
  certificateAuthority: pair('ca'),
  etcd: pair('etcd'),
  frontProxy: pair('front-proxy'),
  serviceAccount: { publicKey: '-----BEGIN PUBLIC KEY-----\nsa\n-----END PUBLIC KEY-----\n', key: pair('sa').key },
};

export const observed = { identityClientId: '55555555-5555-4555-8555-555555555555' };

function pair(name: string) {
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----\n`,
    key: new Secret(`-----BEGIN RSA PRIVATE KEY-----\n${name}-key\n-----END RSA PRIVATE KEY-----\n`),
  };
}
