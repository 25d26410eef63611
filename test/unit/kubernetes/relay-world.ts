import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { relayScript } from '#domain/kubeadm/relay.ts';
import { Secret } from '#domain/secret.ts';
import { createSimulatedApi } from '#local/kubernetes/api/index.ts';
import { connectThroughRelay } from '#kubernetes/client/connect.ts';
import type { RelayStore } from '#kubernetes/client/relay-transport.ts';
import { createKubeconfig } from '#kubernetes/pki/kubeconfig.ts';
import { serverCertificate, sharedKeys } from './server.ts';

const host = 'apiserver.demo.capz.io';
const container = 'http://corpimages0001.blob.core.windows.net/relay';

/** Metadata service and storage account of one machine: an HTTP proxy that knows two names. */
async function startAzure() {
  const blobs = new Map<string, string>();
  const seen: string[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '');
    if (url.host === '169.254.169.254') {
      const right = request.headers['metadata'] === 'true' && url.searchParams.get('client_id') === 'machine';
      response.writeHead(right ? 200 : 400).end(JSON.stringify({ access_token: 'token-of-the-machine' }));
      return;
    }
    if (request.headers.authorization !== 'Bearer token-of-the-machine') {
      response.writeHead(401).end();
      return;
    }
    const name = url.pathname.replace(/^\/relay\/?/, '');
    if (url.searchParams.get('comp') === 'list') {
      const names = [...blobs.keys()].filter((key) => key.startsWith(url.searchParams.get('prefix') ?? ''));
      const list = names.map((key) => `<Blob><Name>${key}</Name></Blob>`).join('');
      response
        .writeHead(200)
        .end(`<?xml version="1.0"?><EnumerationResults><Blobs>${list}</Blobs></EnumerationResults>`);
    } else if (request.method === 'PUT') {
      const body = await text(request);
      blobs.set(name, body);
      seen.push(body);
      response.writeHead(201).end();
    } else if (request.method === 'DELETE') response.writeHead(blobs.delete(name) ? 202 : 404).end();
    else if (blobs.has(name)) response.writeHead(200).end(blobs.get(name));
    else response.writeHead(404).end();
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { blobs, seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

/** Name of the machine that runs from the start. */
export const first = 'demo-control-plane-1';

/** Files of machines below folders, an API server, and the relay script itself between the two. */
export async function startRelay() {
  const keys = await sharedKeys();
  const userData = new Secret('#cloud-config\n# everything that the machine was told\n');
  const api = createSimulatedApi({ file: ':memory:', kubernetesVersion: 'v1.33.4', now: () => Date.now() });
  const listener = await api.listen(await serverCertificate(keys.certificateAuthority, [host]));
  const azure = await startAzure();
  const folder = mkdtempSync(path.join(tmpdir(), 'capstan-relay-'));
  const admin = await createKubeconfig({
    cluster: 'demo',
    host,
    authority: keys.certificateAuthority,
    now: Date.now(),
    validForSeconds: 3600,
  });
  const pki = '/etc/kubernetes/pki';
  const files: Record<string, string> = {
    [`${pki}/ca.crt`]: keys.certificateAuthority.certificate,
    [`${pki}/ca.key`]: keys.certificateAuthority.key.reveal(),
    [`${pki}/etcd/ca.crt`]: keys.etcd.certificate,
    [`${pki}/etcd/ca.key`]: keys.etcd.key.reveal(),
    [`${pki}/front-proxy-ca.crt`]: keys.frontProxy.certificate,
    [`${pki}/front-proxy-ca.key`]: keys.frontProxy.key.reveal(),
    [`${pki}/sa.pub`]: keys.serviceAccount.publicKey,
    [`${pki}/sa.key`]: keys.serviceAccount.key.reveal(),
    '/etc/kubernetes/admin.conf': admin.reveal(),
    '/var/lib/cloud/instance/user-data.txt': userData.reveal(),
    '/etc/capstan/relay.conf': `CONTAINER=${container}\nAPI_HOST=${host}\n`,
    '/etc/kubernetes/azure.json': JSON.stringify({ cloud: 'x', userAssignedIdentityID: 'machine' }, null, 4),
    '/relay': relayScript,
  };
  const children = new Map<string, ChildProcess>();
  let complaints = '';
  const start = (port = listener.port, machine = first) => {
    const root = path.join(folder, machine);
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(path.dirname(root + name), { recursive: true });
      writeFileSync(root + name, content);
    }
    const child = spawn('bash', [`${root}/relay`], {
      env: {
        PATH: process.env['PATH'],
        http_proxy: azure.url,
        CAPSTAN_RELAY_ROOT: root,
        CAPSTAN_RELAY_API: `127.0.0.1:${port}`,
        CAPSTAN_RELAY_PAUSE: '0.05',
        CAPSTAN_RELAY_MACHINE: machine,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
    children.set(machine, child);
  };
  const stop = async (machine = first) => {
    const child = children.get(machine);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  };
  start();
  const store: RelayStore = {
    list: async (prefix) => [...azure.blobs.keys()].filter((name) => name.startsWith(prefix)),
    put: async (name, content) => void azure.blobs.set(name, (azure.seen.push(content), content)),
    get: async (name) => azure.blobs.get(name),
    delete: async (name) => void azure.blobs.delete(name),
  };
  const open = (timeoutMs: number) => connectThroughRelay({ host, store, keys, userData, timeoutMs, lookMs: 20 });
  const client = open(8000);
  return {
    api,
    system: api.client('system:admin', ['system:masters']),
    azure,
    client,
    /** Another client, with a patience of its own. */
    open,
    /** Ends when the machine has said that its API server answers. */
    async spoken(machine = first) {
      while (!azure.blobs.has(`machines/${machine}`)) await new Promise((resolve) => setTimeout(resolve, 10));
    },
    keys,
    userData,
    store,
    host,
    admin,
    start,
    stop,
    complaints: () => complaints,
    async close() {
      client.close();
      for (const machine of children.keys()) await stop(machine);
      azure.server.close();
      azure.server.closeAllConnections();
      listener.close();
      api.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
