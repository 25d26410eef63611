/**
 * Random kills: node test/full/host/chaos.ts [--kills 40] [--instances 50] [--seed N]. Starts instances of the crash scenario,
 * kills the host and its worker with SIGKILL 100 to 2,000 ms after each `listening on`, then lets it finish and checks every
 * instance and every step.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Random } from '../../unit/host-suites/random.ts';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const text = { type: 'string' } as const;
const { values } = parseArgs({ options: { kills: text, instances: text, seed: text } });
const kills = Number(values.kills ?? 40);
const instances = Array.from({ length: Number(values.instances ?? 50) }, (_, index) => `chaos-${index}`);
const seed = Number(values.seed ?? Date.now() % 100_000);
const random = new Random(seed);
const folder = mkdtempSync(path.join(tmpdir(), 'host-chaos-'));

interface Life {
  readonly child: ChildProcess;
  readonly base: string;
  readonly exited: Promise<void>;
}

async function boot(): Promise<Life> {
  const args = [
    path.join(ROOT, 'local/host/main.ts'),
    path.join(folder, 'app'),
    '--port',
    '0',
    '--data',
    path.join(folder, 'data'),
  ];
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env['PATH'] ?? '', JOURNAL: path.join(folder, 'journal'), STEP_MS: '150' },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let log = '';
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      log += chunk.toString();
      const match = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(log);
      if (match) resolve(Number(match[1]));
    });
    child.once('close', (code) => reject(new Error(`the host ended with ${code}: ${log}`)));
  });
  return { child, base: `http://127.0.0.1:${port}/runtime/webhooks/durabletask`, exited };
}

/** Kills the host and its worker process at once. */
async function kill({ child, exited }: Life): Promise<void> {
  process.kill(-(child.pid ?? 0), 'SIGKILL');
  await exited;
}

interface Status {
  readonly instanceId: string;
  readonly runtimeStatus: string;
  readonly customStatus: unknown;
  readonly output: unknown;
}

/** One round of the client: starts what is not known, raises the event where it is waited for. Ends when the host is gone. */
async function nudge({ base }: Life, begun: readonly string[]): Promise<Status[]> {
  const call = async (method: string, rest: string, body?: string): Promise<Response> =>
    fetch(`${base}/${rest}`, { method, body: body ?? null, headers: { 'content-type': 'application/json' } });
  const all = (await (await call('GET', 'instances?top=1000&instanceIdPrefix=chaos-')).json()) as Status[];
  const known = new Map(all.map((status) => [status.instanceId, status]));
  for (const id of begun) {
    const status = known.get(id);
    if (!status) await call('POST', `orchestrators/scenario/${id}`);
    else if (status.customStatus === 'waiting' && status.runtimeStatus === 'Running')
      await call('POST', `instances/${id}/raiseEvent/go`, '"event"');
  }
  return instances.flatMap((id) => known.get(id) ?? []);
}

function checkSteps(): string[] {
  const file = path.join(folder, 'journal');
  const counts = new Map<string, number>();
  for (const line of (existsSync(file) ? readFileSync(file, 'utf8') : '').split('\n'))
    if (line !== '') counts.set(line, (counts.get(line) ?? 0) + 1);
  const faults: string[] = [];
  const planned = instances.flatMap((id) => [
    ...[0, 1, 2, 3].map((n) => [`${id} step fan ${n}`, 1] as const),
    ...[0, 1, 2].map((n) => [`${id}.child step generation ${n}`, 1] as const),
    [`${id} flaky`, 2] as const,
  ]);
  let repeated = 0;
  for (const [step, least] of planned) {
    const count = counts.get(step) ?? 0;
    if (count < least || count > least + kills) faults.push(`'${step}' ran ${count} times`);
    repeated += Math.max(0, count - least);
  }
  console.log(`${planned.length} kinds of steps, ${repeated} runs repeated because their result had not been recorded`);
  return faults;
}

async function main(): Promise<number> {
  cpSync(path.join(ROOT, 'test/fixtures/host-suites/crash-app'), path.join(folder, 'app'), { recursive: true });
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  let ended = 0;
  for (let round = 1; round <= kills; round++) {
    const life = await boot();
    const end = sleep(100 + random.below(1900));
    const ending = new AbortController();
    // The instances begin one after the other, so that every kill meets some at work.
    const begun = instances.slice(0, Math.ceil((instances.length * round) / kills));
    const nudging = (async () => {
      while (!ending.signal.aborted) {
        const all = await nudge(life, begun).catch(() => []);
        ended = Math.max(ended, all.filter((status) => status.runtimeStatus === 'Completed').length);
        await sleep(200);
      }
    })();
    await end;
    ending.abort();
    await kill(life);
    await nudging;
  }
  const life = await boot();
  let last: Status[] = [];
  for (let tries = 0; tries < 600; tries++) {
    last = await nudge(life, instances);
    if (
      last.length === instances.length &&
      last.every((status) => status.runtimeStatus !== 'Pending' && status.runtimeStatus !== 'Running')
    )
      break;
    await sleep(100);
  }
  process.kill(life.child.pid ?? 0, 'SIGTERM');
  await life.exited;
  const wanted = JSON.stringify({
    fan: ['fan 0', 'fan 1', 'fan 2', 'fan 3'],
    tried: 'tried',
    event: 'event',
    child: 'child done',
    count: 6,
  });
  const faults = last
    .filter((status) => JSON.stringify(status.output) !== wanted)
    .map((status) => `${status.instanceId}: ${status.runtimeStatus} ${JSON.stringify(status.output)}`);
  if (last.length !== instances.length) faults.push(`only ${last.length} of ${instances.length} instances are known`);
  faults.push(...checkSteps());
  for (const fault of faults) console.log(`FAULT ${fault}`);
  console.log(
    `seed ${seed}: ${kills} kills, ${instances.length} instances, ${ended} had ended before the last life, ${faults.length} faults`,
  );
  return faults.length;
}

try {
  process.exitCode = (await main()) > 0 ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}
