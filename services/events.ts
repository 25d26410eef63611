import type { StoredEvent } from '#store/events.ts';
import type { Store } from '#store/store.ts';
import { pause } from './wait.ts';

/** Longest long poll, in seconds: well below the limits of load balancers in front of a Function app. */
export const maxWaitSeconds = 30;

/**
 * Events of a cluster, newest first. With `after` and `waitSeconds` the call waits until something newer than the
 * cursor exists, or the time is over.
 */
export async function readEvents(
  store: Store,
  name: string,
  options: { readonly after: string | undefined; readonly waitSeconds: number; readonly limit: number },
): Promise<{ readonly events: readonly StoredEvent[]; readonly cursor: string | undefined }> {
  const deadline = Date.now() + Math.min(options.waitSeconds, maxWaitSeconds) * 1000;
  for (;;) {
    const events = await store.events.list(name, { after: options.after, limit: options.limit });
    if (events.length > 0 || Date.now() >= deadline) return { events, cursor: events[0]?.cursor ?? options.after };
    await pause(Math.min(500, Math.max(0, deadline - Date.now())));
  }
}
