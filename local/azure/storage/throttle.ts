import type { Clock } from '../clock.ts';

/** Targets of one page blob per Azure second (azure-behaviour.md, limits). */
const requestsPerSecond = 500;
const bytesPerSecond = 60 * 1024 * 1024;

interface Bucket {
  requests: number;
  bytes: number;
  at: number;
}

/**
 * Answers whether a blob can take another request of so many bytes, and books it. One Azure second's worth may come in
 * a burst. The rates grow with the time scale, as everything that is counted in Azure seconds.
 */
export function createBlobThrottle(clock: Clock): (blob: string, bytes: number) => boolean {
  const buckets = new Map<string, Bucket>();
  return (blob, bytes) => {
    const now = clock.now();
    const bucket = buckets.get(blob) ?? { requests: requestsPerSecond, bytes: bytesPerSecond, at: now };
    const seconds = (Math.max(0, now - bucket.at) / 1000) * clock.timeScale;
    bucket.requests = Math.min(requestsPerSecond, bucket.requests + seconds * requestsPerSecond);
    bucket.bytes = Math.min(bytesPerSecond, bucket.bytes + seconds * bytesPerSecond);
    bucket.at = now;
    if (!buckets.has(blob) && buckets.size >= 1000) buckets.clear();
    buckets.set(blob, bucket);
    // Bytes may go into debt once: a whole-blob read is larger than the bucket.
    if (bucket.requests < 1 || bucket.bytes <= 0) return false;
    bucket.requests -= 1;
    bucket.bytes -= bytes;
    return true;
  };
}
