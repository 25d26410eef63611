import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { JsonObject } from './json.ts';
import { isObject, type Json } from './json.ts';

/** A resource as the provider keeps it. */
export interface Resource {
  /** Lower-case id. */
  readonly key: string;
  /** Id in the letter case of the first writer. */
  readonly id: string;
  /** Canonical type, e.g. `Microsoft.Network/virtualNetworks`. */
  readonly type: string;
  readonly name: string;
  /** Wire body without id, name, type, etag and provisioningState. */
  readonly body: JsonObject;
  /** What the provider keeps but never returns (custom data, account keys, allocations). */
  readonly hidden: JsonObject;
  /** provisioningState. */
  readonly state: string;
  /** provisioningState of embedded children that differ, by lower-case id. */
  readonly childStates: Readonly<Record<string, string>>;
  readonly etag: string;
  /** Id of the operation that changes the resource at the moment. */
  readonly busy: string | undefined;
  /** Wall-clock milliseconds. */
  readonly createdAt: number;
}

/** A long-running operation. */
export interface Operation {
  readonly id: string;
  readonly kind: string;
  /** Operation name in messages, e.g. `PutSubnetOperation`. */
  readonly label: string;
  readonly key: string;
  readonly type: string;
  readonly subscription: string;
  readonly location: string;
  readonly version: string;
  readonly startedAt: number;
  /** Wall-clock milliseconds at which it ends; Infinity (stored as null) never. */
  readonly dueAt: number | null;
  readonly endedAt: number | undefined;
  readonly status: 'InProgress' | 'Succeeded' | 'Failed' | 'Canceled';
  readonly error: JsonObject | undefined;
  readonly pollRetryAfter: number | undefined;
  /** What the completion needs besides the resource (child id, action). */
  readonly detail: JsonObject;
}

/** The state of the simulated control plane: in memory, written through to SQLite. */
export interface Store {
  get(key: string): Resource | undefined;
  put(resource: Resource): void;
  remove(key: string): void;
  /** Runs a read as if the last write of a resource had not reached its place yet; of the newest thousand writes. */
  beforeLastWrite<T>(key: string, read: () => T): T;
  /** Resources of a type, in order of creation. */
  ofType(type: string): Iterable<Resource>;
  all(): Iterable<Resource>;
  /** How many resources of a type a subscription has in a region. */
  count(type: string, subscription: string, location: string): number;
  /** Keys of the resources whose body refers to exactly the given id. */
  referrers(id: string): readonly string[];
  operation(id: string): Operation | undefined;
  putOperation(operation: Operation): void;
  pendingOperations(): readonly Operation[];
  setting(name: string): Json | undefined;
  putSetting(name: string, value: Json): void;
  /** Runs `work` in one transaction; when it throws, nothing of it remains, neither on disk nor in memory. */
  transaction<T>(work: () => T): T;
  clear(): void;
  close(): void;
}

/** Every id that a body refers to, lower case. */
export function referencesIn(value: Json | undefined, found: Set<string> = new Set()): Set<string> {
  if (Array.isArray(value)) for (const item of value as readonly Json[]) referencesIn(item, found);
  else if (isObject(value)) {
    for (const [key, item] of Object.entries(value)) {
      if (key === 'id' && typeof item === 'string' && item.startsWith('/subscriptions/')) found.add(item.toLowerCase());
      else referencesIn(item, found);
    }
  }
  return found;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS resources (key TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS operations (id TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
`;

/** Finished operations are forgotten after this many, oldest first; real operation URLs expire too. */
const KEPT_OPERATIONS = 20_000;

/** So many resources keep their state before the last write, for stale reads. */
const KEPT_PREVIOUS = 1000;

class SqliteStore implements Store {
  readonly #database: DatabaseSync;
  readonly #resources = new Map<string, Resource>();
  readonly #byType = new Map<string, Set<string>>();
  readonly #referrers = new Map<string, Set<string>>();
  readonly #counts = new Map<string, number>();
  readonly #operations = new Map<string, Operation>();
  readonly #pending = new Map<string, Operation>();
  readonly #settings = new Map<string, Json>();
  readonly #previous = new Map<string, Resource | undefined>();
  readonly #touched = new Set<string>();
  readonly #statements;
  #inside = false;
  #begun = false;

  constructor(file: string) {
    this.#database = new DatabaseSync(file);
    this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
    this.#database.exec(SCHEMA);
    const prepare = (sql: string) => this.#database.prepare(sql);
    this.#statements = {
      put: prepare('INSERT INTO resources VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET document = excluded.document'),
      remove: prepare('DELETE FROM resources WHERE key = ?'),
      putOperation: prepare(
        'INSERT INTO operations VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET document = excluded.document',
      ),
      removeOperation: prepare('DELETE FROM operations WHERE id = ?'),
      putSetting: prepare('INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value'),
    };
    this.#load();
  }

  get(key: string): Resource | undefined {
    return this.#resources.get(key);
  }

  put(resource: Resource): void {
    this.#begin();
    this.#remember(resource.key);
    this.#unindex(resource.key);
    this.#index(resource);
    this.#statements.put.run(resource.key, JSON.stringify(resource));
  }

  remove(key: string): void {
    this.#begin();
    this.#remember(key);
    this.#unindex(key);
    const old = this.#resources.get(key);
    this.#tally(old, -1);
    if (old !== undefined) this.#byType.get(old.type.toLowerCase())?.delete(key);
    this.#resources.delete(key);
    this.#statements.remove.run(key);
  }

  beforeLastWrite<T>(key: string, read: () => T): T {
    if (!this.#previous.has(key)) return read();
    const now = this.#resources.get(key);
    const before = this.#previous.get(key);
    try {
      if (before === undefined) this.#resources.delete(key);
      else this.#resources.set(key, before);
      return read();
    } finally {
      if (now === undefined) this.#resources.delete(key);
      else this.#resources.set(key, now);
    }
  }

  *ofType(type: string): Iterable<Resource> {
    for (const key of this.#byType.get(type.toLowerCase()) ?? []) {
      const resource = this.#resources.get(key);
      if (resource !== undefined) yield resource;
    }
  }

  all(): Iterable<Resource> {
    return this.#resources.values();
  }

  count(type: string, subscription: string, location: string): number {
    return this.#counts.get(countKey(type, subscription, location)) ?? 0;
  }

  referrers(id: string): readonly string[] {
    return [...(this.#referrers.get(id.toLowerCase()) ?? [])];
  }

  operation(id: string): Operation | undefined {
    return this.#operations.get(id);
  }

  putOperation(operation: Operation): void {
    this.#begin();
    this.#track(operation);
    this.#statements.putOperation.run(operation.id, JSON.stringify(operation));
    if (this.#operations.size <= KEPT_OPERATIONS) return;
    for (const old of this.#operations.values()) {
      if (old.status === 'InProgress') continue;
      this.#operations.delete(old.id);
      this.#statements.removeOperation.run(old.id);
      break;
    }
  }

  pendingOperations(): readonly Operation[] {
    return [...this.#pending.values()];
  }

  setting(name: string): Json | undefined {
    return this.#settings.get(name);
  }

  putSetting(name: string, value: Json): void {
    this.#begin();
    this.#settings.set(name, value);
    this.#statements.putSetting.run(name, JSON.stringify(value));
  }

  transaction<T>(work: () => T): T {
    if (this.#inside) return work();
    this.#inside = true;
    try {
      const result = work();
      if (this.#begun) this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#begun) {
        this.#database.exec('ROLLBACK');
        this.#load();
      }
      throw error;
    } finally {
      this.#inside = false;
      this.#begun = false;
      this.#touched.clear();
    }
  }

  clear(): void {
    this.#database.exec('DELETE FROM resources; DELETE FROM operations; DELETE FROM settings;');
    this.#load();
  }

  close(): void {
    this.#database.close();
  }

  /** Opens the transaction at the first write only: reads and refusals, the most frequent answers, cost no disk access. */
  #begin(): void {
    if (!this.#inside || this.#begun) return;
    this.#database.exec('BEGIN');
    this.#begun = true;
  }

  #load(): void {
    for (const map of [
      this.#resources,
      this.#byType,
      this.#referrers,
      this.#operations,
      this.#pending,
      this.#settings,
      this.#previous,
      this.#counts,
    ])
      map.clear();
    const rows = (sql: string) => this.#database.prepare(sql).all() as { name?: string; document: string }[];
    const resources = rows('SELECT document FROM resources').map((row) => JSON.parse(row.document) as Resource);
    for (const resource of resources.sort((a, b) => a.createdAt - b.createdAt)) this.#index(resource);
    for (const row of rows('SELECT document FROM operations')) {
      this.#track(JSON.parse(row.document) as Operation);
    }
    for (const row of rows('SELECT name, value AS document FROM settings')) {
      this.#settings.set(row.name ?? '', JSON.parse(row.document) as Json);
    }
  }

  /** The state before the first change of a transaction counts. */
  #remember(key: string): void {
    if (this.#touched.has(key)) return;
    if (this.#inside) this.#touched.add(key);
    this.#previous.delete(key);
    this.#previous.set(key, this.#resources.get(key));
    const [oldest] = this.#previous.size > KEPT_PREVIOUS ? this.#previous.keys() : [];
    if (oldest !== undefined) this.#previous.delete(oldest);
  }

  #track(operation: Operation): void {
    this.#operations.set(operation.id, operation);
    if (operation.status === 'InProgress') this.#pending.set(operation.id, operation);
    else this.#pending.delete(operation.id);
  }

  #tally(resource: Resource | undefined, change: 1 | -1): void {
    const location = resource?.body['location'];
    if (resource === undefined || typeof location !== 'string') return;
    const key = countKey(resource.type, resource.key.split('/')[2] ?? '', location);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + change);
  }

  #index(resource: Resource): void {
    this.#tally(this.#resources.get(resource.key), -1);
    this.#tally(resource, 1);
    this.#resources.set(resource.key, resource);
    entry(this.#byType, resource.type.toLowerCase()).add(resource.key);
    for (const reference of referencesIn(resource.body)) entry(this.#referrers, reference).add(resource.key);
  }

  #unindex(key: string): void {
    const old = this.#resources.get(key);
    if (old === undefined) return;
    for (const reference of referencesIn(old.body)) this.#referrers.get(reference)?.delete(key);
    // The type index keeps its order on an update: only a removal takes the key out.
    if (this.#referrers.get(key)?.size === 0) this.#referrers.delete(key);
  }
}

function countKey(type: string, subscription: string, location: string): string {
  return `${type.toLowerCase()} ${subscription.toLowerCase()} ${location}`;
}

function entry(map: Map<string, Set<string>>, key: string): Set<string> {
  const found = map.get(key) ?? new Set<string>();
  map.set(key, found);
  return found;
}

/**
 * Opens (or creates) the state below a folder. WAL with synchronous=NORMAL: what was answered survives a killed process.
 *
 * @param directory folder for `arm.sqlite`; created when absent
 */
export function openStore(directory: string): Store {
  mkdirSync(directory, { recursive: true });
  return new SqliteStore(path.join(directory, 'arm.sqlite'));
}
