/**
 * Moves the write-ahead log into the database file from a thread of its own. A checkpoint waits for the disk; done by the
 * connection that commits, one orchestration in a hundred would wait for it.
 */
import { Worker } from 'node:worker_threads';
import type { DurableStore } from './store.ts';

/** Commits between two checkpoints: some 4,000 pages of 4 KiB with small payloads. */
const EVERY = 350;

/** Runs in the thread, as text because the host is one file when it is bundled. */
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
const database = new DatabaseSync(workerData.file);
database.exec('PRAGMA synchronous=' + workerData.synchronous + '; PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-256');
parentPort.on('message', (message) => {
  if (message === 'close') { database.close(); parentPort.close(); return; }
  database.exec('PRAGMA wal_checkpoint(PASSIVE)');
  parentPort.postMessage('done');
});
`;

/** See the head of this file. The thread starts with the first checkpoint; a short-lived host has none. */
export class Checkpoints {
  readonly #store: DurableStore;
  readonly #file: string;
  #thread: Worker | undefined;
  #next = EVERY;
  #running = false;

  /** @param file the file that the store has open. */
  constructor(store: DurableStore, file: string) {
    this.#store = store;
    this.#file = file;
    store.leaveCheckpoints(() => this.#committed());
  }

  #committed(): void {
    if (this.#running || this.#store.commits < this.#next) return;
    this.#running = true;
    this.#thread ??= this.#start();
    this.#thread?.postMessage('checkpoint');
  }

  #start(): Worker {
    const thread = new Worker(THREAD, {
      eval: true,
      workerData: { file: this.#file, synchronous: this.#store.durability === 'power' ? 'FULL' : 'NORMAL' },
      execArgv: [],
    });
    thread.unref();
    thread.on('message', () => {
      this.#next = this.#store.commits + EVERY;
      this.#running = false;
      // The log starts over only when all of it has been moved; what was committed meanwhile is little.
      this.#store.checkpoint();
    });
    // The store takes its checkpoints back and goes on.
    thread.once('error', () => this.#store.takeCheckpoints());
    return thread;
  }

  /** Ends the thread; before the store is closed. */
  close(): void {
    this.#thread?.removeAllListeners();
    this.#thread?.on('error', () => {});
    this.#thread?.postMessage('close');
    this.#thread = undefined;
    this.#running = true;
  }
}
