import type { Log } from '../core/log.ts';

/** Writes named warnings about surprising behaviour of the real engine when it shows; each trap once per instance. */
export class Traps {
  readonly #log: Log;
  readonly #seen = new Set<string>();

  constructor(log: Log) {
    this.#log = log;
  }

  warn(trap: string, instanceId: string, message: string): void {
    const key = `${trap} ${instanceId} ${message}`;
    if (this.#seen.has(key)) return;
    if (this.#seen.size > 10_000) this.#seen.clear();
    this.#seen.add(key);
    this.#log.write({
      level: 'warning',
      category: 'Host.Durable',
      message: `durable trap ${trap}: instance '${instanceId}': ${message} (docs/durable-traps.md#${trap})`,
    });
  }
}
