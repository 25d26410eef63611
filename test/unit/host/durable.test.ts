import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  failingHost,
  FIXTURES,
  installApp,
  manage,
  start,
  startHost,
  temporaryFolder,
  waitFor,
  type RunningHost,
} from './support.ts';

const APP = path.join(FIXTURES, 'durable-app');

async function run(host: RunningHost, name: string, id: string, input?: unknown): Promise<any> {
  expect((await start(host, name, id, input)).status).toBe(202);
  return waitFor(host, id);
}

describe('orchestrations', () => {
  let host: RunningHost;
  beforeAll(async () => {
    host = await startHost(installApp(APP));
  });
  afterAll(async () => {
    expect(await host.end()).toBe(0);
  });

  test('fan out and in', async () => {
    const status = await run(host, 'fanOut', 'fan', { n: 50 });
    expect(status).toMatchObject({
      name: 'fanOut',
      runtimeStatus: 'Completed',
      output: { sum: 40_425 },
      input: { n: 50 },
    });
  });

  test('retry on the host until the attempts are used up', async () => {
    expect((await run(host, 'retry', 'retry-ok', { key: 'a', fails: 2, attempts: 3 })).output).toEqual({ count: 3 });
    expect((await run(host, 'retry', 'retry-bad', { key: 'b', fails: 9, attempts: 2 })).output).toEqual({
      caught: "Activity function 'flaky' failed: failure 2",
    });
  });

  test('run children with ids made from the parent execution', async () => {
    const status = await run(host, 'parent', 'parent');
    expect(status.output).toEqual({ sums: [0, 1, 5], id: 'parent' });
    const all: any = await (await manage(host, 'GET', 'instances?top=1000')).json();
    expect(all.filter((item: any) => /^[0-9a-f-]{36}:[012]$/.test(item.instanceId))).toHaveLength(3);
  });

  test('wait for timers, never less than asked', async () => {
    const status = await run(host, 'timer', 'timer', { ms: 150 });
    expect(status.output.waited).toBeGreaterThanOrEqual(150);
  });

  test('end with the event and not with the cancelled timer', async () => {
    await start(host, 'eventOrTimer', 'event');
    await waitFor(host, 'event', (status) => status?.customStatus?.waiting === true);
    expect((await manage(host, 'POST', 'instances/event/raiseEvent/go', { a: 1 })).status).toBe(202);
    expect((await waitFor(host, 'event')).output).toEqual({ got: { a: 1 } });
    expect((await manage(host, 'POST', 'instances/event/raiseEvent/go', 1)).status).toBe(410);
  });

  test('continue as new with a fresh history', async () => {
    expect((await run(host, 'generations', 'generations', { left: 4, total: 0 })).output).toEqual({ total: 30 });
    const rows: any = await (await fetch(`${host.base}/_host/instances?prefix=generations`)).json();
    expect(rows[0].historyEvents).toBeLessThan(10);
  });

  test('hand values to activities the way the real extension does', async () => {
    const { output } = await run(host, 'values', 'values');
    expect(output.out).toEqual([
      { type: 'string', input: 'True' },
      { type: 'string', input: 'text' },
      { type: 'string', input: '123' },
      { type: 'number', input: 7 },
      { type: 'undefined', input: 'undefined' },
      { type: 'object', input: { a: 1 } },
    ]);
  });

  test('call and lock entities', async () => {
    const steps = await Promise.all([1, 2, 3].map(async (n) => run(host, 'locked', `locked-${n}`)));
    expect(steps.map((status) => status.output)).toEqual([{ step: 1 }, { step: 1 }, { step: 1 }]);
    expect(await (await manage(host, 'GET', 'entities/counter/shared')).json()).toBe(3);
  });

  test('stay Running with a named warning when an activity is unknown', async () => {
    await start(host, 'unknownActivity', 'lost');
    await waitFor(host, 'lost', (status) => status?.runtimeStatus === 'Running');
    await sleep(50);
    expect(host.log()).toContain("durable trap not-scheduled: instance 'lost': 'missing' was not scheduled");
    expect((await manage(host, 'POST', 'instances/lost/terminate?reason=enough')).status).toBe(202);
    expect(await waitFor(host, 'lost')).toMatchObject({ runtimeStatus: 'Terminated', output: 'enough' });
  });

  test('fail with the names of what is known when the orchestrator is unknown', async () => {
    const status = await run(host, 'nobody', 'nobody');
    expect(status.runtimeStatus).toBe('Failed');
    expect(status.output).toContain("Orchestrator function 'nobody' failed: The function 'nobody' doesn't exist");
    expect((await run(host, 'throws', 'throws')).output).toBe(
      "Orchestrator function 'throws' failed: broken on purpose",
    );
  });

  test('are started and awaited through the durable client', async () => {
    const response = await fetch(`${host.base}/api/begin/by-client`, { method: 'POST', body: '{"n":3}' });
    expect(await response.json()).toEqual({ sum: 5 });
  });

  test('make HTTP calls of their own', async () => {
    expect((await run(host, 'calls', 'calls', { base: host.base })).output).toEqual({
      status: 201,
      content: 'got text',
    });
  });

  test('cannot be started by a page of another site', async () => {
    const headers = { origin: 'https://evil.example' };
    expect(
      (await fetch(`${host.base}/durabletask/orchestrators/throws/evil`, { method: 'POST', headers })).status,
    ).toBe(403);
    expect((await manage(host, 'GET', 'instances/evil')).status).toBe(404);
  });

  test('suspend, hold back and resume', async () => {
    await start(host, 'sequence', 'paused', { n: 30 });
    await waitFor(host, 'paused', (status) => status?.runtimeStatus === 'Running');
    await manage(host, 'POST', 'instances/paused/suspend?reason=wait');
    expect(await waitFor(host, 'paused', (status) => status.runtimeStatus === 'Suspended')).toMatchObject({
      output: 'wait',
    });
    expect((await manage(host, 'POST', 'instances/paused/suspend')).status).toBe(500);
    await manage(host, 'POST', 'instances/paused/resume?reason=go');
    expect((await waitFor(host, 'paused')).output.seen).toHaveLength(30);
  });
});

describe('the management API', () => {
  let host: RunningHost;
  beforeAll(async () => {
    host = await startHost(installApp(APP));
    for (const id of ['l0', 'l1', 'l2']) await run(host, 'fanOut', id, { n: 1 });
  });
  afterAll(async () => void (await host.end()));

  test('pages through instances', async () => {
    const first = await manage(host, 'GET', 'instances?instanceIdPrefix=l&top=2');
    expect(((await first.json()) as any[]).map((item) => item.instanceId)).toEqual(['l0', 'l1']);
    const token = first.headers.get('x-ms-continuation-token') ?? '';
    const url = `${host.base}/durabletask/instances?instanceIdPrefix=l&top=2`;
    const second = await fetch(url, { headers: { 'x-ms-continuation-token': token } });
    expect(((await second.json()) as any[]).map((item) => item.instanceId)).toEqual(['l2']);
    expect(second.headers.get('x-ms-continuation-token')).toBe('');
  });

  test('answers with the recorded status codes', async () => {
    await start(host, 'eventOrTimer', 'code');
    expect((await start(host, 'eventOrTimer', 'code')).status).toBe(409);
    const running = await manage(host, 'GET', 'instances/code');
    expect([running.status, running.headers.get('retry-after')]).toEqual([202, '5']);
    expect((await manage(host, 'DELETE', 'instances/code')).status).toBe(412);
    expect((await manage(host, 'POST', 'instances/code/rewind')).status).toBe(412);
    expect((await manage(host, 'POST', 'instances/code/raiseEvent/go')).status).toBe(400);
    expect((await manage(host, 'POST', 'instances/nope/raiseEvent/go', 1)).status).toBe(404);
    expect((await manage(host, 'POST', 'instances/nope/terminate')).status).toBe(404);
    expect((await manage(host, 'GET', 'instances/code?taskHub=other')).status).toBe(404);
    expect((await manage(host, 'DELETE', 'instances?runtimeStatus=Completed')).status).toBe(400);
    expect(await (await manage(host, 'DELETE', 'instances/l0')).json()).toEqual({ instancesDeleted: 1 });
    expect((await manage(host, 'GET', 'instances/l0')).status).toBe(404);
    expect((await start(host, 'fanOut', 'l1', { n: 2 })).status).toBe(202);
    expect((await start(host, 'fanOut', 'wait', { n: 2 }, '?timeout=5&pollingInterval=1')).status).toBe(200);
    expect((await start(host, 'fanOut', 'no-wait', { n: 2 }, '?timeout=5')).status).toBe(202);
  });

  test('rewinds a failed instance in place', async () => {
    await run(host, 'retry', 'base', { key: 'r', fails: 0, attempts: 1 });
    expect((await run(host, 'throws', 'again')).runtimeStatus).toBe('Failed');
    expect((await manage(host, 'POST', 'instances/again/rewind?reason=fixed')).status).toBe(202);
    expect((await waitFor(host, 'again')).runtimeStatus).toBe('Failed');
    const { events }: any = await (await fetch(`${host.base}/_host/history?id=again`)).json();
    expect(events.filter((event: any) => event.EventType === 17)).toHaveLength(2);
  });

  test('leaves a version that is too new in the queue and says so', async () => {
    await start(host, 'fanOut', 'new', { n: 1 }, '?version=2.0');
    await sleep(100);
    expect(await waitFor(host, 'new', (status) => status !== undefined)).toMatchObject({
      runtimeStatus: 'Pending',
      version: '2.0',
    });
    expect(host.log()).toContain('durable trap version-rejected');
  });
});

describe('after a crash', () => {
  test('an instance goes on where it was, and no recorded activity runs again', async () => {
    const app = installApp(APP);
    const journal = path.join(path.dirname(app), 'journal');
    let host = await startHost(app, { env: { JOURNAL: journal } });
    await start(host, 'sequence', 'long', { n: 40 });
    for (let crash = 0; crash < 3; crash++) {
      const before = existsSync(journal) ? readFileSync(journal, 'utf8').split('\n').length : 0;
      while (!existsSync(journal) || readFileSync(journal, 'utf8').split('\n').length < before + 6) await sleep(5);
      await host.end('SIGKILL');
      host = await startHost(app, { env: { JOURNAL: journal } });
    }
    const status = await waitFor(host, 'long');
    expect(status.output.seen).toEqual(Array.from({ length: 40 }, (_, n) => n));
    const runs = readFileSync(journal, 'utf8').trim().split('\n');
    // One activity at most was under way at each crash.
    expect(runs.length).toBeLessThanOrEqual(43);
    await host.end();
  });

  test('timers, children, entities and generations go on as well', async () => {
    const app = installApp(APP);
    let host = await startHost(app);
    const ids = Array.from({ length: 8 }, (_, n) => `all-${n}`);
    for (const id of ids) await start(host, 'everything', id);
    for (let crash = 0; crash < 4; crash++) {
      await sleep(40);
      await host.end('SIGKILL');
      host = await startHost(app);
    }
    for (const id of ids) {
      const status = await waitFor(host, id);
      expect(status.output).toEqual({ first: 5, child: { total: 5 }, flaky: { n: 9, square: 81 }, count: 5 });
    }
    await host.end();
  });
});

describe('the data folder', () => {
  test('belongs to one host at a time', async () => {
    const app = installApp(APP);
    const host = await startHost(app);
    expect(await failingHost(app)).toContain('Another host is running with the data folder');
    await host.end();
    await (await startHost(app)).end();
  });

  test('with a damaged history is refused and left alone', async () => {
    const data = temporaryFolder();
    const file = path.join(data, 'durable.db');
    writeFileSync(file, 'this is not a database, it only looks like one'.repeat(100));
    const before = readFileSync(file);
    expect(await failingHost(installApp(APP), data)).toContain('is damaged or cannot be opened');
    expect(readFileSync(file).equals(before)).toBe(true);
  });
});
