import { readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startHost, writeApp, type RunningHost } from './support.ts';

const STREAMING = `
const { app } = require('@azure/functions');
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
app.setup({ enableHttpStream: true });
app.http('echo', { route: 'echo/{id?}', methods: ['GET', 'POST'], handler: async (request) => {
  const text = await request.text();
  return { jsonBody: { method: request.method, url: request.url, params: request.params, text, one: request.headers.get('x-one') } };
} });
app.http('bad', { handler: async () => { throw new Error('b'); } });
app.http('none', { handler: async () => {} });
app.http('parts', { handler: async () => ({ status: 202, headers: { 'content-type': 'text/event-stream' }, cookies: [{ name: 'a', value: 'b' }],
  body: new ReadableStream({ async start(control) { for (const part of ['a', 'b', 'c']) { control.enqueue(Buffer.from(part)); await wait(60); } control.close(); } }) }) });
app.http('midfail', { handler: async () => ({
  body: new ReadableStream({ async start(control) { control.enqueue(Buffer.from('part')); await wait(50); control.error(new Error('mid')); } }) }) });
`;

interface Answer {
  status: number | undefined;
  headers: http.IncomingHttpHeaders;
  body: string;
  chunks: number;
  error?: string | undefined;
}

async function call(
  url: string,
  options: http.RequestOptions & { body?: string | string[]; chunked?: boolean } = {},
): Promise<Answer> {
  return new Promise((resolve) => {
    const { body, chunked, ...rest } = options;
    const request = http.request(url, { agent: false, ...rest }, (response) => {
      const answer: Answer = { status: response.statusCode, headers: response.headers, body: '', chunks: 0 };
      response.on('data', (chunk: Buffer) => {
        answer.body += chunk.toString();
        answer.chunks++;
      });
      response.on('end', () => resolve(answer));
      response.on('error', (error: NodeJS.ErrnoException) => resolve({ ...answer, error: error.code }));
    });
    request.on('error', (error: NodeJS.ErrnoException) =>
      resolve({ status: undefined, headers: {}, body: '', chunks: 0, error: error.code }),
    );
    if (chunked === true) request.setHeader('transfer-encoding', 'chunked');
    for (const part of body === undefined ? [] : [body].flat()) request.write(part);
    request.end();
  });
}

describe('a streaming app (host-recordings, http-streaming)', () => {
  let host: RunningHost;
  beforeAll(async () => {
    host = await startHost(writeApp({ 'main.js': STREAMING }), { env: { HOST_STREAM_TIMEOUT_SECONDS: '1' } });
  });
  afterAll(async () => {
    await host.end();
  });

  test('sees query keys and JSON scalars among its route parameters', async () => {
    const got = await call(`${host.base}/api/echo/7?a=1&a=2`, { headers: { 'x-one': ['a', 'b'] } });
    expect(JSON.parse(got.body)).toEqual({
      method: 'GET',
      url: `${host.base}/api/echo/7?a=1&a=2`,
      params: { a: '2', id: '7' },
      text: '',
      one: 'a,b',
    });
    expect(got.headers['x-ms-invocation-id']).toMatch(/^[0-9a-f-]{36}$/);
    const headers = { 'content-type': 'application/json', 'content-length': '7' };
    const posted = JSON.parse((await call(`${host.base}/api/echo`, { method: 'POST', headers, body: '{"a":1}' })).body);
    expect(posted).toMatchObject({ params: { a: '1' }, text: '{"a":1}' });
  });

  test('gets a body without Content-Length', async () => {
    const got = await call(`${host.base}/api/echo`, { method: 'POST', body: ['chu', 'nky'], chunked: true });
    expect(JSON.parse(got.body)).toMatchObject({ text: 'chunky' });
  });

  test('answers in parts', async () => {
    const got = await call(`${host.base}/api/parts`);
    expect(got).toMatchObject({ status: 202, body: 'abc' });
    expect(got.chunks).toBeGreaterThan(1);
    expect(got.headers).toMatchObject({ 'content-type': 'text/event-stream', 'set-cookie': ['a=b'] });
  });

  test('lets its caller wait for the time-out when it throws or returns nothing, and says so', async () => {
    const [bad, none, mid] = await Promise.all(
      ['bad', 'none', 'midfail'].map((name) => call(`${host.base}/api/${name}`)),
    );
    expect(bad).toMatchObject({ status: 500, body: '' });
    expect(none).toMatchObject({ status: 500, body: '' });
    expect(mid?.error).toBe('ECONNRESET');
    expect(host.log()).toContain('http trap stream-without-answer');
  });
});

describe('--auth keys (host-recordings, http-auth)', () => {
  const MAIN = `
const { app } = require('@azure/functions');
const df = require('durable-functions');
app.http('fnLevel', { authLevel: 'function', handler: async () => ({ body: 'f' }) });
app.http('adm', { authLevel: 'admin', handler: async () => ({ body: 'a' }) });
app.http('anon', { authLevel: 'anonymous', handler: async () => ({ body: 'n' }) });
app.http('uris', { authLevel: 'anonymous', extraInputs: [df.input.durableClient()], handler: async (request, context) => {
  const client = df.getClient(context); const id = await client.startNew('o'); return client.createCheckStatusResponse(request, id); } });
df.app.orchestration('o', function* () { return 1; });
`;
  let host: RunningHost;
  let keys: { fn: string; host: string; master: string };
  beforeAll(async () => {
    const app = writeApp({ 'main.js': MAIN });
    const data = path.join(path.dirname(app), 'data');
    host = await startHost(app, { data, args: ['--auth', 'keys'] });
    const read = (name: string) => JSON.parse(readFileSync(path.join(data, 'secrets', `${name}.json`), 'utf8'));
    const { masterKey, functionKeys } = read('host');
    keys = { fn: read('fnlevel').keys[0].value, host: functionKeys[0].value, master: masterKey.value };
  });
  afterAll(async () => {
    await host.end();
  });
  const status = async (name: string, code?: string, header?: string) => {
    const query = code === undefined ? '' : `?code=${encodeURIComponent(code)}`;
    const headers = header === undefined ? {} : { 'x-functions-key': header };
    return (await call(`${host.base}${name}${query}`, { headers })).status;
  };

  test('opens functions to function, host and master keys, the header before the query', async () => {
    expect(await status('/api/fnLevel')).toBe(401);
    expect(await status('/api/fnLevel', 'wrong')).toBe(401);
    expect(await status('/api/fnLevel', keys.fn)).toBe(200);
    expect(await status('/api/fnLevel', undefined, keys.fn)).toBe(200);
    expect(await status('/api/fnLevel', keys.host)).toBe(200);
    expect(await status('/api/fnLevel', keys.master)).toBe(200);
    expect(await status('/api/fnLevel', 'wrong', keys.fn)).toBe(200);
    expect(await status('/api/fnLevel', keys.fn, 'wrong')).toBe(401);
    expect(await status('/api/anon', 'wrong')).toBe(200);
  });

  test('opens the admin level and the administration API to the master key alone', async () => {
    expect(await status('/api/adm', keys.fn)).toBe(401);
    expect(await status('/api/adm', keys.master)).toBe(200);
    expect(await status('/admin/host/status')).toBe(401);
    expect(await status('/admin/host/status', undefined, keys.master)).toBe(200);
  });

  test('guards the durable web hooks with the system key that their URIs carry', async () => {
    expect(await status('/runtime/webhooks/durabletask/instances/x')).toBe(401);
    const uris = JSON.parse((await call(`${host.base}/api/uris`)).body);
    const answer = await call(uris.statusQueryGetUri);
    expect([200, 202]).toContain(answer.status);
  });

  test('writes no key into the log', () => {
    for (const key of Object.values(keys)) expect(host.log()).not.toContain(key);
  });
});
