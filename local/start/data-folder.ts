import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { StartProblem } from './ports.ts';

/** Everything that ever lies in a data folder; `--reset` deletes these and nothing else. */
const contents = ['host', 'simulator', 'azurite', 'logs'] as const;
const markerName = 'capstan.json';
const lockName = 'lock.sqlite';

interface Marker {
  /** Identity of this life of the folder: a reset begins a new one. */
  readonly life: string;
  /** The request that was posted last, so that the same start again is the same request. */
  readonly last?: { readonly contentSha: string; readonly requestId: string };
  /** Expected seconds of wall clock of the last operation; the API forgets them when it ends. */
  readonly expected?: { readonly operationId: string; readonly seconds: number };
}

export interface DataFolder {
  readonly root: string;
  /** Path below the folder. */
  file(...parts: readonly string[]): string;
  /** Request id for this content: that of the last start when the content is the same, else a new one. */
  requestIdFor(content: string): string;
  readonly expected: Marker['expected'];
  rememberExpected(expected: NonNullable<Marker['expected']>): void;
  close(): void;
}

/**
 * Opens (and makes) the data folder and locks it against a second `npm start`. The lock is the operating system's own,
 * held by an open SQLite transaction, so it ends with the process however that ends.
 *
 * @throws StartProblem when the folder holds something else, or another start uses it
 */
export async function openDataFolder(folder: string, options: { readonly reset: boolean }): Promise<DataFolder> {
  const root = path.resolve(folder);
  const file = (...parts: readonly string[]): string => path.join(root, ...parts);
  makeOwn(root, file(markerName));
  const unlock = await lock(root, file(lockName));
  if (options.reset) for (const name of [...contents, markerName]) rmSync(file(name), { recursive: true, force: true });
  let marker = readMarker(file(markerName));
  const save = (next: Marker): void => {
    marker = next;
    writeFileSync(file(`${markerName}.new`), `${JSON.stringify(next, undefined, 2)}\n`);
    renameSync(file(`${markerName}.new`), file(markerName));
  };
  save(marker);
  for (const name of contents) mkdirSync(file(name), { recursive: true });
  return {
    root,
    file,
    requestIdFor(content) {
      const contentSha = createHash('sha256').update(`${marker.life}\n${content}`).digest('hex');
      if (marker.last?.contentSha === contentSha) return marker.last.requestId;
      // Never the content's hash alone: going back to an earlier document is a request of its own.
      const requestId = `start-${contentSha.slice(0, 6)}-${randomUUID().slice(0, 8)}`;
      save({ ...marker, last: { contentSha, requestId } });
      return requestId;
    },
    get expected() {
      return marker.expected;
    },
    rememberExpected(expected) {
      save({ ...marker, expected });
    },
    close: unlock,
  };
}

function makeOwn(root: string, marker: string): void {
  const entries = existsSync(root) ? readdirSync(root) : [];
  if (entries.length > 0 && !existsSync(marker) && !entries.every((entry) => isOurs(entry))) {
    throw new StartProblem(
      `${root} is not a data folder of Capstan: it holds other files (${entries.slice(0, 3).join(', ')}) and no ${markerName}. Choose another folder with --data.`,
    );
  }
  mkdirSync(root, { recursive: true });
}

function isOurs(entry: string): boolean {
  return (contents as readonly string[]).includes(entry) || entry.startsWith(lockName) || entry.startsWith(markerName);
}

function readMarker(file: string): Marker {
  if (!existsSync(file)) return { life: randomUUID() };
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as Marker;
    if (typeof value.life === 'string') return value;
  } catch {
    // Reported below, together with a file that parses but is not a marker.
  }
  throw new StartProblem(`${file} cannot be read. Begin anew with: npm start -- --reset`);
}

async function lock(root: string, file: string): Promise<() => void> {
  const { DatabaseSync } = await import('node:sqlite');
  const database = new DatabaseSync(file);
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (error instanceof Error && /locked|busy/i.test(error.message)) {
      throw new StartProblem(
        `The data folder ${root} is used by another npm start. Stop that one, or choose another folder with --data (and other ports).`,
      );
    }
    throw error;
  }
  return () => {
    database.close();
  };
}
