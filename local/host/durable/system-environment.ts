import { randomUUID } from 'node:crypto';
import type { Environment } from './contracts.ts';

/** The machine's clock, timers and random ids. */
export const systemEnvironment: Environment = {
  now: () => Date.now(),
  after: (delayMs, work) => {
    const timer = setTimeout(work, delayMs);
    return () => clearTimeout(timer);
  },
  soon: (work) => {
    setImmediate(work);
  },
  newId: (dashed) => (dashed ? randomUUID() : randomUUID().replaceAll('-', '')),
};
