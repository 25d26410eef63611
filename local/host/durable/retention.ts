import type { Log } from '../core/log.ts';
import type { DurableEngine } from './engine.ts';

const BATCH = 500;
const LONGEST_PAUSE_MS = 3_600_000;
const SHORTEST_PAUSE_MS = 1000;

/** Purges instances some time after they have ended; without a retention time it does nothing. */
export class Retention {
  readonly #engine: DurableEngine;
  readonly #afterMs: number | undefined;
  readonly #log: Log;
  #timer: NodeJS.Timeout | undefined;

  constructor(engine: DurableEngine, afterMs: number | undefined, log: Log) {
    this.#engine = engine;
    this.#afterMs = afterMs;
    this.#log = log;
  }

  /** Purges now and then again, at the latest every hour. */
  start(): void {
    if (this.#afterMs === undefined) return;
    this.run(this.#afterMs);
    const pause = Math.min(LONGEST_PAUSE_MS, Math.max(SHORTEST_PAUSE_MS, this.#afterMs / 4));
    this.#timer = setTimeout(() => this.start(), pause);
    this.#timer.unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Purges what ended more than `afterMs` ago; returns how many instances. */
  run(afterMs: number): number {
    let purged = 0;
    try {
      for (;;) {
        const ids = this.#engine.store.endedBefore(this.#engine.now() - afterMs, BATCH);
        purged += this.#engine.purge(ids);
        if (ids.length < BATCH) break;
      }
    } catch (error) {
      this.#log.write({ level: 'error', category: 'Host.Durable', message: `Purging failed: ${String(error)}` });
    }
    if (purged > 0)
      this.#log.write({
        level: 'information',
        category: 'Host.Durable',
        message: `${purged} ended instance(s) older than the retention time were purged.`,
      });
    return purged;
  }
}
