import { describe, expect, test } from 'vitest';
import { crashAt } from './crashes.ts';

/**
 * Proves at a sample of the commit boundaries (all of them: test/full/host/crash.test.ts): a host that is killed with SIGKILL
 * right after any commit ends the scenario in the same state; what was recorded never runs again.
 */
describe('killed right after a commit', () => {
  test('number 2, 9, 17 and 26: the same end, nothing recorded runs again', async () => {
    const outcomes = await Promise.all([[2], [9, 17], [26]].map(async (boundaries) => crashAt(boundaries)));
    expect(outcomes.map(({ crashes, faults }) => ({ crashes, faults }))).toEqual([
      { crashes: 1, faults: [] },
      { crashes: 2, faults: [] },
      { crashes: 1, faults: [] },
    ]);
  }, 60_000);
});
