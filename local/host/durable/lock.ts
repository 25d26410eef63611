import path from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataFolderError, makeDataFolder, notWritable } from '../folders.ts';
import { isBusy, sqlite } from './sqlite.ts';

/** The worker of a host that was killed a moment ago may still hold the lock; it ends within this time. */
const PATIENCE_MS = 1500;
const AGAIN_MS = 20;

/**
 * Takes the folder for this process until `release`. The lock is an exclusive SQLite transaction, so the operating system
 * gives it back when the process dies in any way. Rejects with DataFolderError when another host goes on holding it.
 */
export async function lockDataFolder(folder: string): Promise<{ release(): void }> {
  const file = path.join(folder, 'host.lock');
  let database: DatabaseSync;
  makeDataFolder(folder);
  try {
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
