import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { openDatabase, storageSchema } from '#local/azure/storage/database.ts';
import { openBlobFiles } from '#local/azure/storage/files.ts';
import { intersect, subtract, totalLength, union } from '#local/azure/storage/intervals.ts';
import { openPageMap } from '#local/azure/storage/pages.ts';
import { layout, seededImages, vhdFooter } from '#local/azure/storage/seed.ts';

const interval = fc
  .tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 20 }))
  .map(([start, length]) => ({ start, end: start + length }));
const cells = (list: readonly { start: number; end: number }[]): Set<number> =>
  new Set(list.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i)));

test('union, intersection and difference of intervals agree with sets of their points', () => {
  fc.assert(
    fc.property(fc.array(interval), fc.array(interval), (left, right) => {
      const a = union(left);
      const b = union(right);
      expect(cells(a)).toEqual(cells(left));
      expect(cells(intersect(a, b))).toEqual(new Set([...cells(a)].filter((cell) => cells(b).has(cell))));
      expect(cells(subtract(a, b))).toEqual(new Set([...cells(a)].filter((cell) => !cells(b).has(cell))));
      expect(totalLength(a)).toBe(cells(left).size);
      for (const [i, x] of a.entries()) expect(x.start).toBeGreaterThan(a[i - 1]?.end ?? -1);
    }),
  );
});

test('a page map agrees with a plain array under any sequence of writes and clears', () => {
  const directory = mkdtempSync(join(tmpdir(), 'capstan-pages-'));
  try {
    const database = openDatabase(join(directory, 'storage.db'), storageSchema);
    const files = openBlobFiles(join(directory, 'contents'));
    const pages = openPageMap(database, files);
    const insert = database.prepare(
      "INSERT INTO blobs VALUES (?, 'a', 'c', ?, '', 'PageBlob', 0, '', 0, 0, 0, '{}', '{}', NULL, NULL)",
    );
    const step = fc.record({
      at: fc.integer({ min: 0, max: 30 }),
      count: fc.integer({ min: 1, max: 8 }),
      value: fc.integer({ min: 0, max: 255 }),
    });
    let id = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 15 }), (steps) => {
        id += 1;
        insert.run(id, `b${id}`);
        files.create(id, 40 * 512);
        const model: (number | undefined)[] = Array.from({ length: 40 }, () => undefined);
        for (const { at, count, value } of steps) {
          const window = { start: at * 512, end: (at + count) * 512 };
          if (value < 64) pages.clear(id, window, '');
          else pages.write(id, window.start, Buffer.alloc(count * 512, value), '');
          model.fill(value < 64 ? undefined : value, at, at + count);
        }
        const present = model.flatMap((value, i) =>
          value === undefined ? [] : [{ start: i * 512, end: (i + 1) * 512 }],
        );
        const whole = { start: 0, end: 40 * 512 };
        expect(pages.ranges(id, whole)).toEqual(union(present));
        const content = pages.read(id, whole);
        for (const [i, value] of model.entries()) expect(content[i * 512 + 511]).toBe(value ?? 0);
      }),
      { numRuns: 60 },
    );
    database.close();
    files.close();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('the seeded image has the promised amount of data in separate fragments and a footer whose checksum holds', () => {
  const [image] = seededImages;
  const fragments = layout(image!);
  expect(totalLength(fragments)).toBe(24 * 1024 * 1024);
  expect(union(fragments)).toHaveLength(40);
  const footer = vhdFooter(image!.diskSize, Buffer.alloc(16, 7));
  const sum = footer.readUInt32BE(64);
  footer.writeUInt32BE(0, 64);
  expect(sum).toBe(~footer.reduce((total, byte) => total + byte, 0) >>> 0);
  expect(footer.readBigUInt64BE(48)).toBe(32_212_254_720n);
});
