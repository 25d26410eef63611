import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createRandom } from './random.ts';

/** How many ids are reserved at once; a process that is killed wastes at most so many. */
const reserved = 1000;

function positionIn(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8')) || 0;
  } catch {
    return 0;
  }
}

/**
 * Ids of one data plane: uuids that depend on the seed and on how many came before, and that never repeat, also not after
 * a kill.
 *
 * @param file keeps how many ids are taken
 */
export function openIds(seed: string, file: string): () => string {
  let taken = positionIn(file);
  const random = createRandom(seed, taken);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  return () => {
    if (random.position >= taken) {
      taken = random.position + reserved;
      writeFileSync(file, String(taken), { mode: 0o600 });
    }
    return random.uuid();
  };
}
