import { openDatabase } from '../database.ts';
import type { Entity } from './filter.ts';

const schema = `
CREATE TABLE IF NOT EXISTS tables (
  account TEXT NOT NULL, name TEXT NOT NULL COLLATE NOCASE, PRIMARY KEY (account, name)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entities (
  account TEXT NOT NULL, "table" TEXT NOT NULL COLLATE NOCASE, partition TEXT NOT NULL, row TEXT NOT NULL,
  etag TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (account, "table", partition, row)) STRICT, WITHOUT ROWID;
`;

export interface StoredEntity {
  readonly partition: string;
  readonly row: string;
  readonly etag: string;
  readonly body: Entity;
}

/** Tables of every account with their entities, in SQLite. Names of tables are compared without letter case. */
export interface TableStore {
  table(account: string, name: string): string | undefined;
  create(account: string, name: string): void;
  drop(account: string, name: string): void;
  tables(account: string, from: string): readonly string[];
  entity(account: string, table: string, partition: string, row: string): StoredEntity | undefined;
  /** Entities in the order of their keys, from the given one on. */
  entities(account: string, table: string, partition: string, row: string): Iterable<StoredEntity>;
  put(account: string, table: string, entity: StoredEntity): void;
  remove(account: string, table: string, partition: string, row: string): void;
  clear(): void;
  close(): void;
}

interface Row {
  readonly partition: string;
  readonly row: string;
  readonly etag: string;
  readonly body: string;
}

export function openTableStore(file: string): TableStore {
  const database = openDatabase(file, schema);
  const one = database.prepare('SELECT name FROM tables WHERE account = ? AND name = ?');
  const create = database.prepare('INSERT INTO tables VALUES (?, ?)');
  const list = database.prepare('SELECT name FROM tables WHERE account = ? AND name >= ? ORDER BY name');
  const drop = [
    database.prepare('DELETE FROM tables WHERE account = ? AND name = ?'),
    database.prepare('DELETE FROM entities WHERE account = ? AND "table" = ?'),
  ];
  const key = 'account = ? AND "table" = ?';
  const entity = database.prepare(
    `SELECT partition, row, etag, body FROM entities WHERE ${key} AND partition = ? AND row = ?`,
  );
  const all = database.prepare(
    `SELECT partition, row, etag, body FROM entities WHERE ${key} AND (partition, row) >= (?, ?) ORDER BY partition, row`,
  );
  const put = database.prepare('INSERT OR REPLACE INTO entities VALUES (?, ?, ?, ?, ?, ?)');
  const remove = database.prepare(`DELETE FROM entities WHERE ${key} AND partition = ? AND row = ?`);
  const read = (found: unknown): StoredEntity => {
    const { body, ...rest } = found as Row;
    return { ...rest, body: JSON.parse(body) as Entity };
  };
  const nameOf = (row: unknown): string => (row as { name: string }).name;
  return {
    table(account, name) {
      const row = one.get(account, name);
      return row === undefined ? undefined : nameOf(row);
    },
    create: (account, name) => void create.run(account, name),
    drop(account, name) {
      for (const statement of drop) statement.run(account, name);
    },
    tables: (account, from) => list.all(account, from).map(nameOf),
    entity(account, table, partition, row) {
      const found = entity.get(account, table, partition, row);
      return found === undefined ? undefined : read(found);
    },
    *entities(account, table, partition, row) {
      for (const found of all.iterate(account, table, partition, row)) yield read(found);
    },
    put(account, table, { partition, row, etag, body }) {
      put.run(account, table, partition, row, etag, JSON.stringify(body));
    },
    remove: (account, table, partition, row) => void remove.run(account, table, partition, row),
    clear: () => database.exec('DELETE FROM entities; DELETE FROM tables;'),
    close() {
      if (database.isOpen) database.close();
    },
  };
}
