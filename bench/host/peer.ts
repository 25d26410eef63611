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
  stop(): Promise<void>;
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

/** The workloads of a peer that is called by name over HTTP. */
export function workloads(
  call: (workload: string, steps?: number) => Promise<void>,
): Pick<Peer, 'oneStep' | 'fanOut' | 'sequence'> {
  return {
    oneStep: () => call('oneStep'),
    fanOut: (steps) => call('fanOut', steps),
    sequence: (steps) => call('sequence', steps),
  };
}

/**
 * Kills the process that runs the slow steps after step 15 and starts it again at once.
 *
 * @returns milliseconds from the kill to the next new step
 */
export async function killAndResume(
  read: () => string,
  kill: () => Promise<unknown>,
  start: () => Promise<unknown>,
): Promise<number> {
  await stepTime(read, 15);
  const killed = Date.now();
  await kill();
  const lines = read()
    .split('\n')
    .filter((line) => line !== '');
  const seen = Math.max(...lines.map((line) => Number(line.split(' ')[0])));
  await start();
  return (await stepTime(read, seen + 1)) - killed;
}
