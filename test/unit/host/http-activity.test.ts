import http, { type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runHttpActivity } from '../../../local/host/durable/http-activity.ts';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let base = '';
let seen: Seen[] = [];
const server = http.createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { method = '', url = '', headers } = request;
    seen.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
    const status = Number(/^\/(3\d\d)/.exec(url)?.[1] ?? 200);
    if (status > 299) response.setHeader('Location', '/there');
    if (url.startsWith('/loop')) response.writeHead(302, { Location: '/loop' }).end('again');
    else response.writeHead(status).end(`${method} ${url}`);
  });
});

beforeAll(async () => {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());

async function call(request: object): Promise<any> {
  seen = [];
  const outcome = await runHttpActivity(JSON.stringify(request));
  return outcome.ok ? JSON.parse(outcome.resultJson ?? 'null') : { failed: outcome.message };
}

describe('the activity behind callHttp', () => {
  test.each([
    [302, 'POST', 'GET', ''],
    [303, 'PUT', 'GET', ''],
    [302, 'PUT', 'PUT', 'text'],
    [307, 'POST', 'POST', 'text'],
  ])('follows a %d after %s with %s, without the authorization', async (status, method, then, body) => {
    const answer = await call({
      method,
      uri: `${base}/${status}`,
      content: 'text',
      headers: { Authorization: 'Bearer secret', 'x-own': '1' },
    });
    expect(answer).toMatchObject({ statusCode: 200, content: `${then} /there` });
    expect(seen[1]).toMatchObject({ method: then, body, headers: { 'x-own': '1' } });
    expect(seen[1]?.headers.authorization).toBeUndefined();
  });

  test('gives up after fifty redirects with the last answer', async () => {
    expect(await call({ method: 'GET', uri: `${base}/loop` })).toMatchObject({ statusCode: 302, content: 'again' });
    expect(seen).toHaveLength(51);
  });

  test('sends a content type only with a body, and names the character set of a form', async () => {
    await call({ method: 'GET', uri: base, headers: { 'Content-Type': 'application/json' } });
    expect(seen[0]?.headers['content-type']).toBeUndefined();
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    await call({ method: 'POST', uri: base, content: 'a=1', headers: form });
    expect(seen[0]?.headers['content-type']).toBe('application/x-www-form-urlencoded; charset=utf-8');
  });

  test.each([
    [
      { 'Content-Type': 'application/json; charset=utf-8' },
      "The format of value 'application/json; charset=utf-8' is invalid.",
    ],
    [{ 'Content-Type': 'multipart/form-data' }, 'Multipart content is not supported with CallHttpAsync.'],
    [{ 'Content-Length': '3' }, "Misused header name, 'Content-Length'."],
  ])('refuses the headers %j as .NET does', async (headers, text) => {
    const { failed } = await call({ method: 'POST', uri: base, content: 'abc', headers });
    expect(failed).toContain(text);
    expect(seen).toEqual([]);
  });

  test('says what a token source needs', async () => {
    const tokenSource = { kind: 'AzureManagedIdentity', resource: 'https://management.core.windows.net' };
    expect((await call({ method: 'GET', uri: base, tokenSource })).failed).toContain('set IDENTITY_ENDPOINT');
  });
});
