import type { HistoryEvent } from './events.ts';
import type { DurableStore, InstanceRow } from './store.ts';

/** The current execution of an instance in memory: its history as text pieces and as objects. */
export interface LiveExecution {
  readonly exec: string;
  readonly pieces: string[];
  readonly events: HistoryEvent[];
  /** Time of the newest event, milliseconds since 1970; episodes never go back behind it. */
  lastTime: number;
}

/** Keeps recently used executions in memory, up to a number of history events. */
export class ExecutionCache {
  readonly #store: DurableStore;
  readonly #limit: number;
  readonly #live = new Map<string, LiveExecution>();
  #events = 0;

  constructor(store: DurableStore, maximumEvents = 50_000) {
    this.#store = store;
    this.#limit = maximumEvents;
  }

  /** The execution that the row names, from memory or from disk. */
  load(row: InstanceRow): LiveExecution {
    const known = this.#live.get(row.id);
    if (known?.exec === row.exec) {
      this.#live.delete(row.id);
      this.#live.set(row.id, known);
      return known;
    }
    this.forget(row.id);
    const pieces = this.#store.history(row.id);
    const events = pieces.map((piece): HistoryEvent => JSON.parse(piece));
    const last = events.findLast((event) => event.EventType === 12);
    const live: LiveExecution = { exec: row.exec, pieces, events, lastTime: last ? Date.parse(last.Timestamp) : 0 };
    this.#live.set(row.id, live);
    this.#events += events.length;
    this.#shrink(row.id);
    return live;
  }

  /** Counts events that were appended to an execution in memory. */
  grew(count: number): void {
    this.#events += count;
  }

  forget(id: string): void {
    const live = this.#live.get(id);
    if (!live) return;
    this.#events -= live.events.length;
    this.#live.delete(id);
  }

  #shrink(keep: string): void {
    for (const id of this.#live.keys()) {
      if (this.#events <= this.#limit) return;
      if (id !== keep) this.forget(id);
    }
  }
}
