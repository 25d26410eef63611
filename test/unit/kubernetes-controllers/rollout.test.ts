import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { nextStep, rolloutBounds } from '#local/kubernetes/controllers/cluster-api/rollout.ts';

const deployment = (replicas: number, maxSurge: number | string, maxUnavailable: number | string): any => ({
  spec: { replicas, rollout: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } } } },
});

test('percentages: surge is rounded up, unavailable down; without any, one more and none less', () => {
  expect(rolloutBounds(deployment(5, '25%', '25%'))).toEqual({ surge: 2, unavailable: 1 });
  expect(rolloutBounds({ spec: { replicas: 3 } } as any)).toEqual({ surge: 1, unavailable: 0 });
});

test('expand first adds before it removes; contract first removes before it adds', () => {
  const counts = { wanted: 3, current: { replicas: 0, ready: 0 }, old: { replicas: 3, ready: 3 } };
  expect(nextStep(counts, { surge: 1, unavailable: 0 })).toEqual({ grown: 1, shrink: 0 });
  expect(nextStep(counts, { surge: 0, unavailable: 1 })).toEqual({ grown: 0, shrink: 1 });
});

test('old machines that are not ready go first', () => {
  const counts = { wanted: 3, current: { replicas: 1, ready: 1 }, old: { replicas: 3, ready: 2 } };
  expect(nextStep(counts, { surge: 1, unavailable: 0 })).toEqual({ grown: 1, shrink: 1 });
});

test('every rollout ends, within its bounds at every step', () => {
  const arbitrary = fc.record({
    wanted: fc.integer({ min: 0, max: 12 }),
    before: fc.integer({ min: 0, max: 12 }),
    surge: fc.integer({ min: 0, max: 4 }),
    unavailable: fc.integer({ min: 0, max: 4 }),
  });
  fc.assert(
    fc.property(arbitrary, ({ wanted, before, surge, unavailable }) => {
      fc.pre(surge + unavailable > 0);
      let current = 0;
      let old = before;
      for (let step = 0; step < 80 && !(current === wanted && old === 0); step += 1) {
        const counts = { wanted, current: { replicas: current, ready: current }, old: { replicas: old, ready: old } };
        const { grown, shrink } = nextStep(counts, { surge, unavailable });
        expect(grown + old).toBeLessThanOrEqual(Math.max(wanted + surge, current + old));
        expect(current + old - shrink).toBeGreaterThanOrEqual(Math.min(wanted - unavailable, current + old));
        expect(shrink).toBeLessThanOrEqual(old);
        current = grown;
        old -= shrink;
      }
      expect({ current, old }).toEqual({ current: wanted, old: 0 });
    }),
  );
});
