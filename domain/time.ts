/**
 * Milliseconds of a durable timer for a wait in Azure seconds. The one place where the time scale is applied to waits
 * (`CAPSTAN_TIME_SCALE`, architecture.md §5).
 */
export function timerMilliseconds(azureSeconds: number, timeScale: number): number {
  return Math.max(20, Math.ceil((azureSeconds * 1000) / timeScale));
}

/**
 * Milliseconds after which something is given up. A bound is about Azure's time, but work on this machine takes real
 * time, so a high time scale never makes it shorter than three minutes.
 */
export function boundMilliseconds(azureSeconds: number, timeScale: number): number {
  return Math.max(180_000, (azureSeconds * 1000) / timeScale);
}

/** A point in time that was computed; reads no clock. */
export function instant(millisecondsSinceEpoch: number): Date {
  return new Date(millisecondsSinceEpoch);
}
