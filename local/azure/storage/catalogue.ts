import type { DatabaseSync } from 'node:sqlite';
import type { BlobAddress, BlobRecord, ContainerRecord, CopyState, LeaseState, PublicAccess } from './records.ts';

interface BlobRow {
  id: number;
  account: string;
  container: string;
  name: string;
  snapshot: string;
  type: 'PageBlob' | 'BlockBlob';
  size: number;
  etag: string;
  created: number;
  modified: number;
  sequence: number;
  headers: string;
  metadata: string;
  copy: string | null;
  lease: string | null;
}

interface ContainerRow {
  account: string;
  name: string;
  public_access: PublicAccess;
  etag: string;
  modified: number;
  metadata: string;
  deleted_at: number | null;
}

function toBlob(row: BlobRow): BlobRecord {
  return {
    ...row,
    headers: JSON.parse(row.headers) as Record<string, string>,
    metadata: JSON.parse(row.metadata) as Record<string, string>,
    copy: row.copy === null ? undefined : (JSON.parse(row.copy) as CopyState),
    lease: row.lease === null ? undefined : (JSON.parse(row.lease) as LeaseState),
  };
}

function toContainer(row: ContainerRow): ContainerRecord {
  return {
    account: row.account,
    name: row.name,
    publicAccess: row.public_access,
    etag: row.etag,
    modified: row.modified,
    metadata: JSON.parse(row.metadata) as Record<string, string>,
    deletedAt: row.deleted_at ?? undefined,
  };
}

const orNull = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value));

/** Rows of blobs: what is known of them, without their contents. */
export interface BlobTable {
  find(address: BlobAddress, snapshot?: string): BlobRecord | undefined;
  byId(id: number): BlobRecord | undefined;
  snapshots(address: BlobAddress): readonly BlobRecord[];
  insert(record: Omit<BlobRecord, 'id'>): BlobRecord;
  /** Writes the changed fields and answers the new record. */
  update(record: BlobRecord, changes: Partial<Omit<BlobRecord, 'id'>>): BlobRecord;
  remove(id: number): void;
  /** Blobs of a container after `marker` in name order, at most `limit`. */
  list(account: string, container: string, prefix: string, marker: string, limit: number): readonly BlobRecord[];
  ofContainer(account: string, container: string | undefined): readonly number[];
  pendingCopies(): readonly BlobRecord[];
}

export interface ContainerTable {
  find(account: string, name: string): ContainerRecord | undefined;
  put(record: ContainerRecord): void;
  remove(account: string, name: string): void;
  list(account: string): readonly ContainerRecord[];
}

export function openContainers(database: DatabaseSync): ContainerTable {
  const select = database.prepare('SELECT * FROM containers WHERE account = ? AND name = ?');
  const all = database.prepare('SELECT * FROM containers WHERE account = ? ORDER BY name');
  const put = database.prepare('INSERT OR REPLACE INTO containers VALUES (?, ?, ?, ?, ?, ?, ?)');
  const remove = database.prepare('DELETE FROM containers WHERE account = ? AND name = ?');
  return {
    find(account, name) {
      const row = select.get(account, name) as unknown as ContainerRow | undefined;
      return row === undefined ? undefined : toContainer(row);
    },
    put: (c) => {
      put.run(c.account, c.name, c.publicAccess, c.etag, c.modified, JSON.stringify(c.metadata), c.deletedAt ?? null);
    },
    remove: (account, name) => {
      remove.run(account, name);
    },
    list: (account) => (all.all(account) as unknown as ContainerRow[]).map(toContainer),
  };
}

export function openBlobs(database: DatabaseSync): BlobTable {
  const where = 'WHERE account = ? AND container = ? AND name = ?';
  const select = database.prepare(`SELECT * FROM blobs ${where} AND snapshot = ?`);
  const byId = database.prepare('SELECT * FROM blobs WHERE id = ?');
  const snapshots = database.prepare(`SELECT * FROM blobs ${where} AND snapshot <> '' ORDER BY snapshot`);
  const insert = database.prepare(
    'INSERT INTO blobs (account, container, name, snapshot, type, size, etag, created, modified, sequence, headers, metadata, copy, lease) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  );
  const update = database.prepare(
    'UPDATE blobs SET size = ?, etag = ?, modified = ?, sequence = ?, headers = ?, metadata = ?, copy = ?, lease = ? WHERE id = ?',
  );
  const remove = database.prepare('DELETE FROM blobs WHERE id = ?');
  const list = database.prepare(
    "SELECT * FROM blobs WHERE account = ?1 AND container = ?2 AND snapshot = '' AND name > ?3 AND substr(name, 1, length(?4)) = ?4 ORDER BY name LIMIT ?5",
  );
  const pending = database.prepare("SELECT * FROM blobs WHERE copy ->> '$.status' = 'pending'");
  const ofContainer = database.prepare('SELECT id FROM blobs WHERE account = ? AND container = ?');
  const ofAccount = database.prepare('SELECT id FROM blobs WHERE account = ?');
  const one = (row: unknown): BlobRecord | undefined => (row === undefined ? undefined : toBlob(row as BlobRow));
  return {
    find: (a, snapshot = '') => one(select.get(a.account, a.container, a.name, snapshot)),
    byId: (id) => one(byId.get(id)),
    snapshots: (a) => (snapshots.all(a.account, a.container, a.name) as unknown as BlobRow[]).map(toBlob),
    insert(r) {
      const fixed = [
        r.account,
        r.container,
        r.name,
        r.snapshot,
        r.type,
        r.size,
        r.etag,
        r.created,
        r.modified,
      ] as const;
      const { lastInsertRowid } = insert.run(
        ...fixed,
        r.sequence,
        JSON.stringify(r.headers),
        JSON.stringify(r.metadata),
        orNull(r.copy),
        orNull(r.lease),
      );
      return { ...r, id: Number(lastInsertRowid) };
    },
    update(record, changes) {
      const r = { ...record, ...changes };
      const texts = [JSON.stringify(r.headers), JSON.stringify(r.metadata), orNull(r.copy), orNull(r.lease)] as const;
      update.run(r.size, r.etag, r.modified, r.sequence, ...texts, r.id);
      return r;
    },
    remove: (id) => {
      remove.run(id);
    },
    list: (account, container, prefix, marker, limit) =>
      (list.all(account, container, marker, prefix, limit) as unknown as BlobRow[]).map(toBlob),
    ofContainer(account, container) {
      const rows = container === undefined ? ofAccount.all(account) : ofContainer.all(account, container);
      return (rows as unknown as { id: number }[]).map((row) => row.id);
    },
    pendingCopies: () => (pending.all() as unknown as BlobRow[]).map(toBlob),
  };
}
