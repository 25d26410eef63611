import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  randomBytes,
  webcrypto,
  X509Certificate,
} from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

const generate = promisify(generateKeyPair);

/** A certificate and its private key, PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

const DAY = 86_400_000;
const SIGNING = { hash: 'SHA-256' };

/** Thrown when key material cannot serve its purpose; the message is what kubeadm would print. */
export class PkiProblem extends Error {}

/** Checks a CA as kubeadm does before it uses one: readable, a CA, and the key belongs to it. */
export function checkAuthority(name: string, pair: KeyPair): void {
  const certificate = parseCertificate(name, pair.certificate);
  if (!certificate.ca) throw new PkiProblem(`failure loading ${name} certificate: certificate ${name} is not a CA`);
  const key = parseKey(name, pair.key);
  if (!certificate.checkPrivateKey(key)) {
    throw new PkiProblem(`failure loading ${name} certificate: certificate and private key do not match (${name}.key)`);
  }
  if (Date.parse(certificate.validTo) < Date.now()) {
    throw new PkiProblem(`failure loading ${name} certificate: the certificate has expired on ${certificate.validTo}`);
  }
}

/** Checks that `sa.pub` is the public half of `sa.key`. */
export function checkServiceAccountKeys(publicPem: string, privatePem: string): void {
  const key = parseKey('sa', privatePem);
  let publicKey: KeyObject;
  try {
    publicKey = createPublicKey(publicPem);
  } catch {
    throw new PkiProblem("failure loading sa key: couldn't load the public key file sa.pub: no valid public key in it");
  }
  if (!createPublicKey(key).equals(publicKey))
    throw new PkiProblem('failure loading sa key: sa.pub does not belong to sa.key');
}

function parseCertificate(name: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new PkiProblem(
      `failure loading ${name} certificate: couldn't load the certificate file ${name}.crt: data does not contain any valid certificates`,
    );
  }
}

function parseKey(name: string, pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new PkiProblem(
      `failure loading ${name} key: couldn't load the private key file ${name}.key: data does not contain a valid RSA or ECDSA private key`,
    );
  }
}

/** SHA-256 of the certificate's DER, lower-case hex: the identity of a cluster's CA. */
export function fingerprint(certificatePem: string): string {
  return createHash('sha256').update(new X509Certificate(certificatePem).raw).digest('hex');
}

/** kubeadm's `caCertHashes` entry: SHA-256 of the CA's Subject Public Key Info (kubeadm reference, "Token-based discovery with CA pinning"). */
export function publicKeyHash(certificatePem: string): string {
  const spki = new X509Certificate(certificatePem).publicKey.export({ type: 'spki', format: 'der' });
  return `sha256:${createHash('sha256').update(spki).digest('hex')}`;
}

/** True when `certificatePem` was signed by the CA. */
export function isSignedBy(certificatePem: string, authorityPem: string): boolean {
  try {
    return new X509Certificate(certificatePem).verify(new X509Certificate(authorityPem).publicKey);
  } catch {
    return false;
  }
}

type Algorithm = { name: string; namedCurve?: string; hash?: string };

async function importKey(
  pem: string,
): Promise<{ key: webcrypto.CryptoKey; algorithm: Algorithm; privateKey: KeyObject }> {
  const privateKey = createPrivateKey(pem);
  const curves: Record<string, string> = { prime256v1: 'P-256', secp384r1: 'P-384' };
  const algorithm: Algorithm =
    privateKey.asymmetricKeyType === 'ec'
      ? { name: 'ECDSA', namedCurve: curves[privateKey.asymmetricKeyDetails?.namedCurve ?? ''] ?? 'P-256', ...SIGNING }
      : { name: 'RSASSA-PKCS1-v1_5', ...SIGNING };
  const der = privateKey.export({ type: 'pkcs8', format: 'der' });
  const key = await webcrypto.subtle.importKey('pkcs8', der, algorithm, true, ['sign']);
  return { key, algorithm, privateKey };
}

async function importPublic(key: KeyObject, algorithm: Algorithm): Promise<webcrypto.CryptoKey> {
  const der = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return webcrypto.subtle.importKey('spki', der, algorithm, true, ['verify']);
}

/** A name that a certificate serves: DNS name or IP address. */
export interface CertificateRequest {
  readonly commonName: string;
  readonly organization?: string;
  readonly dnsNames?: readonly string[];
  readonly addresses?: readonly string[];
  readonly usage: 'server' | 'client';
  readonly days: number;
}

/** Issues a leaf certificate (P-256 key) under the CA. */
export async function issueCertificate(authority: KeyPair, request: CertificateRequest): Promise<KeyPair> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const signer = await importKey(authority.key);
  const leaf = await generate('ec', { namedCurve: 'P-256' });
  const leafAlgorithm: Algorithm = { name: 'ECDSA', namedCurve: 'P-256', ...SIGNING };
  const names = [
    ...(request.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(request.addresses ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  const usage = request.usage === 'server' ? '1.3.6.1.5.5.7.3.1' : '1.3.6.1.5.5.7.3.2';
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: subjectOf(request.commonName, request.organization),
    issuer: issuer.subjectName.toString(),
    notBefore: new Date(now - DAY / 24),
    notAfter: new Date(Math.min(now + request.days * DAY, issuer.notAfter.getTime())),
    publicKey: await importPublic(leaf.privateKey, leafAlgorithm),
    signingKey: signer.key,
    signingAlgorithm: signer.algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([usage]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
    ],
  });
  return { certificate: certificate.toString('pem'), key: pem(leaf.privateKey) };
}

/** A new self-signed CA (RSA-2048, ten years), as kubeadm and the kubeadm control plane provider make them. */
export async function createAuthority(commonName: string): Promise<KeyPair> {
  const { privateKey } = await generate('rsa', { modulusLength: 2048 });
  return selfSign(pem(privateKey), { commonName, days: 3650, authority: true, dnsNames: [] });
}

/** A self-signed serving certificate (P-256), as cert-manager's SelfSigned issuer makes them. */
export async function createSelfSigned(commonName: string, dnsNames: readonly string[]): Promise<KeyPair> {
  const { privateKey } = await generate('ec', { namedCurve: 'P-256' });
  return selfSign(pem(privateKey), { commonName, days: 90, authority: false, dnsNames });
}

/** A new service-account key pair: the public key stands in place of the certificate. */
export async function createServiceAccountKeys(): Promise<KeyPair> {
  const { privateKey, publicKey } = await generate('rsa', { modulusLength: 2048 });
  return { certificate: publicKey.export({ type: 'spki', format: 'pem' }).toString(), key: pem(privateKey) };
}

async function selfSign(
  key: string,
  request: { commonName: string; days: number; authority: boolean; dnsNames: readonly string[] },
): Promise<KeyPair> {
  const signer = await importKey(key);
  const usage = request.authority ? x509.KeyUsageFlags.keyCertSign : x509.KeyUsageFlags.digitalSignature;
  const publicKey = await importPublic(signer.privateKey, signer.algorithm);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: subjectOf(request.commonName, undefined),
    issuer: subjectOf(request.commonName, undefined),
    notBefore: new Date(Date.now() - DAY / 24),
    notAfter: new Date(Date.now() + request.days * DAY),
    publicKey,
    signingKey: signer.key,
    signingAlgorithm: signer.algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(request.authority, undefined, true),
      new x509.KeyUsagesExtension(usage, true),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      ...(request.dnsNames.length === 0
        ? []
        : [
            new x509.SubjectAlternativeNameExtension(
              request.dnsNames.map((value) => ({ type: 'dns' as const, value })),
            ),
          ]),
    ],
  });
  return { certificate: certificate.toString('pem'), key };
}

function subjectOf(commonName: string, organization: string | undefined): string {
  return `${organization === undefined ? '' : `O=${organization}, `}CN=${commonName}`;
}

function pem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** Positive 16-byte serial (RFC 5280, 4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}
