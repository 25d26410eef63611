import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { StorageWorld } from '../../full/storage/harness.ts';
import { storageDocument } from '../../full/storage/document.ts';
import { cells, situations } from '../../full/storage/matrix.ts';
import { prepareWorld, runCell } from '../../full/storage/run-cell.ts';

/** One cell of each situation; which one changes with the situation, not with the run. The whole matrix is in test/full. */
const sample = situations.map(({ id }, index) => {
  const own = cells.filter((cell) => cell.situation.id === id);
  return own[(index * 5 + 1) % own.length]!;
});

describe('a sample of the storage matrix', () => {
  const world = new StorageWorld();
  beforeAll(async () => {
    await world.start();
    await prepareWorld(world);
  });
  afterAll(() => world.stop());

  it.each(sample.map((cell) => [cell.situation.id, cell.ownership, cell.source, cell] as const))(
    'ends as the table says: %s, %s, source %s',
    (_situation, _ownership, _source, cell) => runCell(world, cell),
  );
});

describe('the table of the storage matrix', () => {
  it('stands in the documentation as the matrix says', () => {
    expect(readFileSync(new URL('../../../docs/storage.md', import.meta.url), 'utf8')).toBe(storageDocument());
  });
});
