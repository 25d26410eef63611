import type { CopySlice } from './copy-types.ts';

/** Bytes `[start, end)`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Largest Put Page From URL (azure-behaviour.md §2, Limits). */
export const operationBytes = 4 * 1024 * 1024;

/** Keeps one slice of a very fragmented image at some seconds (500 requests a second and blob). */
const operationsPerSlice = 4096;
const largestSlice = 256 * 1024 * 1024;
/** A copy is cut into about this many slices, so that several run at the same time and progress is visible. */
const wantedSlices = 8;

/** Sorted ranges without overlaps; neighbours that touch become one. */
export function mergeRanges(ranges: readonly ByteRange[]): readonly ByteRange[] {
  const result: ByteRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (range.end <= range.start) continue;
    if (last !== undefined && range.start <= last.end) {
      result[result.length - 1] = { start: last.start, end: Math.max(last.end, range.end) };
    } else {
      result.push(range);
    }
  }
  return result;
}

/** Bytes of a merged list. */
export function totalOf(ranges: readonly ByteRange[]): number {
  return ranges.reduce((sum, range) => sum + range.end - range.start, 0);
}

/** Cuts ranges into operations of at most 4 MiB, `[offset, count]`. */
export function operationsOf(ranges: readonly ByteRange[]): readonly (readonly [number, number])[] {
  return mergeRanges(ranges).flatMap((range) => {
    const list: [number, number][] = [];
    for (let offset = range.start; offset < range.end; offset += operationBytes) {
      list.push([offset, Math.min(operationBytes, range.end - offset)]);
    }
    return list;
  });
}

/**
 * Operations whose bytes are not completely in the destination. An operation is written whole or not at all, so one
 * that is completely there is certain; any other is written again (azure-behaviour.md §2, Durable implementation).
 *
 * @param present merged ranges of the destination
 */
export function missingOperations(
  operations: readonly (readonly [number, number])[],
  present: readonly ByteRange[],
): readonly (readonly [number, number])[] {
  let at = 0;
  return operations.filter(([offset, count]) => {
    while (at < present.length && (present[at]?.end ?? 0) <= offset) at++;
    const range = present[at];
    return range === undefined || range.start > offset || range.end < offset + count;
  });
}

/** Groups operations into slices, in order: windows that begin and end with an operation. */
export function slicesOf(operations: readonly (readonly [number, number])[]): readonly CopySlice[] {
  const total = operations.reduce((sum, [, count]) => sum + count, 0);
  const limit = Math.min(largestSlice, Math.max(operationBytes, Math.ceil(total / wantedSlices)));
  const slices: CopySlice[] = [];
  let current: CopySlice | undefined;
  for (const [offset, count] of operations) {
    const full = current !== undefined && (current.operations >= operationsPerSlice || current.bytes + count > limit);
    if (current === undefined || full) {
      if (current !== undefined) slices.push(current);
      current = { index: slices.length, start: offset, end: offset, bytes: 0, operations: 0 };
    }
    current = {
      ...current,
      end: offset + count,
      bytes: current.bytes + count,
      operations: current.operations + 1,
    };
  }
  if (current !== undefined) slices.push(current);
  return slices;
}

/** Whether two merged lists are the same. */
export function sameRanges(a: readonly ByteRange[], b: readonly ByteRange[]): boolean {
  return (
    a.length === b.length && a.every((range, index) => range.start === b[index]?.start && range.end === b[index].end)
  );
}
