import { openDatabase } from '../database.ts';

const schema = `
CREATE TABLE IF NOT EXISTS queues (
  account TEXT NOT NULL, name TEXT NOT NULL, metadata TEXT NOT NULL, PRIMARY KEY (account, name)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (
  number INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, queue TEXT NOT NULL, id TEXT NOT NULL UNIQUE,
  text TEXT NOT NULL, inserted INTEGER NOT NULL, expires INTEGER NOT NULL, visible INTEGER NOT NULL,
  receipt TEXT NOT NULL, dequeued INTEGER NOT NULL,
  FOREIGN KEY (account, queue) REFERENCES queues (account, name) ON DELETE CASCADE) STRICT;
CREATE INDEX IF NOT EXISTS by_queue ON messages (account, queue, number);
`;

/** One message; times in milliseconds since the epoch. */
export interface Message {
  readonly id: string;
  readonly text: string;
  readonly inserted: number;
  readonly expires: number;
  /** When it can be read (again). */
  readonly visible: number;
  readonly receipt: string;
  readonly dequeued: number;
}

interface Queue {
  readonly name: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Queues of every account with their messages, in SQLite. */
export interface QueueStore {
  queue(account: string, name: string): Queue | undefined;
  put(account: string, queue: Queue): void;
  remove(account: string, name: string): void;
  list(account: string, prefix: string, after: string, limit: number): readonly Queue[];
  /** Messages that have not expired, oldest first; those that can be read now, or all. */
  messages(account: string, queue: string, now: number, limit: number, all?: 'all'): readonly Message[];
  message(account: string, queue: string, id: string, now: number): Message | undefined;
  count(account: string, queue: string, now: number): number;
  add(account: string, queue: string, message: Message): void;
  update(message: Message): void;
  drop(id: string): void;
  empty(account: string, queue: string): void;
  clear(): void;
  close(): void;
}

export function openQueueStore(file: string): QueueStore {
  const database = openDatabase(file, schema);
  const one = database.prepare('SELECT name, metadata FROM queues WHERE account = ? AND name = ?');
  const put = database.prepare(
    'INSERT INTO queues VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET metadata = excluded.metadata',
  );
  const remove = database.prepare('DELETE FROM queues WHERE account = ? AND name = ?');
  const list = database.prepare(
    'SELECT name, metadata FROM queues WHERE account = ? AND substr(name, 1, length(?2)) = ?2 AND name > ?3 ORDER BY name LIMIT ?4',
  );
  const fields = 'id, text, inserted, expires, visible, receipt, dequeued';
  const messages = database.prepare(
    `SELECT ${fields} FROM messages WHERE account = ? AND queue = ? AND expires > ? AND visible <= ? ORDER BY number LIMIT ?`,
  );
  const message = database.prepare(
    `SELECT ${fields} FROM messages WHERE account = ? AND queue = ? AND id = ? AND expires > ?`,
  );
  const count = database.prepare(
    'SELECT count(*) AS count FROM messages WHERE account = ? AND queue = ? AND expires > ?',
  );
  const add = database.prepare(
    'INSERT INTO messages (account, queue, id, text, inserted, expires, visible, receipt, dequeued) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  );
  const update = database.prepare('UPDATE messages SET text = ?, visible = ?, receipt = ?, dequeued = ? WHERE id = ?');
  const drop = database.prepare('DELETE FROM messages WHERE id = ?');
  const empty = database.prepare('DELETE FROM messages WHERE account = ? AND queue = ?');
  const queueOf = (row: unknown): Queue | undefined => {
    if (row === undefined) return undefined;
    const { name, metadata } = row as { name: string; metadata: string };
    return { name, metadata: JSON.parse(metadata) as Record<string, string> };
  };
  return {
    queue: (account, name) => queueOf(one.get(account, name)),
    put: (account, { name, metadata }) => void put.run(account, name, JSON.stringify(metadata)),
    remove: (account, name) => void remove.run(account, name),
    list: (account, prefix, after, limit) =>
      list.all(account, prefix, after, limit).flatMap((row) => queueOf(row) ?? []),
    messages: (account, queue, now, limit, all) =>
      messages.all(account, queue, now, all === 'all' ? Number.MAX_SAFE_INTEGER : now, limit) as unknown as Message[],
    message: (account, queue, id, now) => message.get(account, queue, id, now) as unknown as Message | undefined,
    count: (account, queue, now) => (count.get(account, queue, now) as { count: number }).count,
    add(account, queue, { id, text, inserted, expires, visible, receipt, dequeued }) {
      add.run(account, queue, id, text, inserted, expires, visible, receipt, dequeued);
    },
    update: ({ id, text, visible, receipt, dequeued }) => void update.run(text, visible, receipt, dequeued, id),
    drop: (id) => void drop.run(id),
    empty: (account, queue) => void empty.run(account, queue),
    clear: () => database.exec('DELETE FROM messages; DELETE FROM queues;'),
    close() {
      if (database.isOpen) database.close();
    },
  };
}
