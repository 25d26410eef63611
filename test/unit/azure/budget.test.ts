import { afterEach, describe, expect, it } from 'vitest';
import { type Budget, BudgetDeferral, createBudget } from '#azure/clients/budget.ts';
import { classify } from '#azure/errors/classify.ts';
import { deferredFailure } from '#azure/errors/failure.ts';
import {
  type Bench,
  COMPUTE,
  COMPUTE_VERSION,
  createBench,
  NET,
  NETWORK_VERSION,
  PLATFORM,
} from '../azure-arm/harness.ts';

const read = { method: 'GET', url: `https://management.azure.com${NET}/virtualNetworks/a?api-version=1` };
const write = { method: 'PUT', url: `${NET}/virtualNetworks/a` };
const quiet = { status: 200, header: () => undefined };
const subscription = PLATFORM.split('/')[2] ?? '';

function deferral(run: () => void): number {
  try {
    run();
  } catch (error) {
    if (error instanceof BudgetDeferral) return error.retryAfter;
    throw error;
  }
  return 0;
}

/** How many calls go through before the first is deferred. */
function granted(budget: Budget, call: { method: string; url: string }): number {
  for (let count = 0; count < 10_000; count++) if (deferral(() => budget.take(call)) > 0) return count;
  return Number.POSITIVE_INFINITY;
}

describe('the ARM budget', () => {
  it('stays below the limits of Azure, divided by the number of instances', () => {
    expect(granted(createBudget({ now: () => 0 }), read)).toBe(225);
    expect(granted(createBudget({ now: () => 0 }), { ...read, method: 'DELETE' })).toBe(180);
    expect(granted(createBudget({ now: () => 0, instances: 3 }), read)).toBe(75);
  });

  it('counts reads, writes and subscriptions apart', () => {
    const budget = createBudget({ now: () => 0 });
    granted(budget, read);
    expect(granted(budget, write)).toBe(180);
    expect(granted(budget, { ...read, url: read.url.replace(subscription, 'another') })).toBe(225);
  });

  it('refills in Azure time', () => {
    let now = 0;
    const budget = createBudget({ now: () => now, timeScale: 100 });
    granted(budget, read);
    now += 20;
    expect(granted(budget, read)).toBe(47);
  });

  it('sends deferred calls back one after the other, not all at once', () => {
    const budget = createBudget({ now: () => 0 });
    granted(budget, write);
    const waits = Array.from({ length: 50 }, () => deferral(() => budget.take(write)));
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(waits.at(-1)).toBeGreaterThanOrEqual(5);
  });

  it('believes Azure when it says that less is left, in the headers of either generation', () => {
    for (const name of [
      'x-ms-ratelimit-remaining-subscription-reads',
      'x-ms-ratelimit-remaining-subscription-global-reads',
    ]) {
      const budget = createBudget({ now: () => 0 });
      budget.take(read);
      budget.learn(read, { status: 200, header: (asked) => (asked === name ? '31' : undefined) });
      expect(granted(budget, read)).toBe(6);
    }
  });

  it('keeps quiet for as long as a refusal says, and not for a busy resource', () => {
    let now = 0;
    const budget = createBudget({ now: () => now });
    const refused = { status: 429, header: (name: string) => (name === 'retry-after' ? '17' : undefined) };
    budget.take(read);
    budget.learn(read, { ...refused, body: '{"error":{"code":"RetryableError"}}' });
    expect(deferral(() => budget.take(read))).toBe(0);
    budget.learn(read, { ...refused, body: '{"error":{"code":"SubscriptionRequestsThrottled"}}' });
    expect(deferral(() => budget.take(read))).toBe(17);
    now += 17_001;
    expect(deferral(() => budget.take(read))).toBe(0);
  });

  it('sets a report aside as a whole, and gives back what it did not use', async () => {
    const budget = createBudget({ now: () => 0 });
    await budget.reserve(subscription, { reads: 200 }, async () => {
      for (let count = 0; count < 150; count++) budget.take(read);
      await expect(budget.reserve(subscription, { reads: 30 }, async () => undefined)).rejects.toThrow(BudgetDeferral);
    });
    expect(granted(budget, read)).toBe(75);
  });

  it('limits the calls about one machine', () => {
    const machine = { method: 'GET', url: `${COMPUTE}/virtualMachines/one?api-version=1` };
    const budget = createBudget({ now: () => 0 });
    expect(granted(budget, machine)).toBe(36);
    expect(granted(budget, { ...machine, url: machine.url.replace('one', 'two') })).toBe(36);
    budget.learn(read, quiet);
  });

  it('makes of a deferral a wait that is never given up', () => {
    const context = { key: 'k', attempt: 500, where: 'w', doing: 'do it' };
    expect(classify(deferredFailure(7), context)).toMatchObject({ kind: 'wait', retryAfter: 7, unsent: true });
  });
});

describe('one hundred clusters at once', () => {
  let bench: Bench | undefined;
  afterEach(() => bench?.close());

  /** The calls of one provision: reads of preflight, then reads and writes of resources, polls and looks at machines. */
  function callsOf(cluster: number): { method: string; url: string; body?: object }[] {
    const name = `c${cluster}`;
    const group = { method: 'PUT', body: { location: 'westeurope', properties: {} } };
    const reads = Array.from({ length: 40 }, (_, index) => ({
      method: 'GET',
      url: `${NET}/virtualNetworks/${name}-${index % 5}?${NETWORK_VERSION}`,
    }));
    const writes = Array.from({ length: 9 }, (_, index) => [
      { method: 'GET', url: `${NET}/networkSecurityGroups/${name}-${index}?${NETWORK_VERSION}` },
      { ...group, url: `${NET}/networkSecurityGroups/${name}-${index}?${NETWORK_VERSION}` },
    ]);
    const machines = Array.from({ length: 20 }, () => ({
      method: 'GET',
      url: `${COMPUTE}/virtualMachines/${name}-vm?${COMPUTE_VERSION}`,
    }));
    return [...reads, ...writes.flat(), ...machines];
  }

  it('provoke not one 429 from the simulated Azure, on two instances of the app, and lose little time', async () => {
    bench = createBench();
    const { clock } = bench;
    const budgets = [0, 1].map(() => createBudget({ instances: 2, now: () => clock.now() }));
    const start = clock.now();
    const statuses = new Map<number, number>();
    let total = 0;
    const queue = Array.from({ length: 100 }, (_, cluster) => ({ at: start, calls: callsOf(cluster), cluster }));
    while (queue.length > 0) {
      queue.sort((a, b) => a.at - b.at);
      const next = queue.shift()!;
      if (next.at > clock.now()) clock.advance((next.at - clock.now()) / 1000);
      const budget = budgets[next.cluster % 2]!;
      const [call] = next.calls;
      if (call === undefined) continue;
      const wait = deferral(() => budget.take(call));
      if (wait > 0) {
        queue.push({ ...next, at: clock.now() + wait * 1000 });
        continue;
      }
      const answer = await bench.call(call.method, call.url, call.body);
      budget.learn(call, {
        status: answer.status,
        header: (name) => answer.headers[name],
        body: JSON.stringify(answer.body),
      });
      total += 1;
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      queue.push({ ...next, calls: next.calls.slice(1), at: clock.now() + 100 });
    }
    expect(total).toBe(7800);
    expect(statuses.get(429)).toBeUndefined();
    expect(new Set(statuses.keys())).toEqual(new Set([201, 404]));
    // 6900 reads at 25 a second need 266 s at best, 900 writes of the network provider about as long.
    expect((clock.now() - start) / 1000).toBeLessThan(450);
  });
});
