import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { KubeObject } from '../contract.ts';
import { expired } from './errors.ts';

/** One committed change. Objects are shared and must not be changed by readers. */
export interface StoreEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly revision: number;
  readonly bucket: string;
  readonly object: KubeObject;
  /** The object before the change; absent for ADDED. */
  readonly previous: KubeObject | undefined;
}

const HISTORY_LIMIT = 4000;

/**
 * The objects of one cluster: in memory, written through to SQLite, so that every acknowledged write survives a killed
 * process. Each change gets the next revision; the last few thousand are kept for watches and consistent paging.
 */
export class ObjectStore {
  readonly #database: DatabaseSync;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  readonly #saveRevision: StatementSync;
  readonly #buckets = new Map<string, Map<string, KubeObject>>();
  readonly #byUid = new Map<string, { bucket: string; object: KubeObject }>();
  readonly #dependents = new Map<string, Set<string>>();
  /** Keys of a bucket in order, until one comes or goes. */
  readonly #sorted = new Map<string, readonly string[]>();
  readonly #listeners = new Set<(event: StoreEvent) => void>();
  #history: StoreEvent[] = [];
  #oldest: number;
  #revision = 0;

  /** Opens or creates the file. Throws when it is not a database. */
  constructor(file: string) {
    if (file !== ':memory:') mkdirSync(dirname(file), { recursive: true });
    this.#database = new DatabaseSync(file);
    this.#database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000;
      CREATE TABLE IF NOT EXISTS object (bucket TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (bucket, key)) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS revision (id INTEGER PRIMARY KEY CHECK (id = 0), value INTEGER NOT NULL);`);
    this.#put = this.#database.prepare('INSERT OR REPLACE INTO object (bucket, key, body) VALUES (?, ?, ?)');
    this.#remove = this.#database.prepare('DELETE FROM object WHERE bucket = ? AND key = ?');
    this.#saveRevision = this.#database.prepare('INSERT OR REPLACE INTO revision (id, value) VALUES (0, ?)');
    this.#load();
    this.#oldest = this.#revision;
  }

  /** Revision of the newest change. */
  get revision(): number {
    return this.#revision;
  }

  /** Oldest revision from which a watch can start. */
  get oldestRevision(): number {
    return this.#oldest;
  }

  get(bucket: string, namespace: string, name: string): KubeObject | undefined {
    return this.#buckets.get(bucket)?.get(`${namespace}/${name}`);
  }

  /** Objects of a bucket in key order; of one namespace when given. */
  list(bucket: string, namespace?: string): KubeObject[] {
    const objects = this.#buckets.get(bucket);
    if (objects === undefined) return [];
    let sorted = this.#sorted.get(bucket);
    if (sorted === undefined) {
      sorted = [...objects.keys()].sort((left, right) => (left < right ? -1 : 1));
      this.#sorted.set(bucket, sorted);
    }
    const prefix = namespace === undefined ? '' : `${namespace}/`;
    return sorted.flatMap((key) => (key.startsWith(prefix) ? (objects.get(key) ?? []) : []));
  }

  /** Names of the buckets that hold at least one object. */
  buckets(): string[] {
    return [...this.#buckets.entries()].filter(([, objects]) => objects.size > 0).map(([bucket]) => bucket);
  }

  byUid(uid: string): { bucket: string; object: KubeObject } | undefined {
    return this.#byUid.get(uid);
  }

  /** Objects that name this uid among their owners. */
  dependentsOf(uid: string): { bucket: string; object: KubeObject }[] {
    return [...(this.#dependents.get(uid) ?? [])].flatMap((dependent) => this.#byUid.get(dependent) ?? []);
  }

  /** Stores an object under the next revision and returns the stored one. The argument is taken over, not copied. */
  put(bucket: string, object: KubeObject): KubeObject {
    const key = keyOf(object);
    const previous = this.#buckets.get(bucket)?.get(key);
    const revision = this.#revision + 1;
    object.metadata.resourceVersion = String(revision);
    this.#transaction(revision, () => this.#put.run(bucket, key, JSON.stringify(object)));
    if (previous !== undefined) this.#unindex(previous);
    this.#index(bucket, key, object);
    this.#publish({ type: previous === undefined ? 'ADDED' : 'MODIFIED', revision, bucket, object, previous });
    return object;
  }

  /** Removes an object; the event carries its last state under the new revision. */
  remove(bucket: string, object: KubeObject): KubeObject {
    const key = keyOf(object);
    const previous = this.#buckets.get(bucket)?.get(key);
    if (previous === undefined) return object;
    const revision = this.#revision + 1;
    this.#transaction(revision, () => this.#remove.run(bucket, key));
    this.#buckets.get(bucket)?.delete(key);
    this.#sorted.delete(bucket);
    this.#unindex(previous);
    const last: KubeObject = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
    this.#publish({ type: 'DELETED', revision, bucket, object: last, previous });
    return last;
  }

  /** Called synchronously after every commit. */
  subscribe(listener: (event: StoreEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Changes after a revision, oldest first. Throws 410 Expired when they are no longer known. */
  since(revision: number): StoreEvent[] {
    if (revision < this.#oldest) throw expired(`too old resource version: ${revision} (${this.#oldest})`);
    return this.#history.filter((event) => event.revision > revision);
  }

  /** The bucket as it was at a revision. Throws 410 Expired when that is no longer known. */
  listAt(revision: number, bucket: string, namespace?: string): KubeObject[] {
    if (revision === this.#revision) return this.list(bucket, namespace);
    const objects = new Map(this.list(bucket, namespace).map((object) => [keyOf(object), object]));
    for (const event of this.since(revision).reverse()) {
      if (event.bucket !== bucket) continue;
      if (namespace !== undefined && event.object.metadata.namespace !== namespace) continue;
      if (event.previous === undefined) objects.delete(keyOf(event.object));
      else objects.set(keyOf(event.object), event.previous);
    }
    return [...objects.entries()].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, object]) => object);
  }

  /** Forgets the history, so that every older resourceVersion answers 410 (as after a compaction of etcd). */
  compact(): void {
    this.#history = [];
    this.#oldest = this.#revision;
  }

  close(): void {
    this.#listeners.clear();
    this.#database.close();
  }

  #load(): void {
    const row = this.#database.prepare('SELECT value FROM revision WHERE id = 0').get();
    this.#revision = Number(row?.['value'] ?? 0);
    for (const { bucket, key, body } of this.#database.prepare('SELECT bucket, key, body FROM object').iterate()) {
      this.#index(String(bucket), String(key), JSON.parse(String(body)) as KubeObject);
    }
  }

  #transaction(revision: number, change: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      change();
      this.#saveRevision.run(revision);
      this.#database.exec('COMMIT');
    } catch (error) {
      this.#database.exec('ROLLBACK');
      throw error;
    }
    this.#revision = revision;
  }

  #index(bucket: string, key: string, object: KubeObject): void {
    let objects = this.#buckets.get(bucket);
    if (objects === undefined) this.#buckets.set(bucket, (objects = new Map<string, KubeObject>()));
    if (!objects.has(key)) this.#sorted.delete(bucket);
    objects.set(key, object);
    const { uid } = object.metadata;
    if (uid === undefined) return;
    this.#byUid.set(uid, { bucket, object });
    for (const owner of object.metadata.ownerReferences ?? []) {
      let dependents = this.#dependents.get(owner.uid);
      if (dependents === undefined) this.#dependents.set(owner.uid, (dependents = new Set<string>()));
      dependents.add(uid);
    }
  }

  #unindex(object: KubeObject): void {
    const { uid } = object.metadata;
    if (uid === undefined) return;
    this.#byUid.delete(uid);
    for (const owner of object.metadata.ownerReferences ?? []) {
      const dependents = this.#dependents.get(owner.uid);
      dependents?.delete(uid);
      if (dependents?.size === 0) this.#dependents.delete(owner.uid);
    }
  }

  #publish(event: StoreEvent): void {
    this.#history.push(event);
    if (this.#history.length > HISTORY_LIMIT * 1.25) {
      this.#history = this.#history.slice(-HISTORY_LIMIT);
      this.#oldest = (this.#history[0]?.revision ?? this.#revision + 1) - 1;
    }
    for (const listener of this.#listeners) listener(event);
  }
}

function keyOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}
