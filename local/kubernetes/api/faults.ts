import type { SimulatedApi } from '../contract.ts';

interface Planned {
  readonly method: string | undefined;
  readonly path: RegExp | undefined;
  readonly status: number;
  times: number;
}

/** Doors through which tests make the API server fail. `failNext` concerns HTTPS requests, `down` everything. */
export class FaultDoors {
  readonly #planned: Planned[] = [];
  readonly #listeners = new Set<() => void>();
  #down = false;

  /** While true, connections are cut and in-process calls fail with 503. */
  get down(): boolean {
    return this.#down;
  }

  set down(value: boolean) {
    this.#down = value;
    if (value) for (const listener of this.#listeners) listener();
  }

  /** Called whenever the server goes down. Returns how to forget it. */
  onDown(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Answers the next `times` matching requests with `status`. The path is matched with its query string. */
  failNext(match: Parameters<SimulatedApi['faults']['failNext']>[0]): void {
    this.#planned.push({ method: match.method, path: match.path, status: match.status, times: match.times });
  }

  /** The status with which this request has to fail, if any. */
  take(method: string, path: string): number | undefined {
    const found = this.#planned.find(
      (plan) => plan.times > 0 && (plan.method ?? method) === method && (plan.path?.test(path) ?? true),
    );
    if (found === undefined) return undefined;
    found.times -= 1;
    return found.status;
  }
}
