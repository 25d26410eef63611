import { connect } from 'node:net';
import * as fc from 'fast-check';
import { beforeAll, afterAll, describe, expect, test } from 'vitest';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededTenantId, type Simulator } from '#local/simulator/compose.ts';
import { createSimulator } from '#local/simulator/simulator.ts';
import { SUB } from '../azure-arm/harness.ts';
import { type Answer, appCredential, send } from './helpers.ts';

let simulator: Simulator;
let bearers: Readonly<Record<string, string>>;
const data = mkdtempSync(join(tmpdir(), 'capstan-fuzz-'));

beforeAll(async () => {
  simulator = await createSimulator({ port: 0, dataDirectory: data, timeScale: 10_000 });
  const token = async (resource: string) =>
    `Bearer ${(await appCredential(simulator).getToken(`${resource}/.default`))?.token}`;
  bearers = {
    arm: await token('https://management.azure.com'),
    blob: await token('https://storage.azure.com'),
    queue: await token('https://storage.azure.com'),
    table: await token('https://storage.azure.com'),
    vault: await token('https://vault.azure.net'),
    graph: await token('https://graph.microsoft.com'),
  };
});
afterAll(async () => {
  await simulator.close();
  rmSync(data, { recursive: true, force: true });
});

const machine = Buffer.from(`${SUB}/resourceGroups/platform/providers/Microsoft.Compute/virtualMachines/x:`);
const odd = ['', '/', '%', '%00', '%ff', '%2e%2e', '..', 'a'.repeat(2000), 'é', "'", '"', '<', ';', ' '];
const segments = [
  ...odd,
  'images',
  'images/b',
  'messages',
  'q-1',
  'Tables',
  "Tables('x')",
  'things()',
  "things(PartitionKey='a',RowKey='b')",
  'readme.txt',
  'secrets',
  'deletedsecrets',
  'recover',
  's',
  'versions',
  'metadata',
  'identity',
  'oauth2',
  'token',
  'instance',
  'v1.0',
  'servicePrincipals',
  'directoryObjects',
  'getByIds',
  seededTenantId,
  '_simulator',
  'faults',
  'requests',
  'reset',
  'msi',
];
const names =
  'comp restype prefix marker maxresults timeout copyid snapshot sv sr sp se sig skoid api-version resource client_id $filter $top after scope'.split(
    ' ',
  );
const values = [
  '',
  'page',
  'pagelist',
  'metadata',
  'lease',
  'copy',
  'list',
  'container',
  'properties',
  'blocklist',
  'block',
  'snapshot',
  'userdelegationkey',
  '-1',
  '1e99',
  'NaN',
  '7.6',
  '2018-02-01',
  '2025-11-05',
  'https://management.azure.com',
  "appId eq 'x'",
  '%',
  '\u0000',
  'bytes=0-',
];
const headers = [
  'x-ms-range',
  'range',
  'x-ms-blob-type',
  'x-ms-blob-content-length',
  'x-ms-page-write',
  'x-ms-copy-source',
  'x-ms-source-range',
  'x-ms-lease-action',
  'x-ms-lease-duration',
  'x-ms-lease-id',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'x-ms-blob-sequence-number',
  'x-ms-copy-action',
  'x-ms-snapshot',
  'content-md5',
  'x-ms-date',
  'metadata',
  'proxy-authorization',
  'x-identity-header',
  'x-ms-meta-a',
  'x-ms-blob-public-access',
];
const headerValues = [
  '',
  'bytes=0-511',
  'bytes=9-1',
  'bytes=-5',
  'bytes=0-99999999999999999999',
  'PageBlob',
  'BlockBlob',
  '512',
  '-1',
  '99999999999999',
  'update',
  'clear',
  'acquire',
  'break',
  'abort',
  '"0x1"',
  '*',
  'Thu, 99 Foo 2026',
  'https://capstanimages.blob.core.windows.net/images/x',
  'https://',
  'not a url',
  'file:///etc/passwd',
  'true',
  `Basic ${machine.toString('base64')}`,
  'Basic !!!',
  `Basic ${Buffer.from('%:').toString('base64')}`,
  'Container',
];
const bodies = [
  '',
  '{}',
  '[]',
  '7',
  'null',
  '{"value":',
  '{"value":"x"}',
  '{"value":7,"attributes":{"exp":"x"}}',
  '<x/>',
  '<?xml version="1.0"?><BlockList><Latest>x</Latest></BlockList>',
  '<BlockList',
  '\u0000\uFFFD',
  '{"ids":[{}]}',
  '{"action":{"kind":"status"}}',
  '{"service":"blob","match":{"path":"("},"action":{"kind":"stale"}}',
  '[{"quota":null}]',
  '{"policy":{}}',
  'grant_type=client_credentials',
  '{"boot":{"machine":"("}}',
  '['.repeat(50_000),
];

const places = {
  arm: 'management.azure.com',
  blob: 'corpimages0001.blob.core.windows.net',
  other: 'nobody.blob.core.windows.net',
  queue: 'corpimages0001.queue.core.windows.net',
  table: 'corpimages0001.table.core.windows.net',
  vault: 'capstan-kv.vault.azure.net',
  token: 'login.microsoftonline.com',
  metadata: '169.254.169.254',
  graph: 'graph.microsoft.com',
  door: '127.0.0.1',
  foreign: 'example.com',
} as const;

/** Every answer is one that the service has: never a defect, and a refusal has a code in the service's own form. */
function isClear(place: keyof typeof places, { status, text, headers: own }: Answer): void {
  expect(text).not.toMatch(/defect of the simulator|The simulated \w+ service failed/u);
  expect(status).not.toBe(500);
  if (status < 400 || text === '') return;
  if (place === 'blob' || place === 'other' || place === 'queue') expect(own['x-ms-error-code']).toMatch(/^\w+$/u);
  else {
    const parsed = JSON.parse(text) as Record<string, string | { code?: string }>;
    const { error = parsed['odata.error'], code } = parsed;
    expect(typeof error === 'string' ? error : (error?.code ?? code)).toMatch(/^[\w ]+$/u);
  }
}

const request = fc.record({
  place: fc.constantFrom(...(Object.keys(places) as (keyof typeof places)[])),
  method: fc.constantFrom('GET', 'GET', 'PUT', 'PUT', 'POST', 'DELETE', 'HEAD', 'PATCH', 'OPTIONS'),
  path: fc.array(fc.constantFrom(...segments), { maxLength: 5 }),
  query: fc.array(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...values)), { maxLength: 4 }),
  headers: fc.dictionary(fc.constantFrom(...headers), fc.constantFrom(...headerValues), { maxKeys: 4 }),
  body: fc.constantFrom(...bodies),
  signed: fc.boolean(),
});

describe('bad input', () => {
  test('whatever is sent to whichever service or door, the answer is one of its own', async () => {
    await fc.assert(
      fc.asyncProperty(request, async ({ place, method, path, query, headers: sent, body, signed }) => {
        const text = path
          .map((part) => part.replaceAll(' ', '%20').replaceAll(/[^\x21-\x7E]/gu, encodeURIComponent))
          .join('/');
        const search = query.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
        // The door that empties the simulator would take the tokens with it.
        if (place === 'door' && text.includes('reset')) return;
        const authorization = bearers[place];
        const all = {
          'x-ms-version': '2025-11-05',
          ...(signed && authorization !== undefined ? { authorization } : {}),
          ...(place === 'metadata' ? { metadata: 'true' } : {}),
          ...sent,
        };
        const host = place === 'door' ? `127.0.0.1:${simulator.port}` : places[place];
        isClear(
          place,
          await send(simulator, host, method, `/${text}${search === '' ? '' : `?${search}`}`, { headers: all, body }),
        );
      }),
      { numRuns: 1200, seed: 3 },
    );
    await send(simulator, `127.0.0.1:${simulator.port}`, 'DELETE', '/_simulator/faults');
    expect((await send(simulator, `127.0.0.1:${simulator.port}`, 'GET', '/healthz')).status).toBe(200);
  });

  test.each([
    ['no HTTP at all', 'hello\r\n\r\n'],
    ['a CONNECT without a port', 'CONNECT x HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a CONNECT to a port that is none', 'CONNECT management.azure.com:99999 HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a header that never ends', `GET / HTTP/1.1\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx'],
  ])('%s ends the connection and nothing else', async (_what, bytes) => {
    await new Promise<void>((done) => {
      const socket = connect(simulator.port, '127.0.0.1', () => socket.write(bytes));
      socket.on('data', () => socket.end());
      socket.on('error', () => done());
      socket.on('close', () => done());
    });
    expect((await send(simulator, `127.0.0.1:${simulator.port}`, 'GET', '/healthz')).status).toBe(200);
  });
});
