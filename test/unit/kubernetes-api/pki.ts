import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto);

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export interface Authority {
  readonly caPem: string;
  server(): Promise<{ caCertificate: string; certificate: string; key: string }>;
  client(user: string, groups: readonly string[]): Promise<{ cert: string; key: string }>;
}

async function pemKey(keys: webcrypto.CryptoKeyPair): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${der.replace(/(.{64})/g, '$1\n')}\n-----END PRIVATE KEY-----\n`;
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

/** A cluster CA for tests. */
export async function createAuthority(name = 'kubernetes'): Promise<Authority> {
  const caKeys = await newKeys();
  const window = { notBefore: new Date(Date.now() - 3_600_000), notAfter: new Date(Date.now() + 86_400_000) };
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...window,
    serialNumber: '01',
    name: `CN=${name}`,
    signingAlgorithm: ALGORITHM,
    keys: caKeys,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  const caPem = ca.toString('pem');
  let serial = 2;
  const issue = async (
    subject: x509.JsonName,
    extensions: x509.Extension[],
  ): Promise<{ cert: string; key: string }> => {
    const keys = await newKeys();
    const certificate = await x509.X509CertificateGenerator.create({
      ...window,
      serialNumber: (serial++).toString(16).padStart(2, '0'),
      subject,
      issuer: ca.subject,
      signingKey: caKeys.privateKey,
      publicKey: keys.publicKey,
      signingAlgorithm: ALGORITHM,
      extensions,
    });
    return { cert: certificate.toString('pem'), key: await pemKey(keys) };
  };
  return {
    caPem,
    async server() {
      const names = new x509.SubjectAlternativeNameExtension([
        { type: 'ip', value: '127.0.0.1' },
        { type: 'dns', value: 'localhost' },
      ]);
      const { cert, key } = await issue([{ CN: ['kube-apiserver'] }], [names]);
      return { caCertificate: caPem, certificate: cert, key };
    },
    client: (user, groups) => issue([{ CN: [user] }, ...groups.map((group) => ({ O: [group] }))], []),
  };
}
