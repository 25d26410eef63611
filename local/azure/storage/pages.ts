import type { DatabaseSync } from 'node:sqlite';
import { transaction } from './database.ts';
import type { BlobFiles } from './files.ts';
import { type Interval, intersect, subtract, union } from './intervals.ts';

/** Which pages of a page blob hold data, kept in SQLite beside the sparse file that holds the data itself. */
export interface PageMap {
  /** Pages with data inside the window, clipped to it; sorted and disjoint. */
  ranges(blob: number, window: Interval): readonly Interval[];
  /** Writes data, then records the range: after a kill, a recorded range always has its data. */
  write(blob: number, offset: number, data: Buffer, lastSnapshot: string): void;
  clear(blob: number, window: Interval, lastSnapshot: string): void;
  /** Reads a window into a new buffer; pages without data are zeros. */
  read(blob: number, window: Interval): Buffer;
  /** What was written or cleared after the given snapshot was taken. */
  changedSince(
    blob: number,
    snapshot: string,
    window: Interval,
  ): { updated: readonly Interval[]; cleared: readonly Interval[] };
  /** Copies ranges and data of another blob, piece by piece. */
  copyFrom(source: number, target: number, pieces: Iterable<Interval>): void;
  /** Copies the recorded ranges of a blob to another without data (the caller has copied the data). */
  adoptRanges(source: number, target: number): void;
}

export function openPageMap(database: DatabaseSync, files: BlobFiles): PageMap {
  const touching = database.prepare(
    'SELECT start, end FROM ranges WHERE blob = ?1 AND start BETWEEN coalesce((SELECT max(start) FROM ranges WHERE blob = ?1 AND start <= ?2), ?2) AND ?3 ORDER BY start',
  );
  const insert = database.prepare('INSERT INTO ranges VALUES (?, ?, ?)');
  const remove = database.prepare('DELETE FROM ranges WHERE blob = ? AND start = ?');
  const adopt = database.prepare('INSERT INTO ranges SELECT ?, start, end FROM ranges WHERE blob = ?');
  const noteChange = database.prepare(
    'INSERT INTO changes VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET end = max(end, excluded.end)',
  );
  const changes = database.prepare('SELECT start, end FROM changes WHERE blob = ? AND since >= ? ORDER BY start');

  const near = (blob: number, { start, end }: Interval): Interval[] =>
    (touching.all(blob, start, end) as unknown as Interval[]).filter((range) => range.end >= start);
  const replace = (blob: number, old: readonly Interval[], fresh: readonly Interval[]): void => {
    for (const range of old) remove.run(blob, range.start);
    for (const range of fresh) insert.run(blob, range.start, range.end);
  };
  const note = (blob: number, { start, end }: Interval, lastSnapshot: string): void => {
    if (lastSnapshot !== '') noteChange.run(blob, lastSnapshot, start, end);
  };
  const ranges = (blob: number, window: Interval): Interval[] => intersect(near(blob, window), [window]);
  const record = (blob: number, window: Interval, lastSnapshot: string): void => {
    const old = near(blob, window);
    const [only] = old;
    const covered = old.length === 1 && only !== undefined && only.start <= window.start && only.end >= window.end;
    if (!covered) replace(blob, old, union([...old, window]));
    note(blob, window, lastSnapshot);
  };
  const read = (blob: number, window: Interval): Buffer => {
    const buffer = Buffer.alloc(window.end - window.start);
    for (const { start, end } of ranges(blob, window)) {
      files.read(blob, start, buffer.subarray(start - window.start, end - window.start));
    }
    return buffer;
  };
  return {
    ranges,
    read,
    write(blob, offset, data, lastSnapshot) {
      files.write(blob, offset, data);
      transaction(database, () => record(blob, { start: offset, end: offset + data.length }, lastSnapshot));
    },
    clear(blob, window, lastSnapshot) {
      transaction(database, () => {
        const old = near(blob, window);
        replace(blob, old, subtract(old, [window]));
        note(blob, window, lastSnapshot);
      });
    },
    changedSince(blob, snapshot, window) {
      const touched = intersect(union(changes.all(blob, snapshot) as unknown as Interval[]), [window]);
      const present = ranges(blob, window);
      return { updated: intersect(touched, present), cleared: subtract(touched, present) };
    },
    copyFrom(source, target, pieces) {
      for (const piece of pieces) {
        files.write(target, piece.start, read(source, piece));
        transaction(database, () => record(target, piece, ''));
      }
    },
    adoptRanges: (source, target) => {
      adopt.run(target, source);
    },
  };
}

/** Cuts intervals into pieces of at most `size` bytes. */
export function* cut(intervals: Iterable<Interval>, size: number): Generator<Interval> {
  for (const { start, end } of intervals) {
    for (let at = start; at < end; at += size) yield { start: at, end: Math.min(end, at + size) };
  }
}
