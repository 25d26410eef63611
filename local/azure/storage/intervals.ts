/** A half-open interval of bytes: `start` belongs to it, `end` does not. */
export interface Interval {
  readonly start: number;
  readonly end: number;
}

/** Merges intervals that overlap or touch; the result is sorted and disjoint. */
export function union(intervals: Iterable<Interval>): Interval[] {
  const sorted = [...intervals].filter((i) => i.end > i.start).sort((a, b) => a.start - b.start);
  const merged: { start: number; end: number }[] = [];
  for (const { start, end } of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else merged.push({ start, end });
  }
  return merged;
}

/** What lies in both; each argument is sorted and disjoint. */
export function intersect(a: readonly Interval[], b: readonly Interval[]): Interval[] {
  const common: Interval[] = [];
  let i = 0;
  let j = 0;
  for (;;) {
    const x = a[i];
    const y = b[j];
    if (x === undefined || y === undefined) return common;
    const start = Math.max(x.start, y.start);
    const end = Math.min(x.end, y.end);
    if (start < end) common.push({ start, end });
    if (x.end < y.end) i += 1;
    else j += 1;
  }
}

/** What lies in `a` and not in `b`; each argument is sorted and disjoint. */
export function subtract(a: readonly Interval[], b: readonly Interval[]): Interval[] {
  const rest: Interval[] = [];
  let j = 0;
  for (const { start, end } of a) {
    let at = start;
    while ((b[j]?.end ?? Number.POSITIVE_INFINITY) <= at) j += 1;
    for (let k = j; at < end; k += 1) {
      const hole = b[k];
      if (hole === undefined || hole.start >= end) {
        rest.push({ start: at, end });
        break;
      }
      if (hole.start > at) rest.push({ start: at, end: hole.start });
      at = Math.max(at, hole.end);
    }
  }
  return rest;
}

/** Sum of the lengths. */
export function totalLength(intervals: Iterable<Interval>): number {
  let sum = 0;
  for (const { start, end } of intervals) sum += end - start;
  return sum;
}
