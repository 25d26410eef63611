/** Simulated time: Azure seconds pass `timeScale` times faster than the wall clock. */
export interface Clock {
  /** Wall-clock milliseconds since the epoch. */
  now(): number;
  /** Runs `run` once `azureSeconds` of simulated time have passed. */
  after(azureSeconds: number, run: () => void): { cancel(): void };
  readonly timeScale: number;
}

/**
 * The clock of a running simulator.
 *
 * @param timeScale how many Azure seconds pass in one wall-clock second (`CAPSTAN_TIME_SCALE`)
 */
export function createWallClock(timeScale: number): Clock {
  return {
    timeScale,
    now: () => Date.now(),
    after(azureSeconds, run) {
      const timer = setTimeout(run, Math.max(0, (azureSeconds * 1000) / timeScale));
      timer.unref();
      return { cancel: () => clearTimeout(timer) };
    },
  };
}
