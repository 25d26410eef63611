import { expect, test } from 'vitest';
import { crashAt } from '../../unit/host-suites/crashes.ts';

/**
 * Proves for a scenario with fan-out, retries, timer, event, sub-orchestration, entity and continueAsNew: killed with SIGKILL
 * right after every single commit, and right after every single commit of the life after that, it always ends in the same
 * state; a recorded step never runs again, one that was open runs again at most once for each crash.
 */
const AT_ONCE = 3;

async function all(cases: readonly (readonly number[])[]): Promise<string[]> {
  const waiting = [...cases];
  const faults: string[] = [];
  const worker = async (): Promise<void> => {
    for (let boundaries = waiting.shift(); boundaries; boundaries = waiting.shift()) {
      const outcome = await crashAt(boundaries);
      for (const fault of outcome.faults) faults.push(`killed at ${boundaries.join(' and ')}: ${fault}`);
      if (outcome.crashes === 0) faults.push(`killed at ${boundaries.join(' and ')}: it was not killed at all`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, async () => worker()));
  return faults;
}

test('every commit boundary', async () => {
  const whole = await crashAt([]);
  expect(whole.faults).toEqual([]);
  expect(whole.commits).toBeGreaterThan(25);
  // A run without crash commits a little more or less often; the last boundaries may not be reached.
  const boundaries = Array.from({ length: whole.commits - 2 }, (_, index) => index + 1);
  expect(await all(boundaries.map((boundary) => [boundary]))).toEqual([]);
  expect(await all(boundaries.map((boundary) => [boundary, 3]))).toEqual([]);
}, 600_000);
