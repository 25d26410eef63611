import 'reflect-metadata';
import { createPrivateKey, createPublicKey, randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { KeyPair } from '#domain/kubeadm/keys.ts';
import { Secret } from '#domain/secret.ts';

const rsa = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
} as const;
const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

const day = 24 * 3600 * 1000;

/** Certificates are valid from a little earlier, because clocks differ. */
const backdate = 5 * 60 * 1000;

/**
 * A self-signed certificate authority as kubeadm makes it: RSA-2048, ten years, CA:TRUE, the common name also as DNS
 * name (cluster-api-pivot.md §2b).
 *
 * @param now milliseconds since 1970
 */
export async function createAuthority(commonName: string, now: number): Promise<KeyPair> {
  const keys = await webcrypto.subtle.generateKey(rsa, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=${commonName}`,
    notBefore: new Date(now - backdate),
    notAfter: new Date(now + 3650 * day),
    signingAlgorithm: rsa,
    keys,
    extensions: [
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment | x509.KeyUsageFlags.keyCertSign,
        true,
      ),
      new x509.BasicConstraintsExtension(true, undefined, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: commonName }]),
    ],
  });
  return { certificate: pem(certificate), key: new Secret(await privateKeyPem(keys.privateKey)) };
}

/** Key pair that signs service account tokens. */
export async function createServiceAccountKeys(): Promise<{ readonly publicKey: string; readonly key: Secret }> {
  const keys = await webcrypto.subtle.generateKey(rsa, true, ['sign', 'verify']);
  const key = await privateKeyPem(keys.privateKey);
  return { publicKey: createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString(), key: new Secret(key) };
}

/** Whom a client certificate names: CN is the user, each O a group. */
export interface ClientSubject {
  readonly user: string;
  readonly groups: readonly string[];
}

/**
 * A client certificate signed by the cluster's authority.
 *
 * @param validForSeconds wall-clock seconds; it never outlives the authority
 * @param algorithm ECDSA is fast to make (our own short connections); RSA is what kubeadm makes
 */
export async function createClientCertificate(
  authority: KeyPair,
  subject: ClientSubject,
  options: { readonly now: number; readonly validForSeconds: number; readonly algorithm?: 'ecdsa' | 'rsa' },
): Promise<KeyPair> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const keys =
    options.algorithm === 'rsa'
      ? await webcrypto.subtle.generateKey(rsa, true, ['sign', 'verify'])
      : await webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify']);
  const notAfter = Math.min(options.now + options.validForSeconds * 1000, issuer.notAfter.getTime());
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [...subject.groups.map((group) => ({ O: [group] })), { CN: [subject.user] }],
    issuer: issuer.subject,
    notBefore: new Date(options.now - backdate),
    notAfter: new Date(notAfter),
    signingAlgorithm: rsa,
    publicKey: keys.publicKey,
    signingKey: await importSigningKey(authority.key),
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
      new x509.BasicConstraintsExtension(false, undefined, true),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return { certificate: pem(certificate), key: new Secret(await privateKeyPem(keys.privateKey)) };
}

/** A copy of PKCS#1 or SEC1 keys is what Go's tools write; Web Crypto gives PKCS#8. */
async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  const imported = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const type = imported.asymmetricKeyType === 'rsa' ? 'pkcs1' : 'sec1';
  return imported.export({ type, format: 'pem' }).toString();
}

async function importSigningKey(key: Secret): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(key.reveal()).export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', new Uint8Array(der), rsa, false, ['sign']);
}

/** Positive, 127 bits (RFC 5280 §4.1.2.2 allows 20 octets). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

function pem(certificate: x509.X509Certificate): string {
  return `${certificate.toString('pem').trim()}\n`;
}
