import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Checkpoints } from '#local/host/durable/checkpoints.ts';
import { DurableStore } from '#local/host/durable/store.ts';

let folder = '';
let file = '';

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'checkpoints-'));
  file = path.join(folder, 'durable.db');
});

afterEach(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }));

const BATCH = 400;
const EVENT = JSON.stringify({ text: 'x'.repeat(20_000) });
const logSize = (): number => statSync(`${file}-wal`).size;

function commit(store: DurableStore, batch: number): void {
  for (let n = 0; n < BATCH; n++) store.transaction(() => store.appendHistory('one', batch * BATCH + n, EVENT));
}

test('the log is moved into the file while commits go on, and starts over', async () => {
  const store = new DurableStore(file);
  const checkpoints = new Checkpoints(store, file);
  const written = [];
  // 24 MiB of log per batch would pass the store's own limit of 128 MiB with the sixth.
  for (let batch = 0; batch < 5; batch++) {
    commit(store, batch);
    const moved = statSync(file).size;
    for (let tries = 0; tries < 500 && statSync(file).size === moved; tries++) await sleep(10);
    await sleep(50);
    written.push(logSize());
  }
  expect(written.at(-1)).toBeLessThan((written[0] ?? 0) * 3);
  checkpoints.close();
  store.close();
  const again = new DurableStore(file);
  expect(again.history('one')).toHaveLength(5 * BATCH);
  again.close();
});

test('a store without its checkpoint thread moves the log itself', () => {
  const store = new DurableStore(file);
  store.leaveCheckpoints(() => {});
  commit(store, 0);
  const left = logSize();
  store.takeCheckpoints();
  for (let batch = 1; batch < 5; batch++) commit(store, batch);
  expect(logSize()).toBeLessThan(left * 2.5);
  expect(statSync(file).size).toBeGreaterThan(EVENT.length * 3 * BATCH);
  store.close();
});

test('the next store opens at once, while the thread of the one before still lets go of the file', async () => {
  for (let round = 1; round <= 25; round++) {
    const fresh = path.join(folder, `${round}.db`);
    const store = new DurableStore(fresh);
    const checkpoints = new Checkpoints(store, fresh);
    for (let n = 0; n < 2 * BATCH; n++) store.transaction(() => store.appendHistory('one', n, EVENT.slice(0, 500)));
    await sleep(30);
    checkpoints.close();
    store.close();
    const next = new DurableStore(fresh);
    expect(next.history('one')).toHaveLength(2 * BATCH);
    next.close();
    await sleep(10);
  }
});
