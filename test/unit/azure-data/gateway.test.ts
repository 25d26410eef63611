import { createServer, type Server } from 'node:net';
import { request as httpRequest } from 'node:http';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import type { Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { ClientSecretCredential, DefaultAzureCredential, ManagedIdentityCredential } from '@azure/identity';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { seededClientId, seededServicePrincipal, seededTenantId, type Simulator } from '#local/simulator/compose.ts';
import {
  appCredential,
  appPrincipal,
  fakeAzure,
  rerouted,
  send,
  startSimulator,
  temporaryDirectory,
  vmId,
  vmIdentity,
} from './helpers.ts';

const claims = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
const own = (simulator: Simulator) => `127.0.0.1:${simulator.port}`;

async function connect(
  simulator: Simulator,
  target: string,
): Promise<{ status: number; socket: Socket; body: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port: simulator.port, method: 'CONNECT', path: target });
    request.on('connect', (response, socket, head) => {
      let body = head.toString();
      if (response.statusCode === 200) resolve({ status: 200, socket, body });
      else {
        socket.on('data', (chunk) => (body += chunk));
        socket.on('close', () => resolve({ status: response.statusCode ?? 0, socket, body }));
      }
    });
    request.on('error', reject);
    request.end();
  });
}

async function listenEcho(): Promise<Server> {
  const server = createServer((socket) => socket.on('data', (data) => socket.write(`echo ${data.toString()}`)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())));
  return server;
}

afterEach(() => vi.unstubAllEnvs());

describe('dispatch by host', () => {
  test('the Host header chooses the service, and foreign hosts are refused', async () => {
    const simulator = await startSimulator(fakeAzure());
    const arm = await send(simulator, 'management.azure.com', 'GET', '/subscriptions/x?api-version=1&a=%20b');
    expect(JSON.parse(arm.text)).toEqual({
      host: 'management.azure.com',
      path: '/subscriptions/x',
      rawUrl: '/subscriptions/x?api-version=1&a=%20b',
    });
    for (const host of ['example.com', 'management.azure.com.evil.example', 'a.b.blob.core.windows.net']) {
      expect((await send(simulator, host, 'GET', '/')).status, host).toBe(403);
    }
    expect((await send(simulator, own(simulator), 'GET', '/subscriptions')).status).toBe(421);
    expect((await send(simulator, `localhost:${simulator.port}`, 'GET', '/healthz')).status).toBe(200);
  });

  test('the doors open for loopback names and not for web pages of other origins', async () => {
    const simulator = await startSimulator(fakeAzure());
    expect((await send(simulator, 'rebound.example', 'GET', '/_simulator/resources')).status).toBe(403);
    expect((await send(simulator, 'management.azure.com', 'GET', '/_simulator/resources')).text).not.toContain(
      'virtualMachines',
    );
    const resources = await send(simulator, own(simulator), 'GET', '/_simulator/resources');
    expect(JSON.parse(resources.text)).toEqual([{ id: vmId, type: 'Microsoft.Compute/virtualMachines' }]);
    const page = { headers: { origin: 'https://evil.example' }, body: '[]' };
    expect((await send(simulator, own(simulator), 'POST', '/_simulator/faults', page)).status).toBe(403);
    expect((await send(simulator, own(simulator), 'GET', '/_simulator/nothing')).status).toBe(404);
  });

  test('a proxy request with an absolute URL reaches the named host', async () => {
    const simulator = await startSimulator(fakeAzure());
    const answer = await send(
      simulator,
      own(simulator),
      'GET',
      'http://management.azure.com/subscriptions?api-version=1',
    );
    expect(JSON.parse(answer.text)).toMatchObject({ host: 'management.azure.com', path: '/subscriptions' });
  });

  test('bodies above the limit are 413, and a busy port is explained', async () => {
    const simulator = await startSimulator(fakeAzure());
    const large = await send(simulator, 'management.azure.com', 'PUT', '/x', { body: Buffer.alloc(9 * 1024 * 1024) });
    expect([large.status, JSON.parse(large.text).error.code]).toEqual([413, 'RequestBodyTooLarge']);
    await expect(startSimulator(fakeAzure(), { port: simulator.port })).rejects.toThrow(
      /port is in use.*CAPSTAN_AZURE_PORT/,
    );
  });
});

describe('the request log and the faults', () => {
  test('requests are logged in order, with caller and code, without signatures', async () => {
    const simulator = await startSimulator(fakeAzure());
    const token = await appCredential(simulator).getToken('https://management.azure.com/.default');
    await send(simulator, 'management.azure.com', 'GET', `/op?s=${'x'.repeat(3500)}`, {
      headers: { authorization: `Bearer ${token?.token}` },
    });
    await send(
      simulator,
      'srcacct.blob.core.windows.net',
      'GET',
      '/c/b?sv=2025-11-05&sr=b&sp=r&se=2030-01-01T00:00:00Z&sig=c2VjcmV0c2lnbmF0dXJl',
    );
    const log = JSON.parse((await send(simulator, own(simulator), 'GET', '/_simulator/requests')).text);
    expect(log.map((e: any) => [e.seq, e.service])).toEqual([
      [1, 'token'],
      [2, 'arm'],
      [3, 'blob'],
    ]);
    expect(log[1]).toMatchObject({ caller: appPrincipal, correlationId: 'c-1', status: 200 });
    expect(log[2]).toMatchObject({ status: 403, code: 'AuthenticationFailed' });
    expect(JSON.stringify(log)).not.toMatch(/xxxx|c2VjcmV0/);
    const later = JSON.parse(
      (await send(simulator, own(simulator), 'GET', '/_simulator/requests?after=2&service=blob')).text,
    );
    expect(later).toHaveLength(1);
  });

  test('data plane faults apply by rule and end', async () => {
    const simulator = await startSimulator(fakeAzure());
    const rule = {
      service: 'blob',
      match: { path: '^/c/b$', nth: 2 },
      action: { kind: 'status', status: 503, code: 'ServerBusy', retryAfter: 3 },
    };
    expect(
      (await send(simulator, own(simulator), 'POST', '/_simulator/faults', { body: JSON.stringify([rule]) })).status,
    ).toBe(201);
    const statuses: number[] = [];
    for (let i = 0; i < 3; i += 1)
      statuses.push((await send(simulator, 'srcacct.blob.core.windows.net', 'GET', '/c/b')).status);
    expect(statuses).toEqual([409, 503, 409]);
    const reset = { service: 'vault', action: { kind: 'reset-before' } };
    await send(simulator, own(simulator), 'POST', '/_simulator/faults', { body: JSON.stringify(reset) });
    await expect(send(simulator, 'capstan-kv.vault.azure.net', 'GET', '/secrets')).rejects.toThrow(
      /hang up|ECONNRESET/,
    );
    const bad = await send(simulator, own(simulator), 'POST', '/_simulator/faults', {
      body: '{"service":"blob","action":{"kind":"explode"}}',
    });
    expect([bad.status, JSON.parse(bad.text).error.code]).toEqual([400, 'InvalidFaultRule']);
    expect((await send(simulator, own(simulator), 'DELETE', '/_simulator/faults')).status).toBe(204);
  });
});

describe('CONNECT', () => {
  test('an API server name is piped to the machine behind the load balancer', async () => {
    const azure = fakeAzure();
    const simulator = await startSimulator(azure);
    const name = 'demo-1234.westeurope.cloudapp.azure.com';
    const missing = await connect(simulator, `${name}:6443`);
    expect([missing.status, missing.body]).toEqual([502, expect.stringContaining('Nothing answers behind')]);
    const echo = await listenEcho();
    azure.backends.set(`${name}:6443`, [
      { vmId: 'absent', guestPort: 6443 },
      { vmId, guestPort: 6443 },
    ]);
    azure.listening.set(`${vmId}:6443`, (echo.address() as AddressInfo).port);
    const { socket, status } = await connect(simulator, `${name}:6443`);
    expect(status).toBe(200);
    const answer = new Promise<string>((resolve) => socket.once('data', (data) => resolve(data.toString())));
    socket.write('hello');
    expect(await answer).toBe('echo hello');
    socket.destroy();
  });

  test('Azure names are answered over TLS under the local authority; other targets are refused', async () => {
    const dataDirectory = temporaryDirectory();
    const simulator = await startSimulator(fakeAzure(), { dataDirectory });
    for (const target of ['example.com:443', '127.0.0.1:22', 'management.azure.com:80']) {
      expect((await connect(simulator, target)).status, target).toBe(403);
    }
    const { socket } = await connect(simulator, 'management.azure.com:443');
    const ca = readFileSync(join(dataDirectory, 'simulator', 'authority', 'ca.pem'));
    const secure = connectTls({ socket, servername: 'management.azure.com', ca });
    await new Promise((resolve, reject) => secure.once('secureConnect', resolve).once('error', reject));
    expect(secure.authorized).toBe(true);
    secure.write('GET /subscriptions HTTP/1.1\r\nHost: management.azure.com\r\nConnection: close\r\n\r\n');
    const chunks: Buffer[] = await secure.toArray();
    const [head = '', text = ''] = Buffer.concat(chunks).toString().split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 200/);
    expect(JSON.parse(text)).toMatchObject({ host: 'management.azure.com' });
    socket.destroy();
  });
});

describe('tokens', () => {
  test('the real managed identity and default credentials get tokens for the app', async () => {
    const simulator = await startSimulator(fakeAzure());
    vi.stubEnv('IDENTITY_ENDPOINT', `${simulator.url}/msi/token`);
    vi.stubEnv('IDENTITY_HEADER', 'any');
    const direct = await new ManagedIdentityCredential({ clientId: seededClientId }).getToken(
      'https://management.azure.com/.default',
    );
    expect(claims(direct.token)).toMatchObject({
      oid: appPrincipal,
      appid: seededClientId,
      tid: seededTenantId,
      aud: 'https://management.azure.com',
    });
    const byDefault = await new DefaultAzureCredential().getToken('https://vault.azure.net/.default');
    expect(claims(byDefault.token)).toMatchObject({ oid: appPrincipal, aud: 'https://vault.azure.net' });
    await expect(
      new ManagedIdentityCredential({ clientId: '99999999-9999-4999-8999-999999999999' }).getToken(
        'https://management.azure.com/.default',
      ),
    ).rejects.toThrow(/No User Assigned/);
  });

  test('the identity endpoint needs its header and a known resource', async () => {
    const simulator = await startSimulator(fakeAzure());
    const path = '/msi/token?api-version=2019-08-01&resource=';
    expect((await send(simulator, own(simulator), 'GET', `${path}https%3A%2F%2Fmanagement.azure.com`)).status).toBe(
      401,
    );
    const headers = { 'x-identity-header': 'x' };
    expect((await send(simulator, own(simulator), 'GET', `${path}https%3A%2F%2Fexample.com`, { headers })).status).toBe(
      400,
    );
  });

  test('a service principal signs in through the real credential', async () => {
    const simulator = await startSimulator(fakeAzure());
    const { clientId, clientSecret, objectId } = seededServicePrincipal;
    const httpClient = rerouted(simulator);
    const good = new ClientSecretCredential(seededTenantId, clientId, clientSecret, { httpClient });
    expect(claims((await good.getToken('https://management.azure.com/.default')).token)).toMatchObject({
      oid: objectId,
      appid: clientId,
    });
    const bad = new ClientSecretCredential(seededTenantId, clientId, 'wrong', { httpClient });
    await expect(bad.getToken('https://management.azure.com/.default')).rejects.toThrow(/AADSTS7000215/);
  });

  test('a machine gets tokens of its own identities only', async () => {
    const simulator = await startSimulator(fakeAzure());
    const as = (id: string) => ({
      headers: { metadata: 'true', 'proxy-authorization': `Basic ${Buffer.from(`${id}:`).toString('base64')}` },
    });
    const path =
      '/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fmanagement.azure.com%2F';
    const ask = (query: string, options: { headers?: Record<string, string> }) =>
      send(simulator, '169.254.169.254', 'GET', path + query, options);
    const own = await ask('', as(vmId.toUpperCase().replace('/SUBSCRIPTIONS/', '/subscriptions/')));
    expect(claims(JSON.parse(own.text).access_token)).toMatchObject({
      oid: vmIdentity.principalId,
      aud: 'https://management.azure.com/',
    });
    expect((await ask(`&msi_res_id=${encodeURIComponent(vmIdentity.id)}`, as(vmId))).status).toBe(200);
    expect(JSON.parse((await ask(`&client_id=${seededClientId}`, as(vmId))).text)).toEqual({
      error: 'invalid_request',
      error_description: 'Identity not found',
    });
    expect((await ask('', as('/subscriptions/x/other'))).status).toBe(400);
    expect((await ask('', { headers: { metadata: 'true' } })).status).toBe(400);
    expect((await send(simulator, '169.254.169.254', 'GET', path)).status).toBe(400);
  });
});
