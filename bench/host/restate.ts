/** Restate as a peer: its server and one service process, installed from npm into a temporary folder. */
import path from 'node:path';
import { startProcess, type Started } from './process.ts';
import { ServicePeer } from './service-peer.ts';

const SERVICE = `import * as restate from '@restatedev/restate-sdk';
import { appendFileSync } from 'node:fs';
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const mark = (n) => appendFileSync(process.env.BENCH_JOURNAL, n + ' ' + Date.now() + '\\n');
const bench = restate.service({ name: 'bench', handlers: {
  oneStep: async (ctx) => ctx.run('step', () => 1),
  fanOut: async (ctx, steps) => (await restate.RestatePromise.all(Array.from({ length: steps }, (_, n) => ctx.run('step' + n, () => n)))).length,
  sequence: async (ctx, steps) => { let last = 0; for (let n = 0; n < steps; n++) last = await ctx.run('step' + n, () => n); return last; },
  resume: async (ctx) => { for (let n = 0; n < 40; n++) await ctx.run('step' + n, async () => { mark(n); await pause(25); return n; }); },
  stamp: async (ctx, n) => ctx.run('stamp', () => mark(n)),
  idle: async (ctx) => ctx.awakeable().promise,
} });
await restate.serve({ services: [bench], port: Number(process.env.PORT), logger: () => {} });
console.log('service is ready');
`;

/** See the head of this file. */
export class Restate extends ServicePeer {
  readonly name = 'restate';
  readonly durability = 'RocksDB and log on disk, defaults of the server';
  protected readonly packages = ['@restatedev/restate-server@1.7.12', '@restatedev/restate-sdk@1.17.2'];
  protected readonly serverPorts = 3;
  protected readonly service = SERVICE;

  protected async startServer([ingress, admin, node]: readonly number[]): Promise<Started> {
    return startProcess(
      path.join(this.folder, 'node_modules/.bin/restate-server'),
      ['--base-dir', path.join(this.folder, 'data')],
      {
        cwd: this.folder,
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
  }

  protected serviceEnvironment(): Readonly<Record<string, string>> {
    return {};
  }

  protected async introduce(): Promise<void> {
    for (let tries = 0; ; tries++) {
      const answer = await fetch(`http://127.0.0.1:${this.port(2)}/deployments`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ uri: `http://127.0.0.1:${this.port(0)}`, force: true }),
      }).catch((error: unknown) => String(error));
      if (typeof answer !== 'string' && answer.ok) return;
      if (tries > 200)
        throw new Error(
          `the service could not be registered: ${typeof answer === 'string' ? answer : await answer.text()}`,
        );
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  protected async call(workload: string, n?: number): Promise<void> {
    const answer = await fetch(`http://127.0.0.1:${this.port(1)}/bench/${workload}`, {
      method: 'POST',
      ...(n === undefined ? {} : { body: JSON.stringify(n), headers: { 'content-type': 'application/json' } }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${workload} ended with ${answer.status}: ${text.slice(0, 300)}`);
  }

  protected async send(workload: string, n: number): Promise<void> {
    return this.call(`${workload}/send`, n);
  }
}
