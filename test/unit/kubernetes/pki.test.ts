import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { inspect } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { ClusterKeys } from '#domain/kubeadm/keys.ts';
import { Secret } from '#domain/secret.ts';
import { createClientCertificate } from '#kubernetes/pki/certificates.ts';
import { createKubeconfig } from '#kubernetes/pki/kubeconfig.ts';
import {
  certificateFingerprint,
  keySecretNames,
  parseClusterKeys,
  serializeClusterKeys,
} from '#kubernetes/pki/keys.ts';
import { sharedKeys } from './server.ts';

let keys: ClusterKeys;
beforeAll(async () => {
  keys = await sharedKeys();
});

describe('cluster keys', () => {
  test('are certificate authorities as kubeadm makes them: RSA-2048, ten years, CA:TRUE', () => {
    for (const [name, pair] of [
      ['kubernetes', keys.certificateAuthority],
      ['etcd-ca', keys.etcd],
      ['front-proxy-ca', keys.frontProxy],
    ] as const) {
      const certificate = new X509Certificate(pair.certificate);
      expect(certificate.subject).toBe(`CN=${name}`);
      expect(certificate.ca).toBe(true);
      expect(certificate.verify(certificate.publicKey)).toBe(true);
      expect(certificate.checkPrivateKey(createPrivateKey(pair.key.reveal()))).toBe(true);
      expect(certificate.publicKey.asymmetricKeyDetails?.modulusLength).toBe(2048);
      expect(pair.key.reveal()).toContain('BEGIN RSA PRIVATE KEY');
      const years = (certificate.validToDate.getTime() - Date.now()) / 3.15576e10;
      expect(years).toBeGreaterThan(9.9);
    }
    expect(
      createPublicKey(keys.serviceAccount.publicKey).equals(createPublicKey(keys.serviceAccount.key.reveal())),
    ).toBe(true);
  });

  test('survive Key Vault in four texts below its limit, and never print themselves', () => {
    const stored = serializeClusterKeys(keys);
    expect(Object.keys(stored)).toEqual([...keySecretNames]);
    for (const secret of Object.values(stored)) expect(Buffer.byteLength(secret.reveal())).toBeLessThan(25_000);
    expect(JSON.stringify(stored) + inspect(keys, { depth: 9 })).not.toContain('PRIVATE KEY');
    const restored = parseClusterKeys(stored);
    expect(restored.certificateAuthority.certificate).toBe(keys.certificateAuthority.certificate);
    expect(restored.serviceAccount.key.reveal()).toBe(keys.serviceAccount.key.reveal());
  });

  test('are refused with CAP-4102 when a key belongs to another certificate, without quoting it', () => {
    const stored = serializeClusterKeys(keys);
    const mixed = {
      ...stored,
      ca: new Secret(
        JSON.stringify({ certificate: keys.certificateAuthority.certificate, key: keys.etcd.key.reveal() }),
      ),
    };
    expect(() => parseClusterKeys(mixed)).toThrow(/CAP-4102/);
    expect(() => parseClusterKeys({ ...stored, etcd: new Secret('BEGIN PRIVATE nonsense') })).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('nonsense') }),
    );
  });
});

describe('client certificates and kubeconfigs', () => {
  test('a client certificate names user and groups, is short-lived and signed by the cluster', async () => {
    const client = await createClientCertificate(
      keys.certificateAuthority,
      { user: 'u', groups: ['g1', 'g2'] },
      { now: Date.now(), validForSeconds: 60 },
    );
    const certificate = new X509Certificate(client.certificate);
    expect(certificate.subject.split('\n').sort()).toEqual(['CN=u', 'O=g1', 'O=g2']);
    expect(certificate.verify(new X509Certificate(keys.certificateAuthority.certificate).publicKey)).toBe(true);
    expect(certificate.validToDate.getTime()).toBeLessThan(Date.now() + 61_000);
  });

  test('a kubeconfig has the context <c>-admin@<c>, the real server name, and the proxy only when asked', async () => {
    const input = {
      cluster: 'demo',
      host: 'demo-1.westeurope.cloudapp.azure.com',
      authority: keys.certificateAuthority,
      now: Date.now(),
      validForSeconds: 3600,
    };
    const admin = parse((await createKubeconfig(input)).reveal());
    expect(admin['current-context']).toBe('demo-admin@demo');
    expect(admin.clusters[0].cluster.server).toBe('https://demo-1.westeurope.cloudapp.azure.com:6443');
    expect(admin.clusters[0].cluster).not.toHaveProperty('proxy-url');
    const viewer = parse(
      (await createKubeconfig({ ...input, role: 'viewer', proxyUrl: 'http://127.0.0.1:7080' })).reveal(),
    );
    expect(viewer.clusters[0].cluster['proxy-url']).toBe('http://127.0.0.1:7080');
    const subject = (config: any) =>
      new X509Certificate(Buffer.from(config.users[0].user['client-certificate-data'], 'base64')).subject;
    expect(subject(admin)).toContain('O=system:masters');
    expect(subject(viewer)).not.toContain('system:masters');
  });

  test('fingerprints are stable and lower-case', () => {
    expect(certificateFingerprint(keys.certificateAuthority.certificate)).toMatch(/^[0-9a-f]{64}$/);
  });
});
