import { setTimeout as sleep } from 'node:timers/promises';
import type { Doors } from './api.ts';
import type { EventView, RequestView, StatusDocument } from './status-document.ts';
import { finished } from './view/facts.ts';

/** How following an operation ended. */
export type Ending =
  | { readonly kind: 'ready' | 'failed' | 'other'; readonly document: StatusDocument }
  | { readonly kind: 'refused'; readonly request: RequestView };

export interface FollowOptions {
  readonly doors: Doors;
  readonly cluster: string;
  readonly signal: AbortSignal;
  /** Milliseconds between two looks. */
  readonly interval: number;
  onDocument(document: StatusDocument): void | Promise<void>;
  onEvent(event: EventView): void;
}

/** Waits for what becomes of a request, showing the cluster as soon as it is about that request. */
export async function followRequest(requestId: string, options: FollowOptions): Promise<Ending> {
  const { doors, cluster, signal, interval } = options;
  const events = eventReader(options);
  for (;;) {
    const request = await doors.request(requestId);
    if (request?.outcome === 'refused') return { kind: 'refused', request };
    const known = request?.outcome === 'accepted' || request?.outcome === 'unchanged';
    const document = await doors.status(cluster);
    if (document !== undefined && (known || document.status.operation.requestId === requestId)) {
      await options.onDocument(document);
      await events(finished(document));
      if (finished(document)) return endingOf(document);
    }
    await sleep(interval, undefined, { signal });
  }
}

/** Waits until the cluster has another operation than this one. */
export async function nextOperation(operationId: string, options: FollowOptions): Promise<void> {
  const { doors, cluster, signal } = options;
  for (;;) {
    const document = await doors.status(cluster);
    if (document !== undefined && document.status.operation.id !== operationId) return;
    await sleep(2000, undefined, { signal });
  }
}

/** Follows the newest operation of the cluster to its end. */
export async function followOperation(options: FollowOptions): Promise<Ending> {
  const events = eventReader(options);
  for (;;) {
    const document = await options.doors.status(options.cluster);
    if (document !== undefined) {
      await options.onDocument(document);
      await events(finished(document));
      if (finished(document)) return endingOf(document);
    }
    await sleep(options.interval, undefined, { signal: options.signal });
  }
}

function endingOf(document: StatusDocument): Ending {
  const { phase } = document.status;
  return { kind: phase === 'Ready' ? 'ready' : phase === 'Failed' ? 'failed' : 'other', document };
}

/** Hands every event on once, oldest first; looks less often than the status, which changes faster. */
function eventReader(options: FollowOptions): (atOnce: boolean) => Promise<void> {
  const { doors, cluster } = options;
  let cursor: string | undefined;
  let next = 0;
  return async (atOnce) => {
    const now = Date.now();
    if (now < next && !atOnce) return;
    next = now + 1500;
    const page = await doors.events(cluster, cursor);
    cursor = page.cursor ?? cursor;
    for (const event of page.events.toReversed()) options.onEvent(event);
  };
}
