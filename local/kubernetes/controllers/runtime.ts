import type { Clock } from '#local/azure/clock.ts';
import type { KubeObject } from '../contract.ts';
import { failureCode, keyOf } from './objects.ts';
import type { Key, Kind, Kube } from './objects.ts';

/** What a reconcile wants next: nothing, or to be called again after some simulated seconds. */
export interface Outcome {
  readonly requeueAfter?: number;
}

/** One kind that a controller watches, and how its objects map to the keys that it reconciles. */
export interface Watch {
  readonly kind: Kind;
  readonly map?: (object: KubeObject) => readonly Key[];
}

/** A level-triggered controller: `reconcile` compares what is with what should be, for one key. */
export interface Reconciler {
  readonly name: string;
  readonly watches: readonly Watch[];
  reconcile(key: Key): Outcome | undefined | Promise<Outcome | undefined>;
  /** Keys of this controller are nodes: it also wants to know of machines that start or stop. */
  readonly followsMachines?: boolean;
  /** Told when a reconcile threw, after the retry was scheduled. */
  failed?(key: Key, error: unknown): void;
}

/** A running controller. */
export interface Running {
  stop(): void;
  /** A machine behind a node changed: reconciles the node's key, for controllers that work on nodes. */
  readonly nodeChanged?: ((key: Key) => void) | undefined;
}

interface Item {
  readonly key: Key;
  busy: boolean;
  again: boolean;
  failures: number;
  timer: { cancel(): void } | undefined;
}

const FIRST_RETRY_SECONDS = 1;
const LAST_RETRY_SECONDS = 60;

/**
 * Starts a controller with a de-duplicating work queue: one reconcile per key at a time, changes that arrive meanwhile run
 * it once more, errors are retried with exponential backoff (1 to 60 simulated seconds). Idle it holds no timer.
 */
export function startController(reconciler: Reconciler, kube: Kube, clock: Clock): Running {
  const items = new Map<string, Item>();
  const stops: (() => void)[] = [];
  let stopped = false;

  const run = async (item: Item): Promise<void> => {
    if (stopped) return;
    item.busy = true;
    item.again = false;
    let requeueAfter: number | undefined;
    try {
      const outcome = await reconciler.reconcile(item.key);
      item.failures = 0;
      requeueAfter = outcome?.requeueAfter;
    } catch (error) {
      item.failures += 1;
      // A conflict only means that our copy was old: the next read settles it.
      requeueAfter = failureCode(error) === 409 ? FIRST_RETRY_SECONDS : retryDelay(item.failures);
      if (!stopped) reconciler.failed?.(item.key, error);
    }
    item.busy = false;
    if (stopped) return;
    if (item.again) {
      item.again = false;
      enqueue(item.key);
    } else if (requeueAfter !== undefined) item.timer = clock.after(requeueAfter, () => enqueue(item.key));
    else items.delete(`${item.key.namespace}/${item.key.name}`);
  };

  const enqueue = (key: Key): void => {
    if (stopped) return;
    const id = `${key.namespace}/${key.name}`;
    const item = items.get(id) ?? { key, busy: false, again: false, failures: 0, timer: undefined };
    items.set(id, item);
    if (item.again) return;
    item.again = true;
    if (item.busy) return;
    item.timer?.cancel();
    item.timer = undefined;
    setImmediate(() => void run(item));
  };

  const subscribe = (watch: Watch): void => {
    if (stopped) return;
    const offer = (object: KubeObject): void => (watch.map?.(object) ?? [keyOf(object)]).forEach(enqueue);
    try {
      const handle = kube.raw.watch(watch.kind, (_type, object) => offer(object));
      stops.push(() => handle.stop());
      kube.list(watch.kind).forEach(offer);
    } catch {
      // The kind is not installed yet (its CRD comes later): look again.
      const timer = clock.after(5, () => subscribe(watch));
      stops.push(() => timer.cancel());
    }
  };
  reconciler.watches.forEach(subscribe);

  return {
    nodeChanged: reconciler.followsMachines === true ? enqueue : undefined,
    stop: () => {
      stopped = true;
      stops.forEach((stop) => stop());
      items.forEach((item) => item.timer?.cancel());
      items.clear();
    },
  };
}

function retryDelay(failures: number): number {
  return Math.min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** (failures - 1));
}
