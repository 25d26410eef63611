import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { QueueServiceClient } from '@azure/storage-queue';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHost } from '../../../local/host/host.ts';
import { DurableStore } from '../../../local/host/durable/store.ts';
import {
  failingHost,
  FIXTURES,
  installApp,
  startAzurite,
  start,
  startHost,
  waitFor,
  temporaryFolder,
  writeApp,
  type RunningHost,
} from './support.ts';

const APP = path.join(FIXTURES, 'triggers-app');

describe('an ESM app with HTTP, queue and timer functions', () => {
  const ticks = path.join(temporaryFolder(), 'ticks');
  let azurite: Awaited<ReturnType<typeof startAzurite>>;
  let queues: QueueServiceClient;
  let host: RunningHost;
  beforeAll(async () => {
    azurite = await startAzurite();
    queues = QueueServiceClient.fromConnectionString(azurite.connection);
    await queues.getQueueClient('intake').createIfNotExists();
    host = await startHost(installApp(APP), {
      env: { AzureWebJobsStorage: azurite.connection, TICKS: ticks, HOST_ALLOWED_NAMES: 'app.test' },
    });
  });
  afterAll(async () => {
    await host.end();
    azurite.stop();
  });

  async function received(queue: string): Promise<string[]> {
    for (let tries = 0; tries < 200; tries++) {
      const answer = await queues
        .getQueueClient(queue)
        .receiveMessages({ numberOfMessages: 32 })
        .catch(() => undefined);
      if (answer && answer.receivedMessageItems.length > 0)
        return answer.receivedMessageItems.map((item) => item.messageText);
      await sleep(50);
    }
    throw new Error(`nothing came to ${queue}: ${host.log()}`);
  }

  test('lists its functions with their routes', () => {
    expect(host.log()).toContain(`hello: httpTrigger [GET,POST] http://127.0.0.1:${host.port}/api/hello/{name?}`);
    expect(host.log()).toContain('intake: queueTrigger intake');
    expect(host.log()).toContain('tick: timerTrigger */1 * * * * *');
  });

  test('answers HTTP by route, method and parameter', async () => {
    const get = async (rest: string, init?: RequestInit) => fetch(`${host.base}/${rest}`, init);
    expect(await (await get('api/hello/you')).json()).toEqual({ name: 'you', text: '' });
    expect(await (await get('API/HELLO', { method: 'POST', body: 'body' })).json()).toEqual({
      name: null,
      text: 'body',
    });
    expect((await get('api/hello', { method: 'PUT' })).status).toBe(404);
    expect(await (await get('site/a/b.js')).text()).toBe('a/b.js');
    expect(await (await get('site')).text()).toBe('index');
    expect((await get('nothing')).status).toBe(204);
    expect((await get('boom')).status).toBe(500);
    expect((await get('none')).status).toBe(404);
    expect(host.log()).toContain('boom');
  });

  test('answers only to its own names', async () => {
    const { request } = await import('node:http');
    const status = async (name: string) =>
      new Promise((resolve) =>
        request({ port: host.port, host: '127.0.0.1', path: '/api/hello', headers: { host: name } }, (answer) =>
          resolve(answer.resume().statusCode),
        ).end(),
      );
    expect(await status('rebound.example:80')).toBe(421);
    expect(await status('app.test')).toBe(200);
    expect(await status(`localhost:${host.port}`)).toBe(200);
  });

  test('takes messages from a queue and writes results to another', async () => {
    await queues.getQueueClient('intake').sendMessage('{"a":1,"o":{"b":true}}');
    const [text] = await received('results');
    expect(JSON.parse(text!)).toMatchObject({ echoed: { a: 1, o: { b: true } }, count: 1 });
    expect(text).toContain('\n  "echoed"');
  });

  test('moves a message that fails again and again to the poison queue', async () => {
    await queues.getQueueClient('intake').sendMessage('{"fail":true}');
    expect(await received('intake-poison')).toEqual(['{"fail":true}']);
    const left = async () => (await queues.getQueueClient('intake').getProperties()).approximateMessagesCount;
    for (let tries = 0; tries < 100 && (await left()) !== 0; tries++) await sleep(20);
    expect(await left()).toBe(0);
  });

  test('runs its timer', async () => {
    let lines: string[] = [];
    for (let tries = 0; tries < 100 && lines.length < 2; tries++) {
      await sleep(50);
      lines = (() => {
        try {
          return readFileSync(ticks, 'utf8').trim().split('\n');
        } catch {
          return [];
        }
      })();
    }
    expect(JSON.parse(lines[0]!)).toEqual({ schedule: { adjustForDST: true }, scheduleStatus: null, isPastDue: false });
    expect(lines.length).toBeGreaterThanOrEqual(2);
  });
});

describe('a stop', () => {
  test('lets a request under way finish and ends with code 0', async () => {
    const host = await startHost(installApp(APP));
    const answer = fetch(`${host.base}/slow`);
    await sleep(150);
    const code = host.end('SIGTERM');
    expect(await (await answer).text()).toBe('done');
    expect(await code).toBe(0);
  });
});

describe('an app that cannot run here', () => {
  test('is refused with the names of the functions whose triggers are not there', async () => {
    const main = `const { app } = require('@azure/functions');
      app.serviceBusQueue('orders', { queueName: 'q', connection: 'x', handler: () => {} });
      app.storageBlob('images', { path: 'a/{name}', connection: 'x', handler: () => {} });`;
    const text = await failingHost(writeApp({ 'main.js': main }));
    expect(text).toContain("function 'orders'");
    expect(text).toContain("function 'images'");
    expect(text).toContain('serviceBusTrigger');
  });

  test('stays up without functions when a file does not load, and says why', async () => {
    const host = await startHost(writeApp({ 'main.js': `throw new Error('no such setting');` }));
    expect(host.log()).toContain('no such setting');
    expect((await fetch(`${host.base}/api/x`)).status).toBe(404);
    await host.end();
  });

  test('is refused with the place of every problem in host.json', async () => {
    const text = await failingHost(
      writeApp({ 'main.js': '', 'host.json': '{"version":"1.0","extensions":{"queues":{"batchSize":99}}}' }),
    );
    expect(text).toContain('version');
    expect(text).toContain('extensions.queues.batchSize');
  });
});

describe('settings', () => {
  test('come from the environment first, then from local.settings.json', async () => {
    const main = `const { app } = require('@azure/functions');
      app.http('show', { handler: () => ({ jsonBody: [process.env.FROM_FILE, process.env.BOTH, process.env.WEBSITE_HOSTNAME, process.cwd().endsWith('app')] }) });`;
    const local = JSON.stringify({ IsEncrypted: false, Values: { FROM_FILE: 'file', BOTH: 'file' } });
    const host = await startHost(writeApp({ 'main.js': main, 'local.settings.json': local }), {
      env: { BOTH: 'environment' },
    });
    expect(await (await fetch(`${host.base}/api/show`)).json()).toEqual([
      'file',
      'environment',
      `127.0.0.1:${host.port}`,
      true,
    ]);
    await host.end();
  });
});

describe('a timer between two runs of the host', () => {
  const app = () =>
    writeApp({
      'main.js': `const { app } = require('@azure/functions');
        globalThis.runs = []; app.timer('yearly', { schedule: '0 0 0 1 1 *', handler: (timer) => { globalThis.runs.push(timer); } });
        app.timer('eager', { schedule: '0 0 0 1 1 *', runOnStartup: true, handler: () => { globalThis.runs.push('eager'); } });`,
    });
  const runs = async (folder: string, data: string, restarted: boolean): Promise<any[]> => {
    const host = await createHost({ app: folder, port: 0, data, settings: {}, restarted });
    await sleep(20);
    await host.stop();
    return (globalThis as any).runs;
  };
  const change = (data: string, times: { last: string; next: string; last_updated: string }): void => {
    const store = new DurableStore(path.join(data, 'durable.db'));
    store.putTimerStatus('yearly', times);
    store.close();
  };

  test('has recorded what it waits for, so that even its very first time can be missed', async () => {
    const data = temporaryFolder();
    expect(await runs(app(), data, true)).toEqual([]);
    const store = new DurableStore(path.join(data, 'durable.db'));
    const status = store.timerStatus('yearly');
    store.close();
    expect(status).toMatchObject({
      last: '0001-01-01T00:00:00+00:00',
      next: expect.stringMatching(/-01-01T00:00:00\+00:00$/),
    });
    change(data, { ...status!, next: '2021-01-01T00:00:00+00:00', last_updated: '2020-05-05T00:00:00+00:00' });
    expect(await runs(app(), data, true)).toMatchObject([
      { isPastDue: true, scheduleStatus: { next: '2021-01-01T00:00:00+00:00' } },
    ]);
  });

  test('has missed nothing when its schedule is another one now', async () => {
    const data = temporaryFolder();
    change(data, {
      last: '2020-05-05T00:00:00+00:00',
      next: '2020-05-06T00:00:00+00:00',
      last_updated: '2020-05-05T00:00:00+00:00',
    });
    expect(await runs(app(), data, true)).toEqual([]);
  });

  test('runs on startup of the host, not of a new worker', async () => {
    expect(await runs(app(), temporaryFolder(), false)).toEqual(['eager']);
  });
});

describe('limits and policies', () => {
  test('a function that takes too long is answered with 500, an activity fails', async () => {
    const main = `const { app } = require('@azure/functions'); const df = require('durable-functions');
      const long = () => new Promise((resolve) => setTimeout(resolve, 60_000));
      app.http('long', { handler: long }); df.app.activity('stuck', { handler: long });
      df.app.orchestration('try', function* (context) { try { yield context.df.callActivity('stuck', {}); } catch (error) { return { text: error.message.split('\\n')[0].trim() }; } });`;
    const host = await startHost(
      writeApp({ 'main.js': main, 'host.json': '{"version":"2.0","functionTimeout":"00:00:01"}' }),
    );
    expect((await fetch(`${host.base}/api/long`)).status).toBe(500);
    await start(host, 'try', 't');
    expect((await waitFor(host, 't')).output.text).toBe(
      "Activity function 'stuck' failed: Timeout value of 00:00:01 was exceeded by function: Functions.stuck",
    );
    await host.end('SIGKILL');
  });

  test('a timer that missed its time while the host was down runs at once, past due', async () => {
    const app = writeApp({
      'main.js': `const { app } = require('@azure/functions'); const { appendFileSync } = require('node:fs');
        app.timer('nightly', { schedule: '0 0 0 1 1 *', runOnStartup: true, handler: (timer) => appendFileSync(process.env.TICKS, JSON.stringify(timer) + '\\n') });`,
    });
    const ticks = path.join(path.dirname(app), 'ticks');
    const env = { TICKS: ticks };
    const data = path.join(path.dirname(app), 'data');
    const first = await startHost(app, { env });
    await sleep(100);
    await first.end();
    const store = new DurableStore(path.join(data, 'durable.db'));
    store.putTimerStatus('nightly', {
      last: '2020-01-01T00:00:00+00:00',
      next: '2021-01-01T00:00:00+00:00',
      last_updated: '2020-01-01T00:00:00+00:00',
    });
    store.close();
    const second = await startHost(app, { env });
    await sleep(100);
    await second.end();
    const [fresh, late] = readFileSync(ticks, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(fresh).toMatchObject({ isPastDue: false, scheduleStatus: { last: '0001-01-01T00:00:00+00:00' } });
    expect(late).toMatchObject({ isPastDue: true, scheduleStatus: { next: '2021-01-01T00:00:00+00:00' } });
  });
});
