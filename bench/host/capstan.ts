/** The embedded host as a peer, over its HTTP API. */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stepTime, type Peer } from './peer.ts';
import { residentMiB, startProcess, type Started } from './process.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const BUILT = path.join(ROOT, 'dist/local/host.js');

/** See the head of this file. */
export class Capstan implements Peer {
  readonly name = 'capstan';
  readonly durability: string;
  /** Time from spawn to `listening on` of the last start, in milliseconds. */
  startMs = 0;
  base = '';
  readonly #folder: string;
  readonly #mode: 'process' | 'power';
  readonly #storage: string | undefined;
  readonly #host: string;
  #process: Started | undefined;
  #count = 0;

  /** @param storage connection string for the queue workload. */
  constructor(folder: string, mode: 'process' | 'power', storage?: string) {
    this.#folder = folder;
    this.#mode = mode;
    this.#storage = storage;
    this.#host = process.env['BENCH_HOST'] ?? (existsSync(BUILT) ? BUILT : path.join(ROOT, 'local/host/main.ts'));
    this.durability = `SQLite WAL, --durability ${mode}`;
    mkdirSync(folder, { recursive: true });
    cpSync(path.join(import.meta.dirname, 'app'), path.join(folder, 'app'), { recursive: true });
    if (!existsSync(path.join(folder, 'node_modules')))
      symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  }

  get #journal(): string {
    return path.join(this.#folder, 'journal');
  }

  async start(): Promise<void> {
    const args = [
      this.#host,
      path.join(this.#folder, 'app'),
      '--port',
      '0',
      '--data',
      path.join(this.#folder, 'data'),
      '--durability',
      this.#mode,
    ];
    const begin = performance.now();
    this.#process = await startProcess(process.execPath, args, {
      ready: /listening on (http:\/\/127\.0\.0\.1:\d+)/,
      env: {
        BENCH_JOURNAL: this.#journal,
        ...(this.#storage === undefined ? {} : { AzureWebJobsStorage: this.#storage }),
      },
    });
    this.startMs = performance.now() - begin;
    this.base = `${this.#process.match[1] ?? ''}/runtime/webhooks/durabletask`;
  }

  /** Starts an orchestration and waits for its end in one call. */
  async #run(name: string, input: unknown): Promise<void> {
    const url = `${this.base}/orchestrators/${name}/bench-${this.#count++}-${process.pid}?timeout=120&pollingInterval=1`;
    const response = await fetch(url, { method: 'POST', body: JSON.stringify(input) });
    const text = await response.text();
    if (response.status !== 200 || text.includes('"runtimeStatus"'))
      throw new Error(`${name} ended with ${response.status}: ${text.slice(0, 300)}`);
  }

  async oneStep(): Promise<void> {
    return this.#run('oneStep', 1);
  }

  async fanOut(steps: number): Promise<void> {
    return this.#run('fanOut', steps);
  }

  async sequence(steps: number): Promise<void> {
    return this.#run('sequence', steps);
  }

  async resume(): Promise<number> {
    writeFileSync(this.#journal, '');
    const read = (): string => readFileSync(this.#journal, 'utf8');
    const id = `resume-${this.#count++}-${process.pid}`;
    await fetch(`${this.base}/orchestrators/resume/${id}`, { method: 'POST' });
    await stepTime(read, 15);
    const killed = Date.now();
    await this.#process?.kill('SIGKILL');
    const seen = Math.max(
      ...read()
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => Number(line.split(' ')[0])),
    );
    await this.start();
    const resumed = (await stepTime(read, seen + 1)) - killed;
    await this.waitFor(id);
    return resumed;
  }

  /** The output of an instance once it has completed. */
  async waitFor(id: string): Promise<unknown> {
    for (let tries = 0; tries < 3000; tries++) {
      const response = await fetch(`${this.base}/instances/${id}`);
      const status =
        response.status === 404 ? undefined : ((await response.json()) as { runtimeStatus: string; output: unknown });
      if (status?.runtimeStatus === 'Completed') return status.output;
      await sleep(10);
    }
    throw new Error(`${id} did not complete`);
  }

  memory(): number {
    return residentMiB(this.#process);
  }

  async restart(): Promise<void> {
    await this.#process?.kill('SIGTERM');
    await this.start();
  }

  async idle(count: number): Promise<void> {
    for (let done = 0; done < count; done += 50)
      await Promise.all(
        Array.from({ length: Math.min(50, count - done) }, async () => {
          const response = await fetch(`${this.base}/orchestrators/idle`, { method: 'POST' });
          await response.text();
        }),
      );
    await sleep(1500);
  }

  async stop(): Promise<void> {
    await this.#process?.kill('SIGTERM');
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}
