/** Everything durable on disk: instances, histories, messages that wait, activities that wait, entities, timer status. */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { LOG_PAGES, openDatabase, type Durability } from './schema.ts';
import { isStoreError } from './sqlite.ts';

export type RuntimeStatus = 'Pending' | 'Running' | 'Completed' | 'Failed' | 'Terminated' | 'Suspended';

/** Length of the log at which a commit moves it although somebody else should: 128 MiB. */
const LONG_LOG_PAGES = 32_000;

/** Statuses that an instance does not leave by itself. */
export const TERMINAL: ReadonlySet<string> = new Set(['Completed', 'Failed', 'Terminated', 'Canceled']);

/** One orchestration instance; times in milliseconds since 1970. */
export interface InstanceRow {
  readonly id: string;
  readonly exec: string;
  readonly name: string;
  readonly version: string | null;
  readonly status: RuntimeStatus;
  /** JSON text. */
  readonly custom: string | null;
  readonly parent: string | null;
  readonly parent_exec: string | null;
  readonly parent_name: string | null;
  readonly parent_task: number;
  /** Instance this one is a restart of. */
  readonly source: string | null;
  readonly created: number;
  readonly updated: number;
  /** Number of history events. */
  readonly events: number;
}

/** An instance with its payloads (JSON texts). */
export interface InstanceView extends InstanceRow {
  readonly input: string | null;
  readonly output: string | null;
}

/** A message that waits for an instance; `event` is the JSON of a history event. */
export interface InboxRow {
  readonly id: number;
  readonly inst: string;
  readonly exec: string | null;
  readonly due: number;
  readonly event: string;
}

/** An activity that waits or runs; `input` is JSON text. */
export interface WorkRow {
  readonly id: number;
  readonly inst: string;
  readonly exec: string;
  readonly task: number;
  readonly name: string;
  readonly input: string | null;
}

/** An entity; `queue` is the JSON list of requests that wait for a lock. */
export interface EntityRow {
  readonly id: string;
  readonly present: number;
  readonly state: string | null;
  readonly locked_by: string | null;
  readonly queue: string;
  readonly created: number;
  readonly updated: number;
}

/** Last and next run of a timer, as ISO texts. */
export interface TimerStatusRow {
  readonly last: string;
  readonly next: string;
  readonly last_updated: string;
}

/** Filter of a listing; undefined means no restriction. Times in milliseconds. */
export interface InstanceFilter {
  readonly prefix?: string | undefined;
  readonly statuses?: readonly string[] | undefined;
  readonly createdFrom?: number | undefined;
  readonly createdTo?: number | undefined;
  /** Ids from here on, in order; the continuation of a listing. */
  readonly startAt?: string | undefined;
  readonly limit: number;
}

/** The store of one task hub. All methods are synchronous; `transaction` makes several of them one commit. */
export class DurableStore {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  /** Commits so far, and a hook after each one (crash tests). */
  commits = 0;
  onCommit: ((commits: number) => void) | undefined;
  readonly durability: Durability;
  #checkpointer: (() => void) | undefined;

  /** @param limitBytes largest size of the file; what does not fit any more is refused. */
  constructor(file: string, durability: Durability = 'process', limitBytes?: number) {
    this.durability = durability;
    this.#database = openDatabase(file, durability, limitBytes);
  }

  /** Leaves the checkpoints to somebody who is called after each commit; only a log that has grown very long is moved here. */
  leaveCheckpoints(committed: () => void): void {
    this.#checkpointer = committed;
    this.#database.exec(`PRAGMA wal_autocheckpoint=${LONG_LOG_PAGES}`);
  }

  /** Does the checkpoints itself again. */
  takeCheckpoints(): void {
    this.#checkpointer = undefined;
    this.#database.exec(`PRAGMA wal_autocheckpoint=${LOG_PAGES}`);
  }

  /** Moves what is left of the log into the file, as far as nobody else does. A full disk leaves it for later. */
  checkpoint(): void {
    try {
      this.#sql('PRAGMA wal_checkpoint(PASSIVE)').all();
    } catch (error) {
      if (!isStoreError(error)) throw error;
    }
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #sql(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (!statement) {
      statement = this.#database.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  #one<T>(text: string, ...values: SQLInputValue[]): T | undefined {
    return this.#sql(text).get(...values) as T | undefined;
  }

  #all<T>(text: string, ...values: SQLInputValue[]): T[] {
    return this.#sql(text).all(...values) as T[];
  }

  /** Runs `work` in one transaction; rolls back and rethrows when it throws. */
  transaction<T>(work: () => T): T {
    this.#sql('BEGIN IMMEDIATE').run();
    let result: T;
    try {
      result = work();
      this.#sql('COMMIT').run();
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
    this.commits++;
    this.onCommit?.(this.commits);
    this.#checkpointer?.();
    return result;
  }

  instance(id: string): InstanceRow | undefined {
    return this.#one<InstanceRow>('SELECT * FROM instance WHERE id=?', id);
  }

  view(id: string): InstanceView | undefined {
    return this.#one<InstanceView>(
      'SELECT i.*, p.shown_input AS input, p.output FROM instance i JOIN payload p ON p.id=i.id WHERE i.id=?',
      id,
    );
  }

  /** The input that the orchestrator gets; differs from the shown one after continueAsNew without input. */
  input(id: string): string | null {
    return this.#one<{ input: string | null }>('SELECT input FROM payload WHERE id=?', id)?.input ?? null;
  }

  list(filter: InstanceFilter): InstanceView[] {
    const where = ['i.id >= ?'];
    const values: SQLInputValue[] = [filter.startAt ?? ''];
    const add = (condition: string, ...more: SQLInputValue[]): void => {
      where.push(condition);
      values.push(...more);
    };
    if (filter.prefix !== undefined) add('substr(i.id, 1, ?) = ?', filter.prefix.length, filter.prefix);
    if (filter.statuses !== undefined)
      add(`i.status IN (SELECT value FROM json_each(?))`, JSON.stringify(filter.statuses));
    if (filter.createdFrom !== undefined) add('i.created >= ?', filter.createdFrom);
    if (filter.createdTo !== undefined) add('i.created <= ?', filter.createdTo);
    const text = `SELECT i.*, p.shown_input AS input, p.output FROM instance i JOIN payload p ON p.id=i.id WHERE ${where.join(' AND ')} ORDER BY i.id LIMIT ?`;
    return this.#all<InstanceView>(text, ...values, filter.limit);
  }

  /** Newest time that any instance or entity carries; 0 in an empty store. */
  newestTime(): number {
    const text =
      'SELECT max(coalesce((SELECT max(updated) FROM instance), 0), coalesce((SELECT max(updated) FROM entity), 0)) AS time';
    return this.#one<{ time: number }>(text)?.time ?? 0;
  }

  /** Ids of instances that ended before a time, oldest first. */
  endedBefore(time: number, limit: number): string[] {
    const text = `SELECT id FROM instance WHERE updated < ? AND status IN ('Completed','Failed','Terminated','Canceled') ORDER BY updated LIMIT ?`;
    return this.#all<{ id: string }>(text, time, limit).map((row) => row.id);
  }

  /** Writes a new instance or replaces one with all that belongs to it. */
  putInstance(row: InstanceRow, input: string | null): void {
    this.purge(row.id);
    this.#sql(
      'INSERT INTO instance(id,exec,name,version,status,custom,parent,parent_exec,parent_name,parent_task,source,created,updated,events) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)',
    ).run(
      row.id,
      row.exec,
      row.name,
      row.version,
      row.status,
      row.custom,
      row.parent,
      row.parent_exec,
      row.parent_name,
      row.parent_task,
      row.source,
      row.created,
      row.updated,
      row.events,
    );
    this.#sql('INSERT INTO payload(id,input,shown_input,output) VALUES(?,?,?,NULL)').run(row.id, input, input);
  }

  updateStatus(id: string, status: RuntimeStatus, custom: string | null, events: number, now: number): void {
    this.#sql('UPDATE instance SET status=?, custom=?, events=?, updated=? WHERE id=?').run(
      status,
      custom,
      events,
      now,
      id,
    );
  }

  setOutput(id: string, output: string | null): void {
    this.#sql('UPDATE payload SET output=? WHERE id=?').run(output, id);
  }

  /** A new execution of the same instance: history and waiting activities go, the input is replaced. */
  continueAsNew(id: string, exec: string, input: string | null, custom: string | null, now: number): void {
    this.#sql('DELETE FROM history WHERE inst=?').run(id);
    this.#sql('UPDATE instance SET exec=?, custom=?, created=?, updated=?, events=0 WHERE id=?').run(
      exec,
      custom,
      now,
      now,
      id,
    );
    this.#sql('UPDATE payload SET input=?, shown_input=coalesce(?, shown_input), output=NULL WHERE id=?').run(
      input,
      input,
      id,
    );
  }

  history(id: string): string[] {
    return this.#all<{ event: string }>('SELECT event FROM history WHERE inst=? ORDER BY seq', id).map(
      (row) => row.event,
    );
  }

  appendHistory(id: string, seq: number, event: string): void {
    this.#sql('INSERT INTO history(inst,seq,event) VALUES(?,?,?)').run(id, seq, event);
  }

  replaceHistory(id: string, seq: number, event: string): void {
    this.#sql('UPDATE history SET event=? WHERE inst=? AND seq=?').run(event, id, seq);
  }

  /** Removes an instance or entity with everything that belongs to it; true when it existed. */
  purge(id: string): boolean {
    for (const table of ['history', 'inbox', 'work']) this.#sql(`DELETE FROM ${table} WHERE inst=?`).run(id);
    this.#sql('DELETE FROM payload WHERE id=?').run(id);
    const entity = this.#sql('DELETE FROM entity WHERE id=?').run(id).changes;
    return Number(this.#sql('DELETE FROM instance WHERE id=?').run(id).changes) + Number(entity) > 0;
  }

  post(inst: string, exec: string | null, due: number, event: string): void {
    this.#sql('INSERT INTO inbox(inst,exec,due,event) VALUES(?,?,?,?)').run(inst, exec, due, event);
  }

  /** Messages of an instance that are due, in the order in which they play. */
  dueMessages(inst: string, now: number): InboxRow[] {
    return this.#all<InboxRow>('SELECT * FROM inbox WHERE inst=? AND due<=? ORDER BY due, id', inst, now);
  }

  /** Makes messages with the due time `held` due now; true when there were some. */
  releaseHeld(inst: string, held: number, now: number): boolean {
    return Number(this.#sql('UPDATE inbox SET due=? WHERE inst=? AND due=?').run(now, inst, held).changes) > 0;
  }

  removeMessages(rows: readonly InboxRow[]): void {
    const statement = this.#sql('DELETE FROM inbox WHERE id=?');
    for (const row of rows) statement.run(row.id);
  }

  readyInstances(now: number): string[] {
    return this.#all<{ inst: string }>('SELECT DISTINCT inst FROM inbox WHERE due<=?', now).map((row) => row.inst);
  }

  nextDue(after: number): number | undefined {
    return this.#one<{ due: number | null }>('SELECT min(due) AS due FROM inbox WHERE due>?', after)?.due ?? undefined;
  }

  addWork(work: Omit<WorkRow, 'id'>): WorkRow {
    const { lastInsertRowid } = this.#sql('INSERT INTO work(inst,exec,task,name,input) VALUES(?,?,?,?,?)').run(
      work.inst,
      work.exec,
      work.task,
      work.name,
      work.input,
    );
    return { ...work, id: Number(lastInsertRowid) };
  }

  /** Removes a work item; false when it is gone already (its instance was purged or replaced). */
  removeWork(id: number): boolean {
    return Number(this.#sql('DELETE FROM work WHERE id=?').run(id).changes) > 0;
  }

  removeWorkOf(inst: string): void {
    this.#sql('DELETE FROM work WHERE inst=?').run(inst);
  }

  work(): WorkRow[] {
    return this.#all<WorkRow>('SELECT * FROM work ORDER BY id');
  }

  entity(id: string): EntityRow | undefined {
    return this.#one<EntityRow>('SELECT * FROM entity WHERE id=?', id);
  }

  /** Entities whose lock an instance holds. */
  lockedBy(inst: string): string[] {
    return this.#all<{ id: string }>('SELECT id FROM entity WHERE locked_by=?', inst).map((row) => row.id);
  }

  putEntity(row: EntityRow): void {
    this.#sql(
      'INSERT OR REPLACE INTO entity(id,present,state,locked_by,queue,created,updated) VALUES(?,?,?,?,?,?,?)',
    ).run(row.id, row.present, row.state, row.locked_by, row.queue, row.created, row.updated);
  }

  entities(prefix: string): EntityRow[] {
    return this.#all<EntityRow>('SELECT * FROM entity WHERE substr(id, 1, ?) = ? ORDER BY id', prefix.length, prefix);
  }

  timerStatus(name: string): TimerStatusRow | undefined {
    return this.#one<TimerStatusRow>('SELECT last, next, last_updated FROM timer_status WHERE name=?', name);
  }

  putTimerStatus(name: string, row: TimerStatusRow): void {
    this.#sql('INSERT OR REPLACE INTO timer_status(name,last,next,last_updated) VALUES(?,?,?,?)').run(
      name,
      row.last,
      row.next,
      row.last_updated,
    );
  }
}
