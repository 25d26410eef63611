/** What the peers have in common: a server, and a service process that runs the steps, both installed into a folder. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts, npmInstall } from './install.ts';
import { type Peer, type Queued, stepTime } from './peer.ts';
import { residentMiB, startService, type Started } from './process.ts';

/** See the head of this file. */
export abstract class ServicePeer implements Peer, Queued {
  abstract readonly name: Peer['name'];
  abstract readonly durability: string;
  protected abstract readonly packages: readonly string[];
  /** Ports that the server needs besides that of the service. */
  protected abstract readonly serverPorts: number;
  /** Text of `service.mjs`. */
  protected abstract readonly service: string;
  protected readonly folder: string;
  /** Port of the service, then those of the server; kept over a restart. */
  protected ports: readonly number[] = [];
  #server: Started | undefined;
  #service: Started | undefined;

  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  protected abstract startServer(ports: readonly number[]): Promise<Started>;
  /** Further environment of the service. */
  protected abstract serviceEnvironment(): Readonly<Record<string, string>>;
  /** After both run, for instance to make the service known to the server. */
  protected abstract introduce(): Promise<void>;
  /** Runs a workload to its end; `n` is its size. */
  protected abstract call(workload: string, n?: number): Promise<void>;
  /** Leaves a message that starts a workload and returns at once. */
  protected abstract send(workload: string, n: number): Promise<void>;

  get #journal(): string {
    return path.join(this.folder, 'journal');
  }

  readonly #read = (): string => readFileSync(this.#journal, 'utf8');

  protected port(index: number): number {
    return this.ports[index] ?? 0;
  }

  async #startService(): Promise<void> {
    const env = { PORT: String(this.port(0)), BENCH_JOURNAL: this.#journal, ...this.serviceEnvironment() };
    this.#service = await startService(this.folder, env);
  }

  async start(): Promise<void> {
    await npmInstall(this.folder, this.packages);
    writeFileSync(path.join(this.folder, 'service.mjs'), this.service);
    if (this.ports.length === 0) this.ports = await freePorts(this.serverPorts + 1);
    this.#server = await this.startServer(this.ports.slice(1));
    await this.#startService();
    await this.introduce();
  }

  async restart(): Promise<void> {
    await this.#service?.kill();
    await this.#server?.kill('SIGTERM');
    await this.start();
  }

  oneStep = async (): Promise<void> => this.call('oneStep');
  fanOut = async (steps: number): Promise<void> => this.call('fanOut', steps);
  sequence = async (steps: number): Promise<void> => this.call('sequence', steps);

  async resume(): Promise<number> {
    writeFileSync(this.#journal, '');
    // The caller of the killed process may be told so; what counts is that the work goes on.
    const running = this.call('resume').catch(() => {});
    await stepTime(this.#read, 15);
    const killed = Date.now();
    await this.#service?.kill('SIGKILL');
    const lines = this.#read()
      .split('\n')
      .filter((line) => line !== '');
    const seen = Math.max(...lines.map((line) => Number(line.split(' ')[0])));
    await this.#startService();
    const resumed = (await stepTime(this.#read, seen + 1)) - killed;
    await stepTime(this.#read, 39);
    await running;
    return resumed;
  }

  async queued(n: number): Promise<number> {
    writeFileSync(this.#journal, '');
    const sent = Date.now();
    await this.send('stamp', n);
    return (await stepTime(this.#read, n)) - sent;
  }

  async idle(count: number): Promise<void> {
    for (let done = 0; done < count; done += 50)
      await Promise.all(
        Array.from({ length: Math.min(50, count - done) }, async (_, n) => this.send('idle', done + n)),
      );
    await sleep(1500);
  }

  memory(): number {
    return [this.#server, this.#service].reduce((sum, one) => sum + residentMiB(one), 0);
  }

  async stop(): Promise<void> {
    await this.#service?.kill();
    await this.#server?.kill('SIGTERM');
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}
