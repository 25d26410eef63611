/** What the benchmark measures on every engine. */

/** An engine under test. Every call returns when the work has ended. */
export interface Peer {
  readonly name: 'capstan' | 'restate' | 'dbos';
  /** How its history is kept on disk, for the report. */
  readonly durability: string;
  start(): Promise<void>;
  oneStep(): Promise<void>;
  fanOut(steps: number): Promise<void>;
  sequence(steps: number): Promise<void>;
  /** Kills the process that runs the steps with SIGKILL after step 15 of 40 and starts it again at once; milliseconds from the kill to the next new step. */
  resume(): Promise<number>;
  /** Ends all processes of the engine and starts them again on the same data. */
  restart(): Promise<void>;
  /** Starts runs that wait for an event, and returns when they wait. */
  idle(count: number): Promise<void>;
  /** Resident memory of all its processes in MiB. */
  memory(): number;
  stop(): Promise<void>;
}

/** Something that takes messages: milliseconds from the call that leaves message `n` to the first line of the step that it leads to. */
export interface Queued {
  readonly name: Peer['name'];
  queued(n: number): Promise<number>;
}

/** One measured number. */
export interface Row {
  readonly workload: string;
  readonly peer: string;
  readonly n: number;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly unit: string;
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

/** Time of the first line of the journal of slow steps from this step on; polls until it is there. */
export async function stepTime(read: () => string, step: number): Promise<number> {
  for (let tries = 0; tries < 6000; tries++) {
    const line = read()
      .split('\n')
      .find((one) => one !== '' && Number(one.split(' ')[0]) >= step);
    if (line !== undefined) return Number(line.split(' ')[1]);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`step ${step} never ran`);
}
