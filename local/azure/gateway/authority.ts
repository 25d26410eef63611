import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const day = 86_400_000;

/** The local certificate authority under which the simulated Azure answers for production host names. */
export interface LocalAuthority {
  /** File with the CA certificate (PEM), for `SSL_CERT_FILE`, `REQUESTS_CA_BUNDLE` and the like. */
  readonly certificateFile: string;
  readonly certificate: string;
  /** TLS context with a certificate for one host name; cached for the life of the process. */
  contextFor(host: string): Promise<SecureContext>;
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const bytes = await webcrypto.subtle.exportKey('pkcs8', key);
  return x509.PemConverter.encode(bytes, 'PRIVATE KEY');
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const [bytes] = x509.PemConverter.decode(pem);
  if (bytes === undefined) throw new Error('The key file of the local certificate authority holds no key.');
  return webcrypto.subtle.importKey('pkcs8', bytes, algorithm, true, ['sign']);
}

function serialNumber(): string {
  return Buffer.from(webcrypto.getRandomValues(new Uint8Array(15)))
    .toString('hex')
    .padStart(32, '01');
}

async function createAuthority(certificateFile: string, keyFile: string): Promise<void> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: 'CN=Capstan simulated Azure',
    notBefore: new Date(Date.now() - day),
    notAfter: new Date(Date.now() + 3650 * day),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  writeFileSync(keyFile, await exportKey(keys.privateKey), { mode: 0o600 });
  writeFileSync(certificateFile, certificate.toString('pem'), { mode: 0o644 });
}

/**
 * Opens the authority kept in a folder, and makes it at the first start. The key never leaves the folder (mode 0600).
 *
 * @param directory state folder; `ca.pem` and `ca-key.pem` are kept there
 */
export async function openAuthority(directory: string): Promise<LocalAuthority> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const certificateFile = join(directory, 'ca.pem');
  const keyFile = join(directory, 'ca-key.pem');
  if (!existsSync(certificateFile)) await createAuthority(certificateFile, keyFile);
  const certificate = readFileSync(certificateFile, 'utf8');
  const issuer = new x509.X509Certificate(certificate);
  const signingKey = await importKey(readFileSync(keyFile, 'utf8'));
  const contexts = new Map<string, Promise<SecureContext>>();

  const make = async (host: string): Promise<SecureContext> => {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const leaf = await x509.X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: `CN=${host}`,
      issuer: issuer.subject,
      notBefore: new Date(Date.now() - day),
      notAfter: new Date(Date.now() + 365 * day),
      signingAlgorithm: algorithm,
      publicKey: keys.publicKey,
      signingKey,
      extensions: [
        new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: host }]),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ],
    });
    return createSecureContext({
      key: await exportKey(keys.privateKey),
      cert: `${leaf.toString('pem')}\n${certificate}`,
    });
  };
  return {
    certificateFile,
    certificate,
    contextFor(host) {
      let context = contexts.get(host);
      if (context === undefined) {
        context = make(host);
        contexts.set(host, context);
      }
      return context;
    },
  };
}
