import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { manage, ROOT, start, startHost, waitFor, writeApp, type RunningHost } from './support.ts';

const MAIN = `
const df = require('durable-functions');
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
let failures = 0;
df.app.activity('echo', { handler: async (input) => ({ got: input }) });
df.app.activity('slow', { handler: async (ms) => { await wait(ms); return ms; } });
df.app.activity('fails', { handler: async () => { throw new Error('no'); } });
df.app.activity('failsOnce', { handler: async (name) => { failures++; if (failures === 1) { await wait(80); throw new Error('once'); } return name + '@' + failures; } });
df.app.entity('broken', (context) => { throw new Error('entity text'); });
const o = df.app.orchestration;
o('unknownActivity', function* (c) { return yield c.df.callActivity('nowhere'); });
o('booleans', function* (c) { return yield c.df.callActivity('echo', true); });
o('clears', function* (c) { c.df.setCustomStatus('text'); yield c.df.callActivity('echo', 1); c.df.setCustomStatus(''); yield c.df.callActivity('echo', 2); return 1; });
o('retryInAll', function* (c) {
  const retry = new df.RetryOptions(1, 3);
  try { yield c.df.Task.all([c.df.callActivity('fails'), c.df.callActivityWithRetry('failsOnce', retry, 'sibling')]); }
  catch { return yield c.df.callActivity('echo', 'after'); }
});
o('twice', function* (c) {
  const tasks = [c.df.callActivity('slow', 20), c.df.callActivity('slow', 200), c.df.callActivity('slow', 300)];
  const winner = yield c.df.Task.any(tasks);
  yield c.df.Task.any(tasks.filter((task) => task !== winner));
  return 1;
});
o('case', function* (c) { return yield c.df.waitForExternalEvent('Go'); });
o('order', function* (c) { const all = [c.df.waitForExternalEvent('go'), c.df.waitForExternalEvent('go')]; return yield c.df.Task.all(all); });
o('textNew', function* (c) { if (c.df.getInput() === 'first') c.df.continueAsNew('next'); return c.df.getInput(); });
o('dropped', function* (c) { if (c.df.getInput() === 2) return 'second'; yield c.df.callActivity('slow', 300); yield c.df.callActivity('slow', 30); c.df.continueAsNew(2); return 1; });
o('retryTimeout', function* (c) {
  const retry = new df.RetryOptions(1, 5); retry.retryTimeoutInMilliseconds = 1;
  return yield c.df.callActivityWithRetry('slowFail', retry);
});
df.app.activity('slowFail', { handler: async () => { await wait(20); throw new Error('no'); } });
o('open', function* (c) { const timer = c.df.createTimer(new Date(c.df.currentUtcDateTime.getTime() + 300)); yield c.df.Task.any([timer, c.df.callActivity('echo', 1)]); return 1; });
o('callsEntity', function* (c) { try { yield c.df.callEntity(new df.EntityId('broken', 'k'), 'op'); } catch (error) { return error.message; } });
o('waits', function* (c) { return yield c.df.waitForExternalEvent('never'); });
o('child', function* (c) { return yield c.df.callActivity('slow', c.df.getInput()); });
o('parentOfTerminated', function* (c) { return yield c.df.callSubOrchestrator('waits', undefined, 'the-child'); });
o('sameIds', function* (c) { return yield c.df.Task.all([1, 2, 3].map((n) => c.df.callSubOrchestrator('child', n, 'same'))); });
o('throwsNothing', function* (c) { yield c.df.callActivity('echo', 1); throw undefined; });
o('throwsText', function* () { throw 'only a text'; });
o('parentOfWaiting', function* (c) { return yield c.df.callSubOrchestrator('waits', undefined, 'left-alone'); });
df.app.entity('box', (context) => context.df.return(1));
const box = (key) => new df.EntityId('box', key);
o('failsLocked', function* (c) { yield c.df.lock(box('kept')); throw new Error('in the lock'); });
o('renewsLocked', function* (c) { const left = c.df.getInput(); yield c.df.lock(box('given')); if (left > 0) c.df.continueAsNew(left - 1); return left; });
o('locks', function* (c) { const lock = yield c.df.lock(box(c.df.getInput())); lock.release(); return 'locked'; });
o('grandparent', function* (c) { try { yield c.df.callSubOrchestrator('parentOfTerminated', undefined, 'the-parent'); } catch (error) { return error.message.slice(0, 36); } });
o('idInUse', function* (c) { return yield c.df.callSubOrchestrator('child', 1, c.df.getInput()); });
o('random', function* (c) { yield c.df.callActivity('echo', Math.random()); return Math.random(); });
`;

let host: RunningHost;
beforeAll(async () => {
  host = await startHost(writeApp({ 'main.js': MAIN }), { args: ['--strict'] });
});
afterAll(async () => {
  // --strict has found one: the exit code says so.
  expect(await host.end()).toBe(1);
});

/** Waits for the named warning of an instance. */
async function warned(trap: string, id: string): Promise<void> {
  const text = new RegExp(`durable trap ${trap}: instance '${id}'.*docs/durable-traps.md#${trap}`);
  for (let tries = 0; tries < 300 && !text.test(host.log()); tries++) await sleep(20);
  expect(host.log()).toMatch(text);
}

async function begin(name: string, id: string, input?: unknown, query?: string): Promise<void> {
  expect((await start(host, name, id, input, query)).status).toBe(202);
}

describe('behaviour of the real engine that bites is reproduced and named', () => {
  test.each([
    ['not-scheduled', 'unknownActivity', undefined],
    ['retry-timeout', 'retryTimeout', undefined],
  ])('%s leaves the instance Running', async (trap, name) => {
    await begin(name, trap);
    await warned(trap, trap);
    expect((await waitFor(host, trap, (status) => status !== undefined)).runtimeStatus).toBe('Running');
  });

  test('boolean-input: the handler gets a text', async () => {
    await begin('booleans', 'b');
    expect((await waitFor(host, 'b')).output).toEqual({ got: 'True' });
    await warned('boolean-input', 'b');
  });

  test('custom-status-cleared', async () => {
    await begin('clears', 'clear');
    expect((await waitFor(host, 'clear')).customStatus).toBeNull();
    await warned('custom-status-cleared', 'clear');
  });

  test('retry-in-all: the call in the catch block gets the result of the sibling', async () => {
    await begin('retryInAll', 'ria');
    expect((await waitFor(host, 'ria')).output).not.toEqual({ got: 'after' });
    await warned('retry-in-all', 'ria');
  });

  test('task-used-twice', async () => {
    await begin('twice', 'two');
    await warned('task-used-twice', 'two');
  });

  test('event-case: the engine consumes what the SDK does not', async () => {
    await begin('case', 'case');
    await waitFor(host, 'case', (status) => status?.runtimeStatus === 'Running');
    await manage(host, 'POST', 'instances/case/raiseEvent/GO', 1);
    await warned('event-case', 'case');
  });

  test('event-order', async () => {
    await begin('order', 'order');
    await waitFor(host, 'order', (status) => status?.runtimeStatus === 'Running');
    for (const n of [1, 2]) await manage(host, 'POST', 'instances/order/raiseEvent/go', n);
    expect((await waitFor(host, 'order')).output).toEqual([2, 1]);
    await warned('event-order', 'order');
  });

  test('continue-as-new-text', async () => {
    await begin('textNew', 'tn', 'first');
    expect((await waitFor(host, 'tn')).output).toBe('"next"');
    await warned('continue-as-new-text', 'tn');
  });

  test('continue-as-new-drops-events', async () => {
    await begin('dropped', 'drop', 1);
    await waitFor(host, 'drop', (status) => status?.runtimeStatus === 'Running');
    await manage(host, 'POST', 'instances/drop/raiseEvent/early', 1);
    await waitFor(host, 'drop');
    await warned('continue-as-new-drops-events', 'drop');
  });

  test('open-tasks: an un-cancelled timer keeps the instance Running', async () => {
    await begin('open', 'open');
    await waitFor(host, 'open');
    await warned('open-tasks', 'open');
  });

  test('entity-error-text', async () => {
    await begin('callsEntity', 'ee');
    expect((await waitFor(host, 'ee')).output).toContain('[object Object]');
    await warned('entity-error-text', '@broken@k');
  });

  test('terminated-child fails its parent', async () => {
    await begin('grandparent', 'pot');
    await waitFor(host, 'the-child', (status) => status?.runtimeStatus === 'Running');
    await manage(host, 'POST', 'instances/the-child/terminate?reason=x');
    expect((await waitFor(host, 'the-parent')).output).toContain('Non-Deterministic');
    await warned('terminated-child', 'the-child');
    await warned('non-determinism', 'the-parent');
    // One level higher it is a failure like any other.
    expect((await waitFor(host, 'pot')).output).toBe('Non-Deterministic workflow detected:');
  });

  test('waits-for-ever: nothing was thrown, nothing is open, nothing happens', async () => {
    await begin('throwsNothing', 'nothing');
    await warned('waits-for-ever', 'nothing');
    expect((await waitFor(host, 'nothing', (status) => status !== undefined)).runtimeStatus).toBe('Running');
  });

  test('error-without-text', async () => {
    await begin('throwsText', 'text');
    expect((await waitFor(host, 'text')).output).toContain('One or more errors occurred.');
    await warned('error-without-text', 'text');
  });

  test('terminate-leaves-children: the child goes on', async () => {
    await begin('parentOfWaiting', 'pow');
    await waitFor(host, 'left-alone', (status) => status?.runtimeStatus === 'Running');
    await manage(host, 'POST', 'instances/pow/terminate');
    expect((await waitFor(host, 'pow')).output).toBeNull();
    await warned('terminate-leaves-children', 'pow');
    expect((await waitFor(host, 'left-alone', () => true)).runtimeStatus).toBe('Running');
  });

  test('lock-kept: a failed orchestration keeps its lock, one that returns or goes on anew does not', async () => {
    await begin('renewsLocked', 'renews', 2);
    expect((await waitFor(host, 'renews')).output).toBe(0);
    await begin('locks', 'gets', 'given');
    expect((await waitFor(host, 'gets')).output).toBe('locked');
    await begin('failsLocked', 'keeps');
    expect((await waitFor(host, 'keeps')).runtimeStatus).toBe('Failed');
    await warned('lock-kept', 'keeps');
    const row: any = await (await manage(host, 'GET', 'instances/@box@kept')).json();
    expect(row.customStatus).toMatchObject({ lockedBy: 'keeps' });
  });

  test('same-child-id: three children with one id run one after the other', async () => {
    await begin('sameIds', 'si');
    expect((await waitFor(host, 'si')).output).toEqual([1, 2, 3]);
    await warned('same-child-id', 'si');
  });

  test('child-id-in-use: the parent waits for ever', async () => {
    await begin('waits', 'other');
    await waitFor(host, 'other', (status) => status?.runtimeStatus === 'Running');
    await begin('idInUse', 'inuse', 'other');
    await warned('child-id-in-use', 'inuse');
  });

  test('version-rejected: a start with a version stays Pending', async () => {
    await begin('booleans', 'v2', undefined, '?version=2.0');
    await warned('version-rejected', 'v2');
    expect((await waitFor(host, 'v2', (status) => status !== undefined)).runtimeStatus).toBe('Pending');
    expect((await manage(host, 'POST', 'instances/v2/terminate?reason=x')).status).toBe(202);
    expect(await waitFor(host, 'v2')).toMatchObject({ runtimeStatus: 'Terminated', output: 'x' });
  });

  test('not-deterministic: --strict finds an orchestrator that rolls dice', async () => {
    await begin('random', 'dice');
    await waitFor(host, 'dice');
    await warned('not-deterministic', 'dice');
  });
});

test('every named warning has its section in docs/durable-traps.md', () => {
  const folder = path.join(ROOT, 'local/host');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const source = files.map((file) => readFileSync(path.join(folder, file), 'utf8')).join('\n');
  const called = [...source.matchAll(/\.(?:warn|trap)\(\s*'([a-z-]+)'/g)].map((match) => match[1] ?? '');
  const written = [...source.matchAll(/docs\/durable-traps\.md#([a-z-]+)/g)].map((match) => match[1] ?? '');
  const page = readFileSync(path.join(ROOT, 'docs/durable-traps.md'), 'utf8');
  const sections = new Set([...page.matchAll(/^## ([a-z-]+)$/gm)].map((match) => match[1]));
  expect(called.length).toBeGreaterThan(15);
  for (const trap of [...called, ...written]) expect(sections, trap).toContain(trap);
});
