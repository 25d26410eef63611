/** The static request limits of host.json (`maxOutstandingRequests`, `maxConcurrentRequests`): -1 is no limit. */
export interface RequestLimits {
  readonly maxOutstandingRequests: number;
  readonly maxConcurrentRequests: number;
}

/** Runs at most so many requests at once, lets others wait in order, and turns away what goes beyond the outstanding ones. */
export class Throttle {
  readonly #limits: RequestLimits;
  #outstanding = 0;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limits: RequestLimits) {
    this.#limits = limits;
  }

  /** Runs the work when there is a place for it; false, without having run it, when there is none even to wait. */
  async run(work: () => Promise<void>): Promise<boolean> {
    const { maxOutstandingRequests, maxConcurrentRequests } = this.#limits;
    if (maxOutstandingRequests >= 0 && this.#outstanding >= maxOutstandingRequests) return false;
    this.#outstanding++;
    if (maxConcurrentRequests >= 0 && this.#running >= maxConcurrentRequests)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      await work();
    } finally {
      this.#outstanding--;
      const next = this.#waiting.shift();
      // The place is handed on.
      if (next) next();
      else this.#running--;
    }
    return true;
  }
}
