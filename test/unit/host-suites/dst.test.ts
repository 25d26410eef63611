import { expect, test } from 'vitest';
import { stormTwice } from './storm.ts';

/**
 * Proves, for many seeds: whatever the order and the delays of messages, whenever the process dies and however the clock jumps,
 * every accepted start ends as planned, no result is recorded twice, time in a history never goes back, locks are given back,
 * and the same seed gives the same log.
 */
const SEEDS = 200;
const GROUP = 25;

test.each(Array.from({ length: SEEDS / GROUP }, (_, index) => 1 + index * GROUP))(
  `storms from seed %i end as planned, twice alike`,
  async (first) => {
    for (let seed = first; seed < first + GROUP; seed++) {
      const { faults } = await stormTwice(seed);
      expect(faults, `npm run test:dst -- --seed ${seed}`).toEqual([]);
    }
  },
);
