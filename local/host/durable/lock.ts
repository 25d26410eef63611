import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** A data folder that is already in use, or cannot be used. */
export class DataFolderError extends Error {
  override readonly name = 'DataFolderError';
}

/**
 * Takes the folder for this process until `release`. The lock is an exclusive SQLite transaction, so the operating system
 * gives it back when the process dies in any way. Throws DataFolderError when another host holds it.
 */
export function lockDataFolder(folder: string): { release(): void } {
  const file = path.join(folder, 'host.lock');
  let database: DatabaseSync;
  try {
    mkdirSync(folder, { recursive: true });
    database = new DatabaseSync(file, { timeout: 0 });
  } catch (error) {
    throw new DataFolderError(
      `The data folder ${folder} cannot be written (${String(error)}). Choose another one with --data.`,
      { cause: error },
    );
  }
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    throw new DataFolderError(
      `Another host is running with the data folder ${folder}. Stop it first, or choose another folder with --data.`,
      { cause: error },
    );
  }
  return { release: () => database.close() };
}
