import { isoTime, type HistoryEvent } from './events.ts';
import type { DurableStore, WorkRow } from './store.ts';

/** What has to happen in memory once a transaction has been committed. */
export class Effects {
  readonly ready = new Set<string>();
  readonly work: WorkRow[] = [];
  earliest = Number.POSITIVE_INFINITY;
  readonly #store: DurableStore;
  readonly #now: number;

  constructor(store: DurableStore, now: number) {
    this.#store = store;
    this.#now = now;
  }

  /** Puts a message into an instance's inbox; `exec` undefined reaches any execution, `due` delays it. */
  post(instance: string, exec: string | null, event: object, due?: number): void {
    const at = due ?? this.#now;
    const message = { EventId: -1, IsPlayed: false, Timestamp: isoTime(this.#now), ...event };
    this.#store.post(instance, exec, at, JSON.stringify(message));
    if (at <= this.#now) this.ready.add(instance);
    else this.earliest = Math.min(this.earliest, at);
  }
}

/** The JSON of an event once it belongs to the past: messages are marked as played (durable-recordings, 2.2). */
export function playedPiece(event: HistoryEvent): string {
  return JSON.stringify({ ...event, IsPlayed: true });
}
