/** A request that the simulated ARM could not answer as Azure would. */
export interface UnmodelledEntry {
  readonly method: string;
  /** Path with names replaced, so that equal requests are counted together. */
  readonly route: string;
  readonly reason: string;
  readonly example: string;
  readonly count: number;
}

/** Counts what is not modelled; must be empty after every test. */
export interface Unmodelled {
  add(method: string, route: string, reason: string, example: string): void;
  list(): readonly UnmodelledEntry[];
  clear(): void;
}

export function createUnmodelled(): Unmodelled {
  const entries = new Map<string, UnmodelledEntry>();
  return {
    add(method, route, reason, example) {
      const key = `${method} ${route} ${reason}`;
      const before = entries.get(key);
      entries.set(key, { method, route, reason, example: before?.example ?? example, count: (before?.count ?? 0) + 1 });
    },
    list: () => [...entries.values()],
    clear: () => entries.clear(),
  };
}
