import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/**
 * Opens a SQLite file as the simulators use it: write-ahead log, synchronous NORMAL. A process that is killed loses
 * nothing that was committed.
 */
export function openDatabase(file: string, schema: string): DatabaseSync {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(file);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;');
  database.exec(schema);
  return database;
}

/** Runs `work` in one transaction; rolled back when it throws. Transactions do not nest. */
export function transaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}

/** Tables of the schema, those that others refer to first. */
export const storageTables = ['containers', 'blobs', 'ranges', 'changes', 'staged_blocks', 'committed_blocks'] as const;

export const storageSchema = `
CREATE TABLE IF NOT EXISTS containers (
  account TEXT NOT NULL, name TEXT NOT NULL, public_access TEXT NOT NULL, etag TEXT NOT NULL,
  modified INTEGER NOT NULL, metadata TEXT NOT NULL, deleted_at INTEGER, PRIMARY KEY (account, name)) STRICT;
CREATE TABLE IF NOT EXISTS blobs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, container TEXT NOT NULL, name TEXT NOT NULL,
  snapshot TEXT NOT NULL, type TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL, created INTEGER NOT NULL,
  modified INTEGER NOT NULL, sequence INTEGER NOT NULL, headers TEXT NOT NULL, metadata TEXT NOT NULL, copy TEXT,
  lease TEXT, UNIQUE (account, container, name, snapshot)) STRICT;
CREATE TABLE IF NOT EXISTS ranges (
  blob INTEGER NOT NULL REFERENCES blobs (id) ON DELETE CASCADE, start INTEGER NOT NULL, end INTEGER NOT NULL,
  PRIMARY KEY (blob, start)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS changes (
  blob INTEGER NOT NULL REFERENCES blobs (id) ON DELETE CASCADE, since TEXT NOT NULL, start INTEGER NOT NULL,
  end INTEGER NOT NULL, PRIMARY KEY (blob, since, start)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS staged_blocks (
  account TEXT NOT NULL, container TEXT NOT NULL, name TEXT NOT NULL, block TEXT NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY (account, container, name, block)) STRICT;
CREATE TABLE IF NOT EXISTS committed_blocks (
  blob INTEGER NOT NULL REFERENCES blobs (id) ON DELETE CASCADE, position INTEGER NOT NULL, block TEXT NOT NULL,
  start INTEGER NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (blob, position)) STRICT, WITHOUT ROWID;
`;
