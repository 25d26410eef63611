import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { installApp, REFERENCE, startHost, temporaryFolder, type RunningHost } from './support.ts';

const RECORDINGS = path.join(REFERENCE, 'host-recordings');
const recorded: any[] = existsSync(RECORDINGS)
  ? JSON.parse(readFileSync(path.join(RECORDINGS, 'http.json'), 'utf8')).cases
  : [];

/** What is different on purpose: keys are not checked (as `func start` does), the home page and the admin API are small. */
const DIFFERENT = /^\/(api\/auth(Function|Admin)|admin\/(host\/status|functions)|runtime\/webhooks\/x|$)/;

interface Answer {
  readonly status: number | undefined;
  readonly headers: readonly (readonly string[])[];
  readonly body: string;
}

function comparable(headers: readonly (readonly string[])[]): string[] {
  return headers
    .filter(([name]) => name !== 'Date' && name !== 'Server')
    .map((pair) => pair.join(': '))
    .sort();
}

/** The recorder left out empty objects and ports differ. */
function normal(body: string): unknown {
  const strip = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(strip);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, child]) => [key, strip(child)] as const);
    return Object.fromEntries(
      entries.filter(
        ([, child]) =>
          typeof child !== 'object' || child === null || Array.isArray(child) || Object.keys(child).length > 0,
      ),
    );
  };
  const text = body.replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT');
  try {
    return strip(JSON.parse(text));
  } catch {
    return text;
  }
}

describe.skipIf(recorded.length === 0)('HTTP functions answer as on the real host', () => {
  let host: RunningHost;
  beforeAll(async () => {
    const source = temporaryFolder();
    mkdirSync(path.join(source, 'src/functions'), { recursive: true });
    for (const name of ['host.json', 'package.json'])
      cpSync(path.join(RECORDINGS, 'apps/main', name), path.join(source, name));
    cpSync(path.join(RECORDINGS, 'apps/main/http.js'), path.join(source, 'src/functions/http.js'));
    host = await startHost(installApp(source));
  });
  afterAll(async () => void (await host.end()));

  async function send(request: any): Promise<Answer> {
    const body = typeof request.body === 'object' ? Buffer.from(request.body.base64, 'base64') : request.body;
    const chunked = body === '{"chunked":true}';
    const length = body === undefined || chunked ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    return new Promise((resolve, reject) => {
      const headers = { ...request.headers, ...length };
      const call = http.request(
        { host: '127.0.0.1', port: host.port, path: request.path, method: request.method, headers, agent: false },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk) => chunks.push(chunk));
          answer.on('end', () => {
            const pairs = answer.rawHeaders.flatMap((name, index) =>
              index % 2 === 0 ? [[name, answer.rawHeaders[index + 1] ?? '']] : [],
            );
            resolve({ status: answer.statusCode, headers: pairs, body: Buffer.concat(chunks).toString('utf8') });
          });
        },
      );
      call.on('error', reject);
      if (body !== undefined) call.write(body);
      call.end();
    });
  }

  test.each(
    recorded
      .filter((item) => !DIFFERENT.test(item.request.path))
      .map((item, index) => [`${index} ${item.request.method} ${item.request.path}`, item] as const),
  )('%s', async (_name, { request, response }) => {
    const answer = await send(request);
    expect(answer.status).toBe(response.status);
    expect(comparable(answer.headers)).toEqual(comparable(response.headers));
    if (response.bodyJson !== undefined) expect(normal(answer.body)).toEqual(normal(JSON.stringify(response.bodyJson)));
    else if (typeof response.body === 'string' && request.path !== '/api/bodyBuffer')
      expect(answer.body).toBe(response.body);
  });
});
