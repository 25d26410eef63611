import type { KubeObject } from '../contract.ts';
import { present } from './core.ts';
import { bucketOf, type ResourceKind } from './kinds.ts';
import type { Selector } from './selectors.ts';
import type { ObjectStore, StoreEvent } from './store.ts';

/** An event as a watch shows it. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubeObject;
}

/** What a watch looks at. */
export interface WatchScope {
  readonly kind: ResourceKind;
  readonly namespace: string | undefined;
  readonly matches: Selector;
}

/**
 * A change as the watcher of a scope sees it: an object that starts to match the selector is ADDED, one that stops is
 * DELETED; `undefined` when the change does not concern the scope.
 */
export function eventInScope(scope: WatchScope, event: StoreEvent): WatchEvent | undefined {
  if (event.bucket !== bucketOf(scope.kind)) return undefined;
  if (scope.namespace !== undefined && event.object.metadata.namespace !== scope.namespace) return undefined;
  const matched = event.previous !== undefined && scope.matches(event.previous);
  const object = present(scope.kind, event.object);
  if (event.type === 'DELETED') return matched ? { type: 'DELETED', object } : undefined;
  if (scope.matches(event.object)) return { type: matched ? 'MODIFIED' : 'ADDED', object };
  return matched ? { type: 'DELETED', object } : undefined;
}

/** Delivers changes in commit order after the write that made them has returned, so that a listener may write again. */
export class EventQueue {
  readonly #pending: (() => void)[] = [];
  #scheduled = false;
  #closed = false;

  /** Runs `deliver` later, in order. */
  push(deliver: () => void): void {
    this.#pending.push(deliver);
    this.#schedule();
  }

  close(): void {
    this.#closed = true;
    this.#pending.length = 0;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#drain());
  }

  #drain(): void {
    this.#scheduled = false;
    for (let left = this.#pending.length; left > 0 && !this.#closed; left -= 1) {
      const deliver = this.#pending.shift();
      if (deliver === undefined) return;
      try {
        deliver();
      } catch (error) {
        /* A broken listener must not cost the others their events; its error still surfaces. */
        this.#schedule();
        throw error;
      }
    }
  }
}

/** Follows a store from now on; `onEvent` runs in order, after the write. Returns how to stop. */
export function follow(
  store: ObjectStore,
  queue: EventQueue,
  scope: WatchScope,
  onEvent: (event: WatchEvent) => void,
): () => void {
  let stopped = false;
  const unsubscribe = store.subscribe((event) => {
    const seen = eventInScope(scope, event);
    if (seen === undefined) return;
    queue.push(() => {
      if (!stopped) onEvent(seen);
    });
  });
  return () => {
    stopped = true;
    unsubscribe();
  };
}
