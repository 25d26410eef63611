/** Restate as a peer: its server and one service process, installed from npm into a temporary folder. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { freePorts, npmInstall } from './install.ts';
import { killAndResume, type Peer, workloads } from './peer.ts';
import { startProcess, startService, type Started } from './process.ts';

const PACKAGES = ['@restatedev/restate-server@1.7.12', '@restatedev/restate-sdk@1.17.2'];

const SERVICE = `import * as restate from '@restatedev/restate-sdk';
import { appendFileSync } from 'node:fs';
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const bench = restate.service({ name: 'bench', handlers: {
  oneStep: async (ctx) => ctx.run('step', () => 1),
  fanOut: async (ctx, steps) => (await restate.RestatePromise.all(Array.from({ length: steps }, (_, n) => ctx.run('step' + n, () => n)))).length,
  sequence: async (ctx, steps) => { let last = 0; for (let n = 0; n < steps; n++) last = await ctx.run('step' + n, () => n); return last; },
  resume: async (ctx) => { for (let n = 0; n < 40; n++) await ctx.run('step' + n, async () => { appendFileSync(process.env.BENCH_JOURNAL, n + ' ' + Date.now() + '\\n'); await pause(25); return n; }); },
} });
await restate.serve({ services: [bench], port: Number(process.env.PORT), logger: () => {} });
console.log('service is ready');
`;

/** See the head of this file. */
export class Restate implements Peer {
  readonly name = 'restate';
  readonly durability = 'RocksDB and log on disk, defaults of the server';
  readonly #folder: string;
  #server: Started | undefined;
  #service: Started | undefined;
  #ingress = '';
  #port = 0;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  get #journal(): string {
    return path.join(this.#folder, 'journal');
  }

  async #startService(): Promise<void> {
    const env = { PORT: String(this.#port), BENCH_JOURNAL: this.#journal };
    this.#service = await startService(this.#folder, env);
  }

  async start(): Promise<void> {
    await npmInstall(this.#folder, PACKAGES);
    writeFileSync(path.join(this.#folder, 'service.mjs'), SERVICE);
    const [ingress, admin, node, service] = await freePorts(4);
    this.#port = service ?? 0;
    this.#ingress = `http://127.0.0.1:${ingress}`;
    this.#server = await startProcess(
      path.join(this.#folder, 'node_modules/.bin/restate-server'),
      ['--base-dir', path.join(this.#folder, 'data')],
      {
        cwd: this.#folder,
        ready: /.+/,
        env: {
          RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
          RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
          RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
          RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}`,
          RESTATE_LISTEN_MODE: 'tcp',
          RUST_LOG: 'warn,restate=info',
          RESTATE_LOG_FILTER: 'info',
          RESTATE_DISABLE_TELEMETRY: 'true',
        },
      },
    );
    await this.#startService();
    for (let tries = 0; ; tries++) {
      const answer = await fetch(`http://127.0.0.1:${admin}/deployments`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ uri: `http://127.0.0.1:${this.#port}` }),
      }).catch((error: unknown) => String(error));
      if (typeof answer !== 'string' && answer.ok) return;
      if (tries > 200)
        throw new Error(
          `the service could not be registered: ${typeof answer === 'string' ? answer : await answer.text()}`,
        );
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async #call(handler: string, input?: number): Promise<void> {
    const answer = await fetch(`${this.#ingress}/bench/${handler}`, {
      method: 'POST',
      ...(input === undefined ? {} : { body: JSON.stringify(input), headers: { 'content-type': 'application/json' } }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${handler} ended with ${answer.status}: ${text.slice(0, 300)}`);
  }

  readonly #workloads = workloads((name, steps) => this.#call(name, steps));
  readonly oneStep = this.#workloads.oneStep;
  readonly fanOut = this.#workloads.fanOut;
  readonly sequence = this.#workloads.sequence;

  async resume(): Promise<number> {
    writeFileSync(this.#journal, '');
    const read = (): string => readFileSync(this.#journal, 'utf8');
    const running = this.#call('resume');
    const resumed = await killAndResume(
      read,
      async () => this.#service?.kill('SIGKILL'),
      () => this.#startService(),
    );
    await running;
    return resumed;
  }

  async stop(): Promise<void> {
    await this.#service?.kill();
    await this.#server?.kill();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}
