/**
 * Soak: node test/full/host/soak.ts [--count 10000]. Runs orchestrations of several kinds through one host, 50 at any time, and
 * fails when its memory grows by more than 10 % after the first fifth. Ended instances are purged as a client would.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createHost } from '../../../local/host/host.ts';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const { values } = parseArgs({ options: { count: { type: 'string' } } });
const count = Number(values.count ?? 10_000);
const folder = mkdtempSync(path.join(tmpdir(), 'host-soak-'));
cpSync(path.join(ROOT, 'bench/host/app'), path.join(folder, 'app'), { recursive: true });
symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));

function collect(): void {
  (globalThis as { gc?: () => void }).gc?.();
}

/** Memory in MiB that is still used after a collection. */
function used(): number {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
}

function resident(): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) / 1024;
}

const host = await createHost({ app: path.join(folder, 'app'), port: 0, data: path.join(folder, 'data') });
const { engine, store } = host;
const KINDS = [
  ['oneStep', 1],
  ['sequence', 5],
  ['fanOut', 10],
] as const;

async function one(n: number): Promise<void> {
  const [name, input] = KINDS[n % KINDS.length] ?? KINDS[0];
  const id = `soak-${n}`;
  engine.startInstance({ name, instanceId: id, inputJson: JSON.stringify(input) });
  await new Promise<void>((resolve, reject) => {
    const unwatch = engine.watch(id, () => {
      const status = store.instance(id)?.status;
      if (status !== 'Completed' && status !== 'Failed') return;
      unwatch();
      if (status === 'Completed') resolve();
      else reject(new Error(`${id} failed: ${store.view(id)?.output}`));
    });
  });
  engine.purge([id]);
}

let next = 0;
async function until(limit: number): Promise<void> {
  const client = async (): Promise<void> => {
    while (next < limit) await one(next++);
  };
  await Promise.all(Array.from({ length: 50 }, async () => client()));
}

const begin = performance.now();
const samples: number[] = [];
for (let fifth = 1; fifth <= 5; fifth++) {
  await until(Math.round((count * fifth) / 5));
  samples.push(used());
  console.log(`${next} orchestrations: ${samples.at(-1)?.toFixed(1)} MiB used, ${resident().toFixed(0)} MiB resident`);
}
const seconds = (performance.now() - begin) / 1000;
await host.stop();
rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
const growth = ((samples.at(-1) ?? 0) / (samples[0] ?? 1) - 1) * 100;
console.log(
  `${count} orchestrations in ${seconds.toFixed(1)} s; memory after the first fifth grew by ${growth.toFixed(1)} %`,
);
process.exit(growth > 10 ? 1 : 0);
