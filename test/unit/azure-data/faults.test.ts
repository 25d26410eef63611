import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { seededServicePrincipal, seededTenantId, type Simulator } from '#local/simulator/compose.ts';
import { type Answer, appCredential, fakeAzure, send, startSimulator, vmId } from './helpers.ts';

const account = 'srcacct.blob.core.windows.net';
const vault = 'capstan-kv.vault.azure.net';
let simulator: Simulator;
let tokens: Readonly<Record<'blob' | 'vault' | 'graph', string>>;

beforeEach(async () => {
  simulator = await startSimulator(fakeAzure());
  const token = async (resource: string) =>
    `Bearer ${(await appCredential(simulator).getToken(`${resource}/.default`))?.token}`;
  tokens = {
    blob: await token('https://storage.azure.com'),
    vault: await token('https://vault.azure.net'),
    graph: await token('https://graph.microsoft.com'),
  };
});

const door = async (method: string, body?: object): Promise<Answer> =>
  send(
    simulator,
    `127.0.0.1:${simulator.port}`,
    method,
    '/_simulator/faults',
    body === undefined ? {} : { body: JSON.stringify(body) },
  );
const fault = async (rule: object) => expect((await door('POST', rule)).status).toBe(201);

const blob = async (method: string, path: string, headers: Record<string, string> = {}, body = '') =>
  send(simulator, account, method, path, {
    headers: { authorization: tokens.blob, 'x-ms-version': '2025-11-05', ...headers },
    body,
  });
const put = async (text: string) =>
  blob('PUT', '/con/b', { 'x-ms-blob-type': 'BlockBlob', 'content-length': String(text.length) }, text);
const secret = async (method: string, path: string, body?: object) =>
  send(simulator, vault, method, `${path}?api-version=7.6`, {
    headers: { authorization: tokens.vault },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
const signIn = async () =>
  send(simulator, 'login.microsoftonline.com', 'POST', `/${seededTenantId}/oauth2/v2.0/token`, {
    body: `grant_type=client_credentials&client_id=${seededServicePrincipal.clientId}&client_secret=${seededServicePrincipal.clientSecret}&scope=https%3A%2F%2Fvault.azure.net%2F.default`,
  });
const metadata = async () =>
  send(
    simulator,
    '169.254.169.254',
    'GET',
    '/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fmanagement.azure.com%2F',
    { headers: { metadata: 'true', 'proxy-authorization': `Basic ${Buffer.from(`${vmId}:`).toString('base64')}` } },
  );
const graph = async () =>
  send(simulator, 'graph.microsoft.com', 'GET', '/v1.0/servicePrincipals', {
    headers: { authorization: tokens.graph },
  });

/** A call that each service answers well, and its error code in the service's own form. */
const services = {
  blob: {
    call: async () => blob('PUT', '/con?restype=container'),
    code: (text: string) => /<Code>(\w+)</u.exec(text)?.[1],
  },
  queue: {
    call: async () =>
      send(simulator, 'srcacct.queue.core.windows.net', 'GET', '/?comp=list', {
        headers: { authorization: tokens.blob, 'x-ms-version': '2025-11-05' },
      }),
    code: (text: string) => /<Code>(\w+)</u.exec(text)?.[1],
  },
  table: {
    call: async () =>
      send(simulator, 'srcacct.table.core.windows.net', 'GET', '/Tables', {
        headers: { authorization: tokens.blob, 'x-ms-version': '2025-11-05' },
      }),
    code: (text: string) => JSON.parse(text)['odata.error'].code,
  },
  vault: { call: async () => secret('GET', '/secrets'), code: (text: string) => JSON.parse(text).error.code },
  token: { call: signIn, code: (text: string) => JSON.parse(text).error },
  metadata: { call: metadata, code: (text: string) => JSON.parse(text).error },
  graph: { call: graph, code: (text: string) => JSON.parse(text).error.code },
} as const;
const names = Object.keys(services) as (keyof typeof services)[];

describe.each(names)('faults of the %s service', (service) => {
  const { call, code } = services[service];

  test('refusals in its own form, with Retry-After in seconds, as a date and not at all', async () => {
    for (const retryAfter of [undefined, 7, { seconds: 300, date: true }]) {
      await fault({ service, action: { kind: 'status', status: 503, code: 'ServerBusy', retryAfter } });
      const answer = await call();
      expect([answer.status, code(answer.text)]).toEqual([503, 'ServerBusy']);
      const header = answer.headers['retry-after'];
      if (typeof retryAfter === 'object') expect(String(header)).toMatch(/GMT$/);
      else expect(header).toBe(retryAfter === undefined ? undefined : String(retryAfter));
    }
    expect((await call()).status).toBeLessThan(300);
  });

  test('broken connections and bodies, late and repeated answers', async () => {
    for (const kind of ['reset-before', 'reset-after']) {
      await fault({ service, action: { kind } });
      await expect(call()).rejects.toThrow(/hang up|ECONNRESET|aborted/);
    }
    await fault({ service, match: { nth: 1 }, action: { kind: 'truncate' } });
    if (service !== 'blob') await expect(call()).rejects.toThrow(/aborted|hang up|ECONNRESET/);
    await door('DELETE');
    await fault({ service, action: { kind: 'delay', seconds: 30 } });
    const began = simulator.log.entries().length;
    const late = call();
    await sleep(20);
    expect(simulator.log.entries()).toHaveLength(began);
    expect((await late).status).toBeLessThan(500);
    await fault({ service, action: { kind: 'duplicate' } });
    const twice = await call();
    expect(twice.status).toBeLessThan(service === 'blob' ? 410 : 300);
  });

  test('what makes no sense is refused in words when the rule is posted', async () => {
    const statuses = await Promise.all(
      ['stale', 'token-expired', 'never-ends', 'operation-fails'].map(async (kind) => {
        const answer = await door('POST', {
          service,
          action: { kind, ...(kind === 'operation-fails' ? { code: 'X' } : {}) },
        });
        if (answer.status !== 201) expect(answer.text).toMatch(/does not fit/);
        return answer.status === 201 ? kind : '';
      }),
    );
    const fits = { blob: 4, queue: 1, table: 1, vault: 3, token: 1, metadata: 0, graph: 1 };
    expect(statuses.filter((kind) => kind !== '')).toHaveLength(fits[service]);
  });
});

describe('faults that look inside', () => {
  test('a stale read of a blob shows what was there before the last write, or nothing', async () => {
    await blob('PUT', '/con?restype=container');
    await put('one');
    await fault({ service: 'blob', match: { method: 'GET', path: '^/con/b$' }, times: 2, action: { kind: 'stale' } });
    const first = await blob('HEAD', '/con/b');
    expect((await blob('GET', '/con/b')).text, 'no write since the rule stands').toBe('one');
    await blob('PUT', '/con/b?comp=metadata', { 'x-ms-meta-a': 'b' });
    const stale = await blob('GET', '/con/b');
    expect([stale.headers['etag'], stale.headers['x-ms-meta-a']]).toEqual([first.headers['etag'], undefined]);
    expect((await blob('GET', '/con/b')).headers['x-ms-meta-a']).toBe('b');
    await fault({ service: 'blob', match: { method: 'GET', path: '^/con/new$' }, action: { kind: 'stale' } });
    await blob('PUT', '/con/new', { 'x-ms-blob-type': 'PageBlob', 'x-ms-blob-content-length': '512' });
    expect((await blob('GET', '/con/new')).status).toBe(404);
    expect((await blob('GET', '/con/new')).status).toBe(200);
  });

  test('a stale list of pages, of blobs, and of what was deleted', async () => {
    await blob('PUT', '/con?restype=container');
    await blob('PUT', '/con/p', { 'x-ms-blob-type': 'PageBlob', 'x-ms-blob-content-length': '1024' });
    await fault({ service: 'blob', match: { query: 'comp=(pagelist|list)' }, times: 3, action: { kind: 'stale' } });
    const page = { 'x-ms-page-write': 'update', 'x-ms-range': 'bytes=0-511', 'content-length': '512' };
    await blob('PUT', '/con/p?comp=page', page, 'x'.repeat(512));
    expect((await blob('GET', '/con/p?comp=pagelist')).text).not.toContain('<PageRange>');
    await blob('PUT', '/con/q', { 'x-ms-blob-type': 'PageBlob', 'x-ms-blob-content-length': '512' });
    expect((await blob('GET', '/con?restype=container&comp=list')).text).not.toContain('<Name>q<');
    await blob('DELETE', '/con/p');
    expect((await blob('GET', '/con?restype=container&comp=list')).text).toContain('<Name>p<');
    expect((await blob('GET', '/con?restype=container&comp=list')).text).not.toContain('<Name>p<');
  });

  test('a stale read of a secret shows the version before, and a deletion may never end', async () => {
    await secret('PUT', '/secrets/s', { value: 'one' });
    await fault({ service: 'vault', match: { method: 'GET' }, action: { kind: 'stale' } });
    await secret('PUT', '/secrets/s', { value: 'two' });
    expect(JSON.parse((await secret('GET', '/secrets/s')).text).value).toBe('one');
    expect(JSON.parse((await secret('GET', '/secrets/s')).text).value).toBe('two');
    await fault({ service: 'vault', match: { method: 'DELETE' }, action: { kind: 'never-ends' } });
    expect((await secret('DELETE', '/secrets/s')).status).toBe(200);
    await sleep(60);
    expect((await secret('GET', '/deletedsecrets/s')).status).toBe(404);
    expect((await secret('PUT', '/secrets/s', { value: 'x' })).text).toContain('ObjectIsBeingDeleted');
  });

  test('an asynchronous copy fails with the code of the rule, or stays pending', async () => {
    await blob('PUT', '/con?restype=container');
    await put('one');
    const other = 'dstacct.blob.core.windows.net';
    const to = async (method: string, path: string, headers: Record<string, string> = {}) =>
      send(simulator, other, method, path, {
        headers: { authorization: tokens.blob, 'x-ms-version': '2025-11-05', ...headers },
      });
    await to('PUT', '/dst?restype=container');
    const sas = await import('@azure/storage-blob').then((m) =>
      m.generateBlobSASQueryParameters(
        {
          containerName: 'con',
          blobName: 'b',
          permissions: m.BlobSASPermissions.parse('r'),
          expiresOn: new Date(Date.now() + 6e5),
        },
        new m.StorageSharedKeyCredential(
          'srcacct',
          Buffer.from('srcacct-key-of-the-test-account'.padEnd(64, '.')).toString('base64'),
        ),
      ),
    );
    const source = { 'x-ms-copy-source': `https://${account}/con/b?${sas.toString()}` };
    await fault({
      service: 'blob',
      match: { path: '/x$' },
      action: { kind: 'operation-fails', code: 'Broken', after: 3 },
    });
    await fault({ service: 'blob', match: { path: '/y$' }, action: { kind: 'never-ends' } });
    expect((await to('PUT', '/dst/x', source)).status).toBe(202);
    expect((await to('PUT', '/dst/y', source)).status).toBe(202);
    await sleep(100);
    const failed = await to('HEAD', '/dst/x');
    expect([failed.headers['x-ms-copy-status'], failed.headers['x-ms-copy-status-description']]).toEqual([
      'failed',
      expect.stringContaining('Broken'),
    ]);
    expect((await to('HEAD', '/dst/y')).headers['x-ms-copy-status']).toBe('pending');
  });

  test('credentials whose time is over are refused as each service does', async () => {
    for (const service of ['blob', 'queue', 'table', 'vault', 'graph', 'token'] as const) {
      await fault({ service, action: { kind: 'token-expired' } });
      const answer = await services[service].call();
      expect(answer.status).toBe(401);
      if (service === 'blob' || service === 'vault') expect(answer.headers['www-authenticate']).toMatch(/^Bearer /);
      if (service === 'token') expect(answer.text).toContain('AADSTS7000222');
    }
    await fault({ service: 'blob', action: { kind: 'token-expired' } });
    const sas = await send(simulator, account, 'GET', '/con/b?sv=2025-11-05&sr=b&sp=r&se=2099-01-01&sig=x');
    expect([sas.status, sas.headers['x-ms-error-code']]).toEqual([403, 'AuthenticationFailed']);
  });

  test('a rule may name the caller and a part of the address', async () => {
    const caller = '44444444-4444-4444-8444-444444444444';
    const action = { kind: 'status', status: 500, code: 'X' };
    await fault({ service: 'vault', match: { caller: 'someone-else' }, action });
    expect((await secret('GET', '/secrets')).status).toBe(200);
    await fault({ service: 'vault', match: { caller, resource: 'CAPSTAN-KV.vault.azure.net/secrets' }, action });
    expect((await secret('GET', '/secrets')).status).toBe(500);
  });
});
