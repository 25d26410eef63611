import { setTimeout as sleep } from 'node:timers/promises';

/** AzCopy begins with 4 Gbit/s and takes 0.65 of it after a refusal (azure-behaviour.md §2, What AzCopy does). */
const firstRate = 4e9 / 8;
const slowDown = 0.65;
const slowestRate = 1024 * 1024;
/** Recovery per second: quickly towards the rate that was refused last, slowly above. */
const recovery = 1.05;
const carefulRecovery = 1.01;
/** A page blob takes 500 requests or 60 MiB a second: one request weighs as much as so many bytes (azure-behaviour.md §2, Limits). */
const requestWeight = (60 * 1024 * 1024) / 500;

/** What a pacer needs of time; tests bring their own. */
export interface PacerTime {
  now(): number;
  sleep(milliseconds: number): Promise<void>;
}

/** Spreads the operations on one destination blob so that Azure does not have to refuse them. */
export interface Pacer {
  /** Waits for the turn of an operation of so many bytes; returns the mark to give to `refused`. */
  turn(bytes: number): Promise<number>;
  /**
   * Azure answered 503 to the operation with this mark. Operations that began before the last slow-down do not slow
   * down again: they say nothing about the new rate (AzCopy waits 20 s for the same reason).
   */
  refused(mark: number): void;
  /** Bytes per second. */
  rate(): number;
}

const wallTime: PacerTime = {
  now: () => performance.now(),
  sleep: async (milliseconds) => {
    await sleep(milliseconds);
  },
};

/** One pacer per destination blob; it learns the rate from the refusals. */
export function createPacer(time: PacerTime = wallTime): Pacer {
  let rate = firstRate;
  let refusedRate = Number.POSITIVE_INFINITY;
  let mark = 0;
  let next = time.now();
  let grownAt = next;
  const grow = (now: number): void => {
    if (mark === 0) return;
    const factor = rate < refusedRate * 0.9 ? recovery : carefulRecovery;
    rate = Math.min(firstRate, rate * factor ** ((now - grownAt) / 1000));
    grownAt = now;
  };
  return {
    async turn(bytes) {
      const now = time.now();
      grow(now);
      const begin = Math.max(next, now);
      next = begin + (Math.max(bytes, requestWeight) / rate) * 1000;
      if (begin > now) await time.sleep(begin - now);
      return mark;
    },
    refused(given) {
      if (given !== mark) return;
      const now = time.now();
      grow(now);
      refusedRate = rate;
      rate = Math.max(slowestRate, rate * slowDown);
      grownAt = now;
      mark += 1;
    },
    rate: () => rate,
  };
}
