import { describe, expect, it } from 'vitest';
import { callsOf, cellsOf, faults, ruleOf, sample, templateOf } from './cells.ts';
import { runMatrix, summary } from './matrix.ts';

/**
 * Fault at every call, a reproducible sample: a small provision for each (call, fault), several at once. Everything:
 * `npm run test:faults`.
 */
const wanted = 150;
const budget = 150_000;

describe('a fault at any call to Azure', () => {
  it('leaves the cluster Ready, or Failed with a registered code and a remedy', { timeout: 900_000 }, async () => {
    const started = performance.now();
    let total = 0;
    const { verdicts, chosen, unmodelled } = await runMatrix(
      (calls) => {
        const all = cellsOf(calls);
        total = all.length;
        return sample(all, wanted, 5);
      },
      { atOnce: 6, perStack: 48, budget },
    );
    console.log(summary(verdicts, chosen, total, (performance.now() - started) / 1000));
    const wrong = verdicts.filter((verdict) => verdict.ended === 'wrong');
    expect(
      wrong.map(({ cell, detail }) => `${cell.fault} @ ${cell.call.method} ${cell.call.template}: ${detail}`),
    ).toEqual([]);
    expect(unmodelled).toEqual([]);
    // Slow machines run fewer cells, but never none.
    expect(verdicts.length).toBeGreaterThan(10);
  });
});

describe('the cells', () => {
  const group = 'g';
  const id = (rest: string) => `/subscriptions/s/resourceGroups/${group}/providers/${rest}`;

  it('are the same for calls that differ in a name or in the number of a poll', () => {
    expect(templateOf(id('Microsoft.Network/virtualNetworks/a'), group)).toBe(
      '/subscriptions/{}/resourceGroups/{group}/providers/Microsoft.Network/virtualNetworks/{}',
    );
    expect(templateOf('/subscriptions/s/providers/Microsoft.Network/locations/westeurope/operations/123', group)).toBe(
      '/subscriptions/{}/providers/Microsoft.Network/locations/{}/operations/{}',
    );
    const entry = (path: string) => ({
      service: 'arm',
      method: 'GET',
      path,
      status: 200,
      caller: '44444444-4444-4444-8444-444444444444',
    });
    const calls = callsOf(
      [entry(id('A.B/c/1')), entry(id('A.B/c/2')), { ...entry(id('A.B/d/1')), caller: 'x' }],
      group,
    );
    expect(calls).toHaveLength(1);
    expect(cellsOf(calls).length).toBeGreaterThan(10);
    expect(cellsOf(calls).length).toBeLessThan(Object.keys(faults).length);
  });

  it('are aimed at one cluster, and chosen reproducibly', () => {
    const [cell] = cellsOf([{ method: 'PUT', template: templateOf(id('A.B/c/1'), group) }]);
    const { match } = ruleOf(cell!, 'other') as { match: { path: string } };
    expect(new RegExp(match.path, 'i').test(id('A.B/c/9').replace('/g/', '/other/'))).toBe(true);
    expect(new RegExp(match.path, 'i').test(id('A.B/c/9'))).toBe(false);
    const many = cellsOf([{ method: 'GET', template: '/a/{}' }]);
    expect(sample(many, 5, 3)).toEqual(sample(many, 5, 3));
    expect(sample(many, 5, 3)).not.toEqual(sample(many, 5, 4));
  });
});
