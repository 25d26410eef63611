import type { Progress } from '../outcome.ts';

/** Where a copy stood at an earlier moment, in Azure seconds. */
export interface CopyPace {
  /** Bytes that were there when this run of the copy began. */
  readonly atStart: number;
  /** Azure seconds since then. */
  readonly seconds: number;
}

/** Below this a rate says nothing. */
const earliestSeconds = 2;

/** Bytes in the unit people use for them: `412 MiB`, `1.6 GiB`. */
export function bytesText(bytes: number): string {
  return bytes >= 1024 ** 3 ? `${(bytes / 1024 ** 3).toFixed(1)} GiB` : `${Math.round(bytes / 1024 ** 2)} MiB`;
}

function durationText(seconds: number): string {
  return seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`;
}

/**
 * The line of a running copy: `Copying the base image: 412 MiB of 1.6 GiB · 58 MiB/s · about 21 s left`. Rate and time
 * left are said when there is enough to tell them from.
 */
export function copySentence({ done, total }: Progress, pace?: CopyPace): string {
  const amount = `Copying the base image: ${bytesText(done)} of ${bytesText(total)}`;
  if (pace === undefined || pace.seconds < earliestSeconds || done <= pace.atStart) return amount;
  const rate = (done - pace.atStart) / pace.seconds;
  const left = Math.max(0, total - done) / rate;
  return `${amount} · ${bytesText(rate)}/s · about ${durationText(left)} left`;
}
