import timersPromises from 'node:timers/promises';
import { syncBuiltinESMExports } from 'node:module';

/**
 * Virtual time for a whole process: `Date`, timers and `performance.now` follow a clock that jumps to the next timer as
 * soon as nothing else is left to do. Nothing else means: no `setImmediate` is outstanding after a turn of the event
 * loop (between two turns promises and `nextTick` run dry), and no file or socket request of Node is under way. Work in
 * Node's thread pool would go unseen, so keys and signatures are made synchronously (keys.ts).
 */
interface Timer {
  readonly order: number;
  at: number;
  readonly every: number | undefined;
  readonly run: () => void;
}

const RealDate = Date;
const realImmediate = setImmediate;
const realClearImmediate = clearImmediate;

/** Where every world begins. */
const start = RealDate.UTC(2026, 0, 5, 8);

class VirtualTime {
  now = start;
  #order = 0;
  #timers = new Map<number, Timer>();
  /** Immediates that have been asked for and have not run. */
  outstanding = 0;

  add(delay: number, every: number | undefined, run: () => void): number {
    const order = ++this.#order;
    this.#timers.set(order, { order, at: this.now + Math.max(0, Number.isFinite(delay) ? delay : 1), every, run });
    return order;
  }

  remove(order: number): void {
    this.#timers.delete(order);
  }

  /** Forgets every timer: those of a world that has ended. */
  clear(): void {
    this.#timers.clear();
  }

  /** When the next timer is due, in milliseconds since 1970. */
  next(): number | undefined {
    return this.#first()?.at;
  }

  /** Jumps to the next timer and runs it. False when there is none. */
  step(): boolean {
    const timer = this.#first();
    if (timer === undefined) return false;
    this.now = Math.max(this.now, timer.at);
    if (timer.every === undefined) this.#timers.delete(timer.order);
    else timer.at = this.now + Math.max(1, timer.every);
    timer.run();
    return true;
  }

  #first(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers.values()) if (first === undefined || timer.at < first.at) first = timer;
    return first;
  }
}

export const virtualTime = new VirtualTime();

/** One of Node's own requests that only the machine can end. */
function busyOutside(): boolean {
  return process.getActiveResourcesInfo().some((name) => /Req|Promise|GetAddrInfo|Zlib|Worker/.test(name));
}

async function turn(): Promise<void> {
  return new Promise((resolve) => {
    realImmediate(resolve);
  });
}

/** Resolves when nothing is left to do at this moment of virtual time. */
export async function settle(): Promise<void> {
  do await turn();
  while (virtualTime.outstanding > 0 || busyOutside());
}

/** Lets time pass until the condition holds. @throws Error when nothing is left that could happen, or it takes too long */
export async function passUntil(holds: () => boolean | Promise<boolean>, seconds: number, what: string): Promise<void> {
  const end = virtualTime.now + seconds * 1000;
  for (;;) {
    await settle();
    if (await holds()) return;
    await settle();
    const next = virtualTime.next();
    if (next === undefined) throw new Error(`nothing is left that could happen, waiting for ${what}`);
    if (next > end) throw new Error(`${seconds} s of virtual time were not enough for ${what}`);
    virtualTime.step();
  }
}

class VirtualDate extends RealDate {
  constructor(...args: unknown[]) {
    if (args.length === 0) super(virtualTime.now);
    else super(...(args as [number]));
  }
  static override now(): number {
    return Math.floor(virtualTime.now);
  }
}

/** Handle that looks like Node's. */
class Handle {
  readonly order: number;
  constructor(order: number) {
    this.order = order;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  hasRef(): boolean {
    return true;
  }
  refresh(): this {
    throw new Error('virtual timers are not refreshed');
  }
  close(): this {
    virtualTime.remove(this.order);
    return this;
  }
  [Symbol.dispose](): void {
    virtualTime.remove(this.order);
  }
  [Symbol.toPrimitive](): number {
    return this.order;
  }
}

function clear(handle: unknown): void {
  if (handle instanceof Handle) virtualTime.remove(handle.order);
  else if (typeof handle === 'number') virtualTime.remove(handle);
}

type Work = (...args: unknown[]) => void;

function immediate(work: Work, ...args: unknown[]): NodeJS.Immediate {
  virtualTime.outstanding++;
  const handle = realImmediate(() => {
    pending.delete(handle);
    virtualTime.outstanding--;
    work(...args);
  });
  pending.add(handle);
  return handle;
}
const pending = new Set<NodeJS.Immediate>();

function clearOne(handle: NodeJS.Immediate): void {
  if (pending.delete(handle)) virtualTime.outstanding--;
  realClearImmediate(handle);
}

const sleep = async <Value>(ms = 1, value?: Value, options?: { signal?: AbortSignal }): Promise<Value | undefined> =>
  new Promise((resolve, reject) => {
    const order = virtualTime.add(ms, undefined, () => resolve(value));
    options?.signal?.addEventListener('abort', () => {
      virtualTime.remove(order);
      reject(options.signal?.reason as Error);
    });
  });

/** Puts the whole process on virtual time; there is no way back. */
export function installTime(): void {
  const timeout = (work: Work, ms = 1, ...args: unknown[]): Handle =>
    new Handle(virtualTime.add(ms, undefined, () => work(...args)));
  const interval = (work: Work, ms = 1, ...args: unknown[]): Handle =>
    new Handle(virtualTime.add(ms, ms, () => work(...args)));
  Object.assign(globalThis, {
    Date: VirtualDate,
    setTimeout: timeout,
    setInterval: interval,
    clearTimeout: clear,
    clearInterval: clear,
    setImmediate: immediate,
    clearImmediate: clearOne,
  });
  Object.defineProperty(performance, 'now', { value: () => virtualTime.now - start });
  Object.assign(timersPromises, {
    setTimeout: sleep,
    setImmediate: async (value?: unknown) => new Promise((resolve) => immediate(resolve, value)),
  });
  syncBuiltinESMExports();
}
