import type { DatabaseSync } from 'node:sqlite';

const schema = `
CREATE TABLE IF NOT EXISTS secrets (
  vault TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, number INTEGER PRIMARY KEY AUTOINCREMENT,
  value TEXT NOT NULL, content_type TEXT, tags TEXT NOT NULL, enabled INTEGER NOT NULL, not_before INTEGER,
  expires INTEGER, created INTEGER NOT NULL, updated INTEGER NOT NULL, UNIQUE (vault, name, version)) STRICT;
CREATE TABLE IF NOT EXISTS states (
  vault TEXT NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL, since INTEGER NOT NULL,
  PRIMARY KEY (vault, name)) STRICT, WITHOUT ROWID;
`;

/** One version of a secret. Times in milliseconds since the epoch, `notBefore` and `expires` in seconds. */
export interface SecretVersion {
  readonly vault: string;
  readonly name: string;
  readonly version: string;
  readonly value: string;
  readonly contentType: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly enabled: boolean;
  readonly notBefore: number | undefined;
  readonly expires: number | undefined;
  readonly created: number;
  readonly updated: number;
}

/** Set while a secret is deleted or on its way back; absent for an active one. */
interface SecretState {
  readonly state: 'deleted' | 'recovering';
  readonly since: number;
  /** A fault rule keeps the deletion or recovery from coming to an end. */
  readonly endless: 0 | 1;
}

interface Row {
  vault: string;
  name: string;
  version: string;
  value: string;
  content_type: string | null;
  tags: string;
  enabled: number;
  not_before: number | null;
  expires: number | null;
  created: number;
  updated: number;
}

function toVersion(row: Row): SecretVersion {
  return {
    vault: row.vault,
    name: row.name,
    version: row.version,
    value: row.value,
    contentType: row.content_type ?? undefined,
    tags: JSON.parse(row.tags) as Record<string, string>,
    enabled: row.enabled === 1,
    notBefore: row.not_before ?? undefined,
    expires: row.expires ?? undefined,
    created: row.created,
    updated: row.updated,
  };
}

/** Secrets of every vault, with all versions. Names are compared without case, as the service does. */
export interface SecretStore {
  latest(vault: string, name: string): SecretVersion | undefined;
  version(vault: string, name: string, version: string): SecretVersion | undefined;
  /** Newest first. */
  versions(vault: string, name: string): readonly SecretVersion[];
  /** The newest version of each secret after `marker`, by name, in the given state. */
  list(vault: string, deleted: boolean, marker: string, limit: number): readonly SecretVersion[];
  add(secret: SecretVersion): void;
  update(secret: SecretVersion): void;
  state(vault: string, name: string): SecretState | undefined;
  setState(vault: string, name: string, state: SecretState | undefined): void;
  purge(vault: string, name: string): void;
  clear(): void;
}

export function openSecretStore(database: DatabaseSync): SecretStore {
  database.exec(schema);
  const known = database.prepare("SELECT 1 FROM pragma_table_info('states') WHERE name = 'endless'").get();
  // Folders of before know no endless deletions.
  if (known === undefined) database.exec('ALTER TABLE states ADD COLUMN endless INTEGER NOT NULL DEFAULT 0');
  const where = 'WHERE vault = ? AND name = ? COLLATE NOCASE';
  const latest = database.prepare(`SELECT * FROM secrets ${where} ORDER BY number DESC LIMIT 1`);
  const one = database.prepare(`SELECT * FROM secrets ${where} AND version = ?`);
  const all = database.prepare(`SELECT * FROM secrets ${where} ORDER BY number DESC`);
  const list = database.prepare(
    "SELECT s.* FROM secrets s LEFT JOIN states t ON t.vault = s.vault AND t.name = lower(s.name) WHERE s.vault = ?1 AND s.name > ?2 AND (coalesce(t.state, '') = 'deleted') = ?3 AND s.number = (SELECT max(number) FROM secrets m WHERE m.vault = s.vault AND m.name = s.name COLLATE NOCASE) ORDER BY s.name LIMIT ?4",
  );
  const insert = database.prepare(
    'INSERT INTO secrets (vault, name, version, value, content_type, tags, enabled, not_before, expires, created, updated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  );
  const update = database.prepare(
    `UPDATE secrets SET content_type = ?, tags = ?, enabled = ?, not_before = ?, expires = ?, updated = ? ${where} AND version = ?`,
  );
  const state = database.prepare('SELECT state, since, endless FROM states WHERE vault = ? AND name = lower(?)');
  const setState = database.prepare('INSERT OR REPLACE INTO states VALUES (?, lower(?), ?, ?, ?)');
  const dropState = database.prepare('DELETE FROM states WHERE vault = ? AND name = lower(?)');
  const purge = database.prepare(`DELETE FROM secrets ${where}`);
  const first = (row: unknown): SecretVersion | undefined => (row === undefined ? undefined : toVersion(row as Row));
  const flag = (value: boolean): number => (value ? 1 : 0);
  return {
    latest: (vault, name) => first(latest.get(vault, name)),
    version: (vault, name, version) => first(one.get(vault, name, version)),
    versions: (vault, name) => (all.all(vault, name) as unknown as Row[]).map(toVersion),
    list: (vault, deleted, marker, limit) =>
      (list.all(vault, marker, flag(deleted), limit) as unknown as Row[]).map(toVersion),
    add(s) {
      const times = [s.notBefore ?? null, s.expires ?? null, s.created, s.updated] as const;
      const { contentType = null } = s;
      insert.run(s.vault, s.name, s.version, s.value, contentType, JSON.stringify(s.tags), flag(s.enabled), ...times);
    },
    update(s) {
      const fields = [s.contentType ?? null, JSON.stringify(s.tags), flag(s.enabled)] as const;
      update.run(...fields, s.notBefore ?? null, s.expires ?? null, s.updated, s.vault, s.name, s.version);
    },
    state: (vault, name) => state.get(vault, name) as unknown as SecretState | undefined,
    setState(vault, name, next) {
      if (next === undefined) dropState.run(vault, name);
      else setState.run(vault, name, next.state, next.since, next.endless);
    },
    purge(vault, name) {
      purge.run(vault, name);
      dropState.run(vault, name);
    },
    clear: () => database.exec('DELETE FROM secrets; DELETE FROM states;'),
  };
}
