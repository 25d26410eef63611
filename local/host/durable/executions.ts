import type { HandedEvent } from './contracts.ts';
import { EVENT, type HistoryEvent } from './events.ts';
import type { DurableStore, InstanceRow } from './store.ts';

/** The current execution of an instance in memory. */
export interface LiveExecution {
  readonly exec: string;
  readonly events: HistoryEvent[];
  /** The same events in the form in which they are handed to the SDK. */
  readonly handed: HandedEvent[];
  /** Time of the newest event, milliseconds since 1970; episodes never go back behind it. */
  lastTime: number;
}

/** A stored event for the SDK: with its time as Date, and frozen because it is shared by all replays. */
export function handedEvent(event: HistoryEvent, isPlayed: boolean): HandedEvent {
  return Object.freeze({ ...event, IsPlayed: isPlayed, Timestamp: new Date(event.Timestamp) });
}

/** What user code could reach and change is copied for each replay. */
export function freshlyHanded(event: HandedEvent): HandedEvent {
  if (event.EventType === EVENT.OrchestratorStarted) return { ...event, Timestamp: new Date(event.Timestamp) };
  const details = event.FailureDetails;
  return details === undefined || details === null ? event : { ...event, FailureDetails: structuredClone(details) };
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
    const events = this.#store.history(row.id).map((piece): HistoryEvent => JSON.parse(piece));
    const handed = events.map((event) => handedEvent(event, event.IsPlayed));
    const last = events.findLast((event) => event.EventType === 12);
    const live: LiveExecution = { exec: row.exec, events, handed, lastTime: last ? Date.parse(last.Timestamp) : 0 };
    this.#live.set(row.id, live);
    this.#events += events.length;
    this.#shrink(row.id);
    return live;
  }

  /** The execution if it is in memory. */
  known(id: string, exec: string): LiveExecution | undefined {
    const live = this.#live.get(id);
    return live?.exec === exec ? live : undefined;
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
