import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { isBusy, sqlite } from './sqlite.ts';

/** The worker of a host that was killed a moment ago may still hold the lock; it ends within this time. */
const PATIENCE_MS = 1500;
const AGAIN_MS = 20;

/** A data folder that is already in use, or cannot be used. */
export class DataFolderError extends Error {
  override readonly name = 'DataFolderError';
}

function notWritable(folder: string, error: unknown): DataFolderError {
  const reason = error instanceof Error ? error.message : String(error);
  return new DataFolderError(
    `The data folder ${folder} cannot be written (${reason}). Make it writable, or choose another one with --data.`,
    { cause: error },
  );
}

/**
 * Takes the folder for this process until `release`. The lock is an exclusive SQLite transaction, so the operating system
 * gives it back when the process dies in any way. Rejects with DataFolderError when another host goes on holding it.
 */
export async function lockDataFolder(folder: string): Promise<{ release(): void }> {
  const file = path.join(folder, 'host.lock');
  let database: DatabaseSync;
  try {
    mkdirSync(folder, { recursive: true });
    database = new (sqlite().DatabaseSync)(file, { timeout: 0 });
  } catch (error) {
    throw notWritable(folder, error);
  }
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      database.exec('BEGIN EXCLUSIVE');
      return { release: () => database.close() };
    } catch (error) {
      if (isBusy(error) && Date.now() < deadline) {
        await sleep(AGAIN_MS);
        continue;
      }
      database.close();
      if (!isBusy(error)) throw notWritable(folder, error);
      throw new DataFolderError(
        `Another host is running with the data folder ${folder}. Stop it first, or choose another folder with --data.`,
        { cause: error },
      );
    }
  }
}
