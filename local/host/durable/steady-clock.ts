import type { Log } from '../core/log.ts';
import type { Environment } from './contracts.ts';

const WORTH_SAYING_MS = 1000;

/**
 * A clock that never goes back, not even behind what an earlier run has written (`floor`, milliseconds since 1970): after the
 * system clock was set back, time goes on from where it was, so that messages stay due and timers keep their length. Set
 * forward, it follows.
 */
export function steadyEnvironment(environment: Environment, floor: number, log: Log): Environment {
  let last = environment.now();
  let ahead = 0;
  const keep = (missing: number): void => {
    ahead += missing;
    if (missing < WORTH_SAYING_MS) return;
    log.write({
      level: 'warning',
      category: 'Host.Durable',
      message: `The system clock is ${Math.round(missing / 1000)} s behind what has been recorded. Orchestrations go on ${Math.round(ahead / 1000)} s ahead of it until the host starts again.`,
    });
  };
  if (last < floor) keep(floor - last);
  const now = (): number => {
    const raw = environment.now();
    if (raw < last) keep(last - raw);
    last = raw;
    return raw + ahead;
  };
  return {
    now,
    after: (delayMs, work) => environment.after(delayMs, work),
    soon: (work) => environment.soon(work),
    newId: (dashed) => environment.newId(dashed),
  };
}
