import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test } from 'vitest';
import { createLog } from '../../../local/host/core/log.ts';
import { steadyEnvironment } from '../../../local/host/durable/steady-clock.ts';
import {
  failingHost,
  manage,
  start,
  startHost,
  temporaryFolder,
  waitFor,
  writeApp,
  type RunningHost,
} from './support.ts';

const MAIN = `
const df = require('durable-functions');
df.app.activity('echo', { handler: (value) => ({ length: JSON.stringify(value).length }) });
df.app.orchestration('keeps', function* (context) { return yield context.df.callActivity('echo', context.df.getInput()); });
df.app.orchestration('naps', function* (context) {
  yield context.df.createTimer(new Date(context.df.currentUtcDateTime.getTime() + 900));
  return 'rested';
});
`;

let host: RunningHost | undefined;
afterEach(async () => {
  await host?.end('SIGKILL');
  host = undefined;
});

describe('a disk that is full', () => {
  test('refuses what it cannot record, loses nothing it has accepted, and goes on when there is space again', async () => {
    const running = await startHost(writeApp({ 'main.js': MAIN }), { env: { HOST_STORE_LIMIT_MB: '1' } });
    host = running;
    const accepted: string[] = [];
    let refused: Response | undefined;
    for (let index = 0; index < 40 && !refused; index++) {
      const answer = await start(running, 'keeps', `i${index}`, { text: 'x'.repeat(60_000) });
      if (answer.status === 202) accepted.push(`i${index}`);
      else refused = answer;
    }
    expect(refused?.status).toBe(503);
    expect(await refused?.text()).toContain('could not be recorded');
    expect(accepted.length).toBeGreaterThan(2);
    const ended = [];
    for (const id of accepted) {
      const status = await (await manage(running, 'GET', `instances/${id}`)).json();
      if ((status as any).runtimeStatus === 'Completed') ended.push(id);
    }
    for (const id of ended.slice(0, Math.ceil(ended.length / 2))) {
      await waitFor(running, id);
      expect((await manage(running, 'DELETE', `instances/${id}`)).status).toBe(200);
      accepted.splice(accepted.indexOf(id), 1);
    }
    for (const id of accepted) expect((await waitFor(running, id)).runtimeStatus).toBe('Completed');
    expect((await start(running, 'keeps', 'again', 'small')).status).toBe(202);
    expect((await waitFor(running, 'again')).output).toEqual({ length: 7 });
  });
});

describe('a data folder', () => {
  test('that cannot be written is named', async () => {
    const app = writeApp({ 'main.js': MAIN });
    const file = path.join(temporaryFolder(), 'a-file');
    writeFileSync(file, '');
    expect(await failingHost(app, path.join(file, 'data'))).toMatch(/data folder .* cannot be written .* --data/);
    if (process.getuid?.() === 0) return;
    const locked = path.join(temporaryFolder(), 'locked');
    mkdirSync(locked);
    chmodSync(locked, 0o500);
    expect(await failingHost(app, locked)).toMatch(/data folder .* cannot be written .* --data/);
  });

  test('with a torn history file is refused with advice, and the file stays as it is', async () => {
    const app = writeApp({ 'main.js': MAIN });
    const data = path.join(path.dirname(app), 'data');
    host = await startHost(app, { data });
    for (let index = 0; index < 40; index++) await start(host, 'keeps', `t${index}`, 'x'.repeat(2000));
    await waitFor(host, 't39');
    await host.end();
    const file = path.join(data, 'durable.db');
    const torn = readFileSync(file).subarray(0, -6000);
    writeFileSync(file, torn);
    const log = await failingHost(app, data);
    expect(log).toContain('is damaged or cannot be opened');
    expect(log).toContain('Restore it from a copy, or move it away');
    expect(readFileSync(file).length).toBe(torn.length);
  });
});

describe('a clock that is set back', () => {
  const log = createLog(() => {});
  const at = (times: number[]) => ({
    now: () => times.shift() ?? Number.NaN,
    after: () => () => {},
    soon: () => {},
    newId: () => '',
  });

  test('does not take time back: it goes on at its own pace', () => {
    const clock = steadyEnvironment(at([1000, 2000, 500, 700, 100, 400]), 0, log);
    expect([clock.now(), clock.now(), clock.now(), clock.now(), clock.now()]).toEqual([2000, 2000, 2200, 2200, 2500]);
  });

  test('between two runs starts where the last one ended', () => {
    const clock = steadyEnvironment(at([1000, 1000, 1300]), 5000, log);
    expect([clock.now(), clock.now()]).toEqual([5000, 5300]);
  });

  test('holds up neither new orchestrations nor timers', async () => {
    const app = writeApp({ 'main.js': MAIN });
    const data = path.join(path.dirname(app), 'data');
    host = await startHost(app, { data });
    await start(host, 'keeps', 'before', 1);
    await waitFor(host, 'before');
    await host.end();
    // As if this had been written a quarter of an hour later than the clock shows now.
    const database = new DatabaseSync(path.join(data, 'durable.db'));
    database.exec('UPDATE instance SET updated = updated + 900000');
    database.close();
    host = await startHost(app, { data });
    expect(host?.log()).toContain('The system clock is');
    await start(host, 'naps', 'nap');
    expect((await waitFor(host, 'nap')).output).toBe('rested');
  });
});

test('--retention purges what ended long enough ago', async () => {
  host = await startHost(writeApp({ 'main.js': MAIN }), { args: ['--retention', '1s'] });
  await start(host, 'keeps', 'old', 1);
  await waitFor(host, 'old');
  // It is gone once it has been found and then is not found any more.
  expect(await waitFor(host, 'old', (status) => status === undefined)).toBeUndefined();
});

test('a trace context of the caller reaches the orchestration and its activities', async () => {
  const main = `const df = require('durable-functions');
df.app.activity('trace', { handler: (_input, context) => context.traceContext.traceParent });
df.app.orchestration('traced', function* (context) { return [context.traceContext.traceParent, yield context.df.callActivity('trace')]; });`;
  host = await startHost(writeApp({ 'main.js': main }));
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  await fetch(`${host.base}/durabletask/orchestrators/traced/t`, {
    method: 'POST',
    body: '1',
    headers: { traceparent },
  });
  expect((await waitFor(host, 't')).output).toEqual([traceparent, traceparent]);
  await start(host, 'traced', 'u', 1);
  expect((await waitFor(host, 'u')).output).toEqual(['', '']);
});

test('an orchestrator finds its payload among the trigger metadata', async () => {
  const main = `const df = require('durable-functions');
df.app.orchestration('meta', function* (context) { const { isReplaying, upperSchemaVersionNew, input } = context.triggerMetadata; return { isReplaying, upperSchemaVersionNew, input }; });`;
  host = await startHost(writeApp({ 'main.js': main }));
  await start(host, 'meta', 'm', 'text');
  expect((await waitFor(host, 'm')).output).toEqual({ isReplaying: 'False', upperSchemaVersionNew: 3, input: 'text' });
});

test('the doors show steps with sizes and times', async () => {
  host = await startHost(writeApp({ 'main.js': MAIN }));
  await start(host, 'keeps', 'seen', { a: 1 });
  await waitFor(host, 'seen');
  const door = async (name: string): Promise<any> => (await fetch(`${host?.base}/_host/${name}`)).json();
  expect(await door('instances?status=Completed')).toMatchObject([
    { instanceId: 'seen', inputBytes: 7, pendingMessages: 0 },
  ]);
  const history = await door('history?id=seen');
  expect(history.timings).toMatchObject([{ kind: 'activity', name: 'echo', succeeded: true }]);
  expect(history.events.find((event: any) => event.eventName === 'TaskCompleted').payloadBytes).toBe(12);
  expect(await door('state')).toMatchObject({ runningActivities: 0, strictDifferences: 0 });
  expect(await door('queues')).toEqual([]);
});

test('--faithful-timers: the delay is cut to whole seconds, as on Azure Storage; without it no timer is early', async () => {
  const fired = async (args: string[]): Promise<{ early: boolean; events: string[] }> => {
    host = await startHost(writeApp({ 'main.js': MAIN }), { args });
    await start(host, 'naps', 'n');
    await waitFor(host, 'n');
    const { events } = (await (await fetch(`${host.base}/_host/history?id=n`)).json()) as any;
    const timer = events.find((event: any) => event.eventName === 'TimerFired');
    const shown = events.map((event: any) => event.eventName);
    await host.end();
    // The episode that plays it begins when it is delivered.
    const episode = events.findLast((event: any) => event.eventName === 'OrchestratorStarted');
    return { early: Date.parse(episode.Timestamp) < Date.parse(timer.FireAt), events: shown };
  };
  const exact = await fired([]);
  expect(host?.log()).not.toContain('durable trap');
  const faithful = await fired(['--faithful-timers']);
  expect(host?.log()).toContain("durable trap retry-and-early-timers: instance 'n'");
  expect(exact.early).toBe(false);
  expect(faithful.early).toBe(true);
  expect(faithful.events).toEqual(exact.events);
});
