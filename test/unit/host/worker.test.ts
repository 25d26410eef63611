import { setTimeout as sleep } from 'node:timers/promises';
import http from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { failingHost, start, startHost, waitFor, writeApp, type RunningHost } from './support.ts';

const MAIN = `
const { app } = require('@azure/functions');
const df = require('durable-functions');
const { existsSync, writeFileSync } = require('node:fs');
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const get = (name, handler) => app.http(name, { methods: ['GET'], handler });
get('ok', async () => ({ body: String(process.pid) }));
get('exit', async () => { process.exit(3); });
get('slow', async () => { await wait(400); return { body: 'slow done' }; });
get('forever', async () => { await wait(60_000); return { body: 'never' }; });
get('rejects', async () => { void Promise.reject(new Error('lost rejection')); await wait(300); return { body: 'survived' }; });
get('throws', async () => { setTimeout(() => { throw new Error('late throw'); }, 5); await wait(300); return { body: 'survived' }; });
df.app.activity('crashesOnce', { handler: async () => {
  if (!existsSync(process.env.MARK)) { writeFileSync(process.env.MARK, ''); process.exit(9); }
  return 'second time';
} });
df.app.activity('long', { handler: async () => { await wait(60_000); } });
df.app.orchestration('crashing', function* (context) { return yield context.df.callActivity('crashesOnce'); });
df.app.orchestration('tooLong', function* (context) {
  try { return yield context.df.callActivity('long'); } catch (error) { return error.message; }
});
`;

/** A request on a connection of its own; status and body, or the error code. */
async function get(host: RunningHost, name: string): Promise<string> {
  return new Promise((resolve) => {
    const request = http.get(`${host.base}/api/${name}`, { agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve(`${response.statusCode} ${text}`));
      response.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
    request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

let host: RunningHost | undefined;
afterEach(async () => {
  await host?.end('SIGKILL');
});

async function run(hostJson: object = {}): Promise<RunningHost> {
  const app = writeApp({ 'main.js': MAIN, 'host.json': JSON.stringify({ version: '2.0', ...hostJson }) });
  host = await startHost(app, { env: { MARK: `${app}.mark` } });
  return host;
}

describe('an app that crashes', () => {
  test('gets a new process: what was running fails, the next call waits for it', async () => {
    const running = await run();
    const before = await get(running, 'ok');
    const slow = get(running, 'slow');
    await sleep(50);
    expect(await get(running, 'exit')).toBe('500 ');
    expect(await slow).toBe('500 ');
    const after = await get(running, 'ok');
    expect(after).toMatch(/^200 \d+$/);
    expect(after).not.toBe(before);
    expect(running.log()).toContain('The app ended its worker process (code 3)');
  });

  test('ends the host with code 0 when it happens for the third time', async () => {
    const running = await run();
    expect(await get(running, 'exit')).toBe('500 ');
    expect(await get(running, 'rejects')).toBe('500 ');
    expect(await get(running, 'ok')).toMatch(/^200/);
    expect(await get(running, 'throws')).toBe('500 ');
    const code = await new Promise((resolve) => {
      if (running.child.exitCode !== null) resolve(running.child.exitCode);
      running.child.once('exit', resolve);
    });
    expect(code).toBe(0);
    expect(await get(running, 'ok')).toBe('ECONNREFUSED');
    expect(running.log()).toContain('late throw');
  });

  test('loses no orchestration: an activity that had not been recorded runs again', async () => {
    const running = await run();
    await start(running, 'crashing', 'c');
    expect((await waitFor(running, 'c')).output).toBe('second time');
  });

  test('is told that a crash while loading ends the host', async () => {
    const log = await failingHost(writeApp({ 'main.js': 'process.exit(0)' }));
    expect(log).toContain('the host ended with 1');
  });
});

describe('a function that exceeds functionTimeout', () => {
  test('is answered with 500 and its process is replaced, which is no crash', async () => {
    const running = await run({ functionTimeout: '00:00:01' });
    for (let round = 0; round < 3; round++) {
      const before = await get(running, 'ok');
      expect(await get(running, 'forever')).toBe('500 ');
      expect(await get(running, 'ok')).not.toBe(before);
    }
    expect(running.log()).toContain('Timeout value of 00:00:01 was exceeded by function: Functions.forever');
  });

  test('fails as an activity, and its orchestration goes on', async () => {
    const running = await run({ functionTimeout: '00:00:01' });
    await start(running, 'tooLong', 't');
    expect((await waitFor(running, 't')).output).toContain('Timeout value of 00:00:01 was exceeded');
  });
});

test('a killed host can be started again at once on the same data', async () => {
  const running = await run();
  const first = running.port;
  await running.end('SIGKILL');
  host = await run();
  expect(host.port).not.toBe(0);
  expect(first).not.toBe(0);
});
