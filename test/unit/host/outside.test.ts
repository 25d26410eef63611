/** The host as an outsider drives it: requests, apps and settings beside those that were recorded. */
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { createHost, type Host, type HostOptions } from '../../../local/host/host.ts';
import type { LogRecord } from '../../../local/host/core/log.ts';
import { temporaryFolder, writeApp } from './support.ts';

const hosts: Host[] = [];
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.stop(0);
});

interface Started {
  readonly host: Host;
  readonly log: LogRecord[];
  /** Sends a request as it is given, lines divided by `|`, and gives the whole answer without its date. */
  readonly send: (head: string, body?: string) => Promise<string>;
}

async function started(main: string, hostJson: object = {}, options: Partial<HostOptions> = {}): Promise<Started> {
  const app = writeApp({
    'main.js': `const { app, output } = require('@azure/functions'); const http = (name, route, handler, more) => app.http(name, { route, handler, ...more }); ${main}`,
    'host.json': JSON.stringify({ version: '2.0', ...hostJson }),
  });
  const log: LogRecord[] = [];
  const host = await createHost({
    app,
    port: 0,
    data: temporaryFolder(),
    settings: {},
    log: (record) => log.push(record),
    ...options,
  });
  hosts.push(host);
  const send = async (head: string, body = ''): Promise<string> => {
    const socket = net.connect(host.port, '127.0.0.1');
    const lines = head.split('|');
    socket.write(Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`, 'latin1'));
    let answer = '';
    for await (const chunk of socket as AsyncIterable<Buffer>) answer += chunk.toString('utf8');
    return answer.replace(/Date: .*?\r\n/, '').replaceAll('\r\n', '|');
  };
  return { host, log, send };
}

const NAME = 'Host: localhost|Connection: close';
const get = (target: string, more = ''): string => `GET ${target} HTTP/1.1|${NAME}${more}`;
const status = (answer: string): number => Number(answer.split(' ')[1]);
const ECHO = `http('echo', 'echo/{*rest}', async (request) => ({ jsonBody: {
  url: request.url, rest: request.params.rest, query: [...request.query], header: request.headers.get('x-a'), text: await request.text() } }), { methods: ['GET', 'POST', 'TRACE'] });`;
const json = (answer: string): unknown => JSON.parse(/\{.*\}/.exec(answer)?.[0] ?? 'null');

describe('a request line', () => {
  test('is read as Kestrel reads it, and the function sees its address encoded anew', async () => {
    const { send } = await started(ECHO);
    const base = 'http://localhost/api/echo/';
    expect(json(await send(get('/api/%65cho/%7b/a%2fb/%C3%28/../x#y?q=%ff&Q=%C3%BC+z&=v#w')))).toMatchObject({
      url: `${base}%7B/a%2fb/x%23y?q=%ff&Q=%C3%BC+z&=v%23w`,
      rest: '{/a%2fb/x#y',
      query: [
        ['q', '%ff,ü z'],
        ['', 'v#w'],
      ],
    });
    expect(json(await send(get('http://localhost/api/echo/p?a')))).toMatchObject({ url: `${base}p?a`, rest: 'p' });
    expect(json(await send(get('http://LOCALHOST:80/api/echo/q')))).toMatchObject({ rest: 'q' });
    expect(json(await send('GET /api/echo/old HTTP/1.0'))).toMatchObject({ rest: 'old' });
  });

  test('that Kestrel refuses is refused with the same status', async () => {
    const { send } = await started(ECHO);
    const many = Array.from({ length: 101 }, (_, index) => `|x-${index}: 1`).join('');
    const refused: [number, string][] = [
      [404, `PURGE2 /api/echo HTTP/1.1|${NAME}`],
      [404, `CONNECT localhost:443 HTTP/1.1|${NAME}`],
      [404, `OPTIONS * HTTP/1.1|${NAME}`],
      [400, '\u0016\u0003\u0001 TLS?'],
      [400, 'GET /api/echo HTTP/1.1|Connection: close'],
      [400, get('/api/echo', '|Host: localhost')],
      [400, get('/api/echo/%00')],
      [400, get('/api/echo', '|x-a: \u00fc')],
      [414, get(`/api/echo/${'x'.repeat(8200)}`)],
      [431, get('/api/echo', `|x-a: ${'y'.repeat(33_000)}`)],
      [431, get('/api/echo', many)],
      [421, 'GET /api/echo HTTP/1.1|Host: elsewhere.test|Connection: close'],
      [400, 'GET /api/echo HTTP/1.1|Host: local host|Connection: close'],
      [400, 'GET /api/echo HTTP/1.1|Host: me@localhost|Connection: close'],
      [400, 'GET /api/echo HTTP/1.1|Host: :80|Connection: close'],
      [400, get('http://elsewhere.test/api/echo')],
      [405, get('*')],
      [400, 'POST /api/echo HTTP/1.0'],
      [400, 'GET /api/echo'],
      [505, `GET /api/echo HTTP/2.0|${NAME}`],
      [505, `GET /api/echo HTTP/1.2|${NAME}`],
      [505, `GET /api/echo x HTTP/1.1|${NAME}`],
    ];
    for (const [expected, head] of refused)
      expect([status(await send(head)), head.slice(0, 40)]).toEqual([expected, head.slice(0, 40)]);
    expect(await send('GET /api/echo/%00 HTTP/1.1|Host: localhost')).toContain('|Connection: close|');
    expect(await send('GET /api/echo HTTP/1.1|Host: a b')).toContain('|Connection: close|');
    // UTF-8 in a header is fine, an unknown expectation is not looked at.
    expect(json(await send(get('/api/echo', '|x-a: \u00c3\u00bc|Expect: anything')))).toMatchObject({ header: 'ü' });
  });

  test('on a connection that stays open gets no word about the connection', async () => {
    const { send } = await started(ECHO);
    const both = await send(`GET /api/echo/1 HTTP/1.1|Host: localhost||${get('/api/echo/2')}`);
    const [first = '', second = ''] = both.split('HTTP/1.1 200 OK').slice(1);
    expect(first).not.toContain('onnection');
    expect([json(first), json(second)]).toMatchObject([{ rest: '1' }, { rest: '2' }]);
    expect(second).toContain('Connection: close');
  });
});

describe('an answer', () => {
  test('with a header or cookie that Kestrel cannot write is 500, and cookies are escaped as there', async () => {
    const { send } = await started(`
      http('latin', 'latin', () => ({ headers: { 'x-a': 'é' }, body: 'x' }));
      http('name', 'name', () => ({ cookies: [{ name: 'a b', value: '1' }] }));
      http('plain', 'plain', () => ({ headers: { 'content-type': '', 'x-own': '1', 'last-modified': 'now' }, body: 'x',
        cookies: [{ name: 'a', value: "!'()*~", maxAge: 1.9, path: '' }] }));`);
    expect([status(await send(get('/api/latin'))), status(await send(get('/api/name')))]).toEqual([500, 500]);
    const plain = await send(get('/api/plain'));
    expect(plain).toContain('|Set-Cookie: a=%21%27%28%29%2A~; max-age=1; path=|');
    expect(plain).toContain('|Last-Modified: now|x-own: 1|');
    expect(plain).not.toContain('Content-Type');
  });

  test('without a body keeps the type that the function has given it', async () => {
    const { send } = await started(
      `http('st', 'st/{code}', (request) => ({ status: Number(request.params.code), headers: { 'content-type': 'text/css', etag: '"1"' }, body: 'x' }));`,
    );
    expect(await send(get('/api/st/304'))).toBe(
      'HTTP/1.1 304 Not Modified|Server: Kestrel|Content-Type: text/css|ETag: "1"|Connection: close||',
    );
    expect(await send(get('/api/st/205'))).toContain('|Content-Type: text/css|ETag: "1"|Content-Length: 0|');
  });

  test('carries the custom headers of host.json, unless the function has its own', async () => {
    const http = { customHeaders: { 'X-Frame-Options': 'deny', server: 'mine' } };
    const { send } = await started(`http('own', 'own', () => ({ headers: { 'x-frame-options': 'same' } }));`, {
      extensions: { http },
    });
    expect(await send(get('/api/own'))).toMatch(/x-frame-options: same/i);
    expect(await send(get('/api/none'))).toContain('|X-Frame-Options: deny|');
  });
});

describe('limits on requests', () => {
  test('let one run, one wait and turn the third away with 429', async () => {
    const http = { maxConcurrentRequests: 1, maxOutstandingRequests: 2, routeprefix: 'v1' };
    const { send } = await started(
      `let running = 0; http('slow', 'slow', async () => { const now = ++running; await new Promise((done) => setTimeout(done, 60)); running--; return { body: 'at once ' + now }; });`,
      { extensions: { http } },
    );
    const answers = await Promise.all([1, 2, 3].map(async () => send(get('/v1/slow'))));
    expect(answers.map(status).filter((code) => code === 200)).toHaveLength(2);
    expect(answers.map(status)).toContain(429);
    for (const answer of answers)
      expect(answer).toContain(status(answer) === 200 ? 'at once 1' : 'X-FUNCTION-SCALEOUT: 1');
  });
});

describe('an app that the real host does not run', () => {
  test.each([
    ['a leading slash', `http('bad', '/x', () => ({}));`],
    ['a constraint that does not exist', `http('bad', 'x/{y:nope}', () => ({}));`],
    ['names that differ in case only', `http('OK', 'x', () => ({}));`],
  ])('because of %s answers 503 to everything and says why', async (_name, main) => {
    const { send, log } = await started(`http('ok', 'ok', () => ({ body: 'ok' })); ${main}`);
    expect(await send(get('/api/ok'))).toMatch(/^HTTP\/1\.1 503 .*Function host is not running\./);
    expect(status(await send(get('/admin/host/ping')))).toBe(200);
    expect(log.filter(({ level }) => level === 'critical').map(({ message }) => message)).toEqual([
      expect.stringMatching(/'(bad|OK)'.*503/),
    ]);
  });

  test('leaves out functions with a reserved route, an impossible name or no place in host.json', async () => {
    const main = `for (const [name, route] of [['ok'], ['adminSite'], ['other', 'Administrators/x'], ['my func!', 'mine'], ['host', 'hh'], ['unlisted']]) http(name, route, () => ({ body: name }));`;
    const { send } = await started(main, { functions: ['ok', 'adminSite', 'other', 'my func!', 'host'] });
    const routes = ['ok', 'adminSite', 'Administrators/x', 'mine', 'hh', 'unlisted'];
    const answers = await Promise.all(routes.map(async (route) => send(get(`/api/${route}`))));
    expect(answers.map(status)).toEqual([200, 404, 404, 404, 404, 404]);
  });
});

describe('a call by hand', () => {
  test('runs queue and timer functions at once and refuses what it cannot read', async () => {
    const main = `const seen = []; http('seen', 'seen', () => ({ jsonBody: { seen } }));
      app.timer('yearly', { schedule: '0 0 0 1 1 *', handler: (timer) => { seen.push(['timer', timer.isPastDue]); } });
      app.storageQueue('orders', { queueName: 'orders', connection: 'None', handler: (message, context) => { seen.push(['queue', message, context.triggerMetadata.a]); } });`;
    const { send } = await started(main);
    const post = async (name: string, body: string, type = 'application/json'): Promise<number> =>
      status(
        await send(
          `POST /admin/functions/${name} HTTP/1.1|${NAME}|Content-Type: ${type}|Content-Length: ${body.length}`,
          body,
        ),
      );
    expect(await post('ORDERS', '{"input":"{\\"a\\":1}"}')).toBe(202);
    expect(await post('yearly', '{}')).toBe(202);
    expect([
      await post('nobody', '{}'),
      await post('yearly', ''),
      await post('yearly', '{'),
      await post('yearly', 'x', 'text/plain'),
    ]).toEqual([404, 400, 400, 415]);
    await sleep(20);
    expect(json(await send(get('/api/seen')))).toEqual({
      seen: [
        ['queue', { a: 1 }, 1],
        ['timer', false],
      ],
    });
  });
});

describe('cross-origin requests', () => {
  test('are allowed for the origins of local.settings.json, as under func start', async () => {
    const app = writeApp({
      'main.js': `require('@azure/functions').app.http('ok', { handler: () => ({ body: 'ok' }) });`,
      'local.settings.json': `{ "Host": { "CORS": "http://a.test, http://b.test", "CORSCredentials": true }, /* a comment */ }`,
    });
    const host = await createHost({ app, port: 0, data: temporaryFolder(), settings: {} });
    hosts.push(host);
    const ask = async (
      origin: string,
      init: { method?: string; headers?: Record<string, string> } = {},
    ): Promise<string[]> => {
      const answer = await fetch(`http://127.0.0.1:${host.port}/api/ok`, {
        ...init,
        headers: { origin, ...init.headers },
      });
      const names = ['origin', 'credentials', 'methods', 'headers'];
      return [String(answer.status), ...names.map((name) => answer.headers.get(`access-control-allow-${name}`) ?? '-')];
    };
    const preflight = {
      method: 'OPTIONS',
      headers: { 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-a' },
    };
    expect(await ask('http://a.test')).toEqual(['200', 'http://a.test', 'true', '-', '-']);
    expect(await ask('http://b.test', preflight)).toEqual(['204', 'http://b.test', 'true', 'PUT', 'x-a']);
    expect(await ask('http://c.test', preflight)).toEqual(['204', '-', '-', '-', '-']);
  });
});
