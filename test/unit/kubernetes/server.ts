import 'reflect-metadata';
import { createServer, type Server } from 'node:http';
import { connect as netConnect } from 'node:net';
import type { AddressInfo } from 'node:net';
import * as x509 from '@peculiar/x509';
import { createPrivateKey, webcrypto } from 'node:crypto';
import type { ClusterKeys, KeyPair } from '#domain/kubeadm/keys.ts';
import { createSimulatedApi } from '#local/kubernetes/api/index.ts';
import { connect } from '#kubernetes/client/connect.ts';
import type { KubernetesClient } from '#kubernetes/client/client.ts';
import { generateClusterKeys } from '#kubernetes/pki/keys.ts';

let keys: Promise<ClusterKeys> | undefined;

/** RSA takes a moment: one set of keys per test file. */
export async function sharedKeys(): Promise<ClusterKeys> {
  keys ??= generateClusterKeys(Date.now());
  return keys;
}

/** Server certificate for the given DNS names, signed by the authority. */
export async function serverCertificate(authority: KeyPair, names: readonly string[]) {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const pair = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const rsa = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const der = createPrivateKey(authority.key.reveal()).export({ type: 'pkcs8', format: 'der' });
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: '01',
    subject: 'CN=kube-apiserver',
    issuer: new x509.X509Certificate(authority.certificate).subject,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    signingAlgorithm: rsa,
    publicKey: pair.publicKey,
    signingKey: await webcrypto.subtle.importKey('pkcs8', new Uint8Array(der), rsa, false, ['sign']),
    extensions: [new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns' as const, value })))],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', pair.privateKey));
  return {
    caCertificate: authority.certificate,
    certificate: certificate.toString('pem'),
    key: createPrivateKey({ key, format: 'der', type: 'pkcs8' }).export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** A proxy that knows one name, as the gateway does. */
export async function connectProxy(port: () => number): Promise<{ url: string; close(): void; requests: string[] }> {
  const requests: string[] = [];
  const server: Server = createServer();
  server.on('connect', (request, socket) => {
    requests.push(request.url ?? '');
    if (!(request.url ?? '').startsWith('demo-')) {
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      return;
    }
    const target = netConnect(port(), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      target.pipe(socket).pipe(target);
    });
    target.on('error', () => socket.destroy());
    socket.on('error', () => target.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, close: () => server.close() };
}

export interface TestCluster {
  readonly api: ReturnType<typeof createSimulatedApi>;
  readonly client: KubernetesClient;
  readonly keys: ClusterKeys;
  readonly host: string;
  readonly proxyUrl: string;
  close(): void;
}

export const host = 'demo-d7e87697.westeurope.cloudapp.azure.com';

/** A simulated API server behind a CONNECT proxy, with our keys. */
export async function startCluster(): Promise<TestCluster> {
  const clusterKeys = await sharedKeys();
  const api = createSimulatedApi({ file: ':memory:', kubernetesVersion: 'v1.33.4', now: () => Date.now() });
  const listener = await api.listen(await serverCertificate(clusterKeys.certificateAuthority, [host]));
  const proxy = await connectProxy(() => listener.port);
  const client = await connect({
    host,
    authority: clusterKeys.certificateAuthority,
    gatewayUrl: proxy.url,
    timeoutMs: 5000,
  });
  return {
    api,
    client,
    keys: clusterKeys,
    host,
    proxyUrl: proxy.url,
    close() {
      client.close();
      proxy.close();
      listener.close();
      api.close();
    },
  };
}
