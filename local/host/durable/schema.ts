import { existsSync } from 'node:fs';
import path from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { checkWritable, DataFolderError } from '../folders.ts';
import { sqlite } from './sqlite.ts';

/** Marks a file as ours in the SQLite header ("FnHo"). */
const APPLICATION_ID = 0x466e486f;

/** Steps from one schema version to the next; the version is `PRAGMA user_version`. Never change a step that was released. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE instance(
     id TEXT PRIMARY KEY, exec TEXT NOT NULL, name TEXT NOT NULL, version TEXT, status TEXT NOT NULL, custom TEXT,
     parent TEXT, parent_exec TEXT, parent_name TEXT, parent_task INTEGER NOT NULL, source TEXT,
     created INTEGER NOT NULL, updated INTEGER NOT NULL, events INTEGER NOT NULL) STRICT, WITHOUT ROWID;
   CREATE INDEX instance_created ON instance(created);
   CREATE TABLE payload(id TEXT PRIMARY KEY, input TEXT, shown_input TEXT, output TEXT) STRICT;
   CREATE TABLE history(inst TEXT NOT NULL, seq INTEGER NOT NULL, event TEXT NOT NULL, PRIMARY KEY(inst, seq)) STRICT, WITHOUT ROWID;
   CREATE TABLE inbox(id INTEGER PRIMARY KEY AUTOINCREMENT, inst TEXT NOT NULL, exec TEXT, due INTEGER NOT NULL, event TEXT NOT NULL) STRICT;
   CREATE INDEX inbox_inst ON inbox(inst, due);
   CREATE INDEX inbox_due ON inbox(due);
   CREATE TABLE work(id INTEGER PRIMARY KEY AUTOINCREMENT, inst TEXT NOT NULL, exec TEXT NOT NULL, task INTEGER NOT NULL,
     name TEXT NOT NULL, input TEXT) STRICT;
   CREATE INDEX work_inst ON work(inst);
   CREATE TABLE entity(id TEXT PRIMARY KEY, present INTEGER NOT NULL, state TEXT, locked_by TEXT, queue TEXT NOT NULL,
     created INTEGER NOT NULL, updated INTEGER NOT NULL) STRICT;
   CREATE TABLE timer_status(name TEXT PRIMARY KEY, last TEXT NOT NULL, next TEXT NOT NULL, last_updated TEXT NOT NULL) STRICT;`,
];

/** Pages of 4 KiB after which the log is moved into the file. */
export const LOG_PAGES = 4000;

/**
 * How long a statement waits for another connection's lock. The last connection of a host that stops holds one while it
 * clears the log away (SQLite, wal.html section 8): whoever starts the next host at once waits for that.
 */
const busyMilliseconds = 5000;

/** How much a crash may cost: `process` survives the death of the process, `power` also that of the machine. */
export type Durability = 'process' | 'power';

/**
 * Opens the file, checks it and brings its schema up to date. A damaged file, a file of another program or one written by a
 * newer version is refused (DataFolderError) and left untouched.
 */
export function openDatabase(file: string, durability: Durability, limitBytes?: number): DatabaseSync {
  const existed = existsSync(file);
  let database: DatabaseSync | undefined;
  try {
    database = new (sqlite().DatabaseSync)(file, { timeout: busyMilliseconds });
    prepare(database, file, existed, durability);
    if (limitBytes !== undefined) limitSize(database, limitBytes);
    return database;
  } catch (error) {
    database?.close();
    if (error instanceof DataFolderError) throw error;
    checkWritable(path.dirname(file), file);
    throw new DataFolderError(
      `The history file ${file} is damaged or cannot be opened (${error instanceof Error ? error.message : String(error)}). ` +
        'It was left as it is. Restore it from a copy, or move it away to start with an empty history.',
      { cause: error },
    );
  }
}

function limitSize(database: DatabaseSync, bytes: number): void {
  const [pageSize] = Object.values(database.prepare('PRAGMA page_size').get() ?? {});
  database.exec(`PRAGMA max_page_count=${Math.max(1, Math.floor(bytes / Number(pageSize)))}`);
}

function prepare(database: DatabaseSync, file: string, existed: boolean, durability: Durability): void {
  const pragma = (name: string): unknown => Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  const version = Number(pragma('user_version'));
  const owner = Number(pragma('application_id'));
  if (existed && owner !== APPLICATION_ID && (owner !== 0 || version !== 0)) {
    throw new DataFolderError(`${file} belongs to another program. Choose another folder with --data.`);
  }
  if (version > MIGRATIONS.length) {
    throw new DataFolderError(
      `${file} was written by a newer version of this host (schema ${version}, known up to ${MIGRATIONS.length}). Use that version.`,
    );
  }
  if (existed && version > 0) {
    const verdict = pragma('quick_check(1)');
    if (verdict !== 'ok') throw new Error(String(verdict));
  }
  database.exec(
    `PRAGMA journal_mode=WAL; PRAGMA synchronous=${durability === 'power' ? 'FULL' : 'NORMAL'}; PRAGMA cache_size=-16000; PRAGMA wal_autocheckpoint=${LOG_PAGES}`,
  );
  for (const [index, step] of MIGRATIONS.entries()) {
    if (index < version) continue;
    database.exec(
      `BEGIN IMMEDIATE; ${step} PRAGMA application_id=${APPLICATION_ID}; PRAGMA user_version=${index + 1}; COMMIT;`,
    );
  }
}
