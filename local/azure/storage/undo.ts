import type { DatabaseSync } from 'node:sqlite';

/** Lets a read see the rows of a database as they were before the last write of a resource. */
export interface Undo {
  /** Begins or ends remembering; what happened before it began is not known. */
  remember(on: boolean): void;
  /** Notes that a write of the resource begins now. */
  writing(resource: string): void;
  /** Runs a synchronous read in the state before the last write of the resource, or of one below it. */
  before<T>(resource: string, read: () => T): T;
}

interface Column {
  readonly name: string;
  readonly pk: number;
}

/** Most changes that are remembered. */
const limit = 100_000;

/** SQL that makes each change of a table leave the statement that takes it back (the pattern of sqlite.org/undoredo.html). */
function triggersOf(database: DatabaseSync, table: string): string {
  const columns = database.prepare(`PRAGMA table_info(${table})`).all() as unknown as Column[];
  const keys = columns.filter(({ pk }) => pk > 0);
  const quoted = (row: string, names: readonly Column[], glue: string, assign: string): string =>
    names.map(({ name }) => `'"${name}"${assign}' || quote(${row}."${name}")`).join(` || '${glue}' || `);
  const where = (row: string): string => quoted(row, keys, ' AND ', ' IS ');
  const values = columns.map(({ name }) => `quote(OLD."${name}")`).join(` || ',' || `);
  const make = (event: string, sql: string): string =>
    `CREATE TEMP TRIGGER undo_${table}_${event} AFTER ${event} ON main.${table} BEGIN INSERT INTO undo (sql) VALUES (${sql}); END;`;
  return [
    make('INSERT', `'DELETE FROM main.${table} WHERE ' || ${where('NEW')}`),
    make(
      'UPDATE',
      `'UPDATE main.${table} SET ' || ${quoted('OLD', columns, ',', '=')} || ' WHERE ' || ${where('NEW')}`,
    ),
    make('DELETE', `'INSERT INTO main.${table} VALUES (' || ${values} || ')'`),
  ].join('\n');
}

/** @param tables parents before the tables that refer to them */
export function createUndo(database: DatabaseSync, tables: readonly string[]): Undo {
  let on = false;
  const begun = new Map<string, number>();
  const last = (): number =>
    (database.prepare('SELECT coalesce(max(seq), 0) AS seq FROM undo').get() as { seq: number }).seq;
  const stop = (): void => {
    const drop = tables.flatMap((table) =>
      ['INSERT', 'UPDATE', 'DELETE'].map((event) => `DROP TRIGGER IF EXISTS temp.undo_${table}_${event};`),
    );
    database.exec(`${drop.join('\n')}\nDROP TABLE IF EXISTS temp.undo;`);
    begun.clear();
  };
  const start = (): void => {
    database.exec('CREATE TEMP TABLE undo (seq INTEGER PRIMARY KEY AUTOINCREMENT, sql TEXT NOT NULL);');
    for (const table of tables) database.exec(triggersOf(database, table));
  };
  return {
    remember(wanted) {
      if (wanted === on || !database.isOpen) return;
      on = wanted;
      if (on) start();
      else stop();
    },
    writing(resource) {
      if (!on) return;
      begun.delete(resource);
      begun.set(resource, last());
      database.prepare('DELETE FROM undo WHERE seq <= ?').run(last() - limit);
    },
    before(resource, read) {
      const lastWrite = [...begun].findLast(([name]) => name === resource || name.startsWith(`${resource}/`));
      if (!on || lastWrite === undefined) return read();
      const statements = database.prepare('SELECT sql FROM undo WHERE seq > ? ORDER BY seq DESC').all(lastWrite[1]);
      database.exec('BEGIN');
      try {
        // A parent that was deleted with its children comes back after them.
        database.exec('PRAGMA defer_foreign_keys = ON');
        for (const { sql } of statements as unknown as { sql: string }[]) database.exec(sql);
        return read();
      } finally {
        database.exec('ROLLBACK');
      }
    },
  };
}
