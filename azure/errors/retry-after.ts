/**
 * Reads a Retry-After header in both of its forms: seconds, or an HTTP date (RFC 9110, section 10.2.3).
 *
 * @param now milliseconds since the epoch
 * @returns whole seconds, at least 0; undefined when the header is absent or unreadable
 */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined || header.trim() === '') return undefined;
  if (/^\s*\d+\s*$/.test(header)) return Number(header);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - now) / 1000));
}

/** Longest pause between two tries, in Azure seconds. */
const longestDelay = 120;

/**
 * Delay before the next try: doubles from 2 s up to 2 minutes, with up to 25 % added by a hash of its inputs, so that
 * many clusters do not come back at the same moment and a replay waits equally long.
 *
 * @param key what is tried, e.g. a resource id
 * @param attempt 0 for the first retry
 */
export function backoffSeconds(key: string, attempt: number): number {
  const base = Math.min(longestDelay, 2 ** Math.min(attempt + 1, 10));
  let hash = 2166136261;
  for (const character of `${key}#${attempt}`) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16777619) >>> 0;
  return Math.min(longestDelay, Math.ceil(base * (1 + (hash % 1000) / 4000)));
}
