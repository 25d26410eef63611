import { afterAll, beforeAll, describe, it } from 'vitest';
import { StorageWorld } from './harness.ts';
import { cells, ownerships, situations } from './matrix.ts';
import { prepareWorld, runCell } from './run-cell.ts';

const world = new StorageWorld();
beforeAll(async () => {
  await world.start();
  await prepareWorld(world);
});
afterAll(() => world.stop());

describe.each(situations.map(({ id }) => id))('the copy with %s', (id) => {
  for (const ownership of ownerships) {
    const own = cells.filter((cell) => cell.situation.id === id && cell.ownership === ownership);
    it.each(own.map((cell) => [cell.source, cell] as const))(
      `ends as the table says for ${ownership}, source %s`,
      (_, cell) => runCell(world, cell),
    );
  }
});
