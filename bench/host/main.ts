/**
 * Benchmark of the embedded host: node bench/host/main.ts [--json FILE] [--peer restate|dbos …] [--durability process|power]
 * [--rounds 3] [--only WORKLOAD]. Peers are installed into a temporary folder and run the same work in the same run,
 * interleaved round by round. Numbers are medians of rounds with the least and the greatest.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Capstan } from './capstan.ts';
import { Dbos } from './dbos.ts';
import { median, quantile, timed, type Peer, type Row } from './peer.ts';
import { startProcess } from './process.ts';
import { QueuedCapstan } from './queue.ts';
import { Restate } from './restate.ts';
import type { ServicePeer } from './service-peer.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: { json: text, peer: { type: 'string', multiple: true }, durability: text, rounds: text, only: text },
});
const rounds = Number(values.rounds ?? 3);
const only = new RegExp(values.only ?? '');
const folder = mkdtempSync(path.join(tmpdir(), 'bench-host-'));
const samples = new Map<string, { row: Omit<Row, 'n' | 'median' | 'min' | 'max'>; values: number[] }>();

function record(workload: string, peer: string, unit: string, value: number): void {
  const key = `${workload} ${peer}`;
  const known = samples.get(key) ?? { row: { workload, peer, unit }, values: [] };
  known.values.push(value);
  samples.set(key, known);
}

/** 200 one after the other: median and 99th percentile of this round. */
async function oneStep(peer: Peer): Promise<void> {
  for (let warm = 0; warm < 30; warm++) await peer.oneStep();
  const times: number[] = [];
  for (let n = 0; n < 200; n++) times.push(await timed(async () => peer.oneStep()));
  record('one-step-p50-ms', peer.name, 'ms', quantile(times, 0.5));
  record('one-step-p99-ms', peer.name, 'ms', quantile(times, 0.99));
}

/** 1,000 one-step runs, 50 at any time. */
async function throughput(peer: Peer): Promise<void> {
  let left = 1000;
  const client = async (): Promise<void> => {
    while (left-- > 0) await peer.oneStep();
  };
  const ms = await timed(async () => Promise.all(Array.from({ length: 50 }, async () => client())));
  record('throughput-per-s', peer.name, '1/s', 1000 / (ms / 1000));
}

async function large(peer: Peer, workload: string, times: number, work: () => Promise<void>): Promise<void> {
  const measured: number[] = [];
  for (let n = 0; n < times; n++) measured.push(await timed(work));
  record(workload, peer.name, 'ms', median(measured));
}

type Workload = readonly [name: string, run: (peer: Peer) => Promise<void>];

const WORKLOADS: readonly Workload[] = [
  ['one-step', oneStep],
  ['throughput', throughput],
  ['fan-out-100', async (peer) => large(peer, 'fan-out-100-ms', 10, async () => peer.fanOut(100))],
  ['fan-out-1000', async (peer) => large(peer, 'fan-out-1000-ms', 3, async () => peer.fanOut(1000))],
  ['fan-out-4000', async (peer) => large(peer, 'fan-out-4000-ms', 1, async () => peer.fanOut(4000))],
  ['sequence-100', async (peer) => large(peer, 'sequence-100-ms', 10, async () => peer.sequence(100))],
  ['sequence-1000', async (peer) => large(peer, 'sequence-1000-ms', 1, async () => peer.sequence(1000))],
  ['resume', async (peer) => record('resume-ms', peer.name, 'ms', await peer.resume())],
  ['idle', idle],
];

/** Messages come about every half second, so that a poller that has fallen asleep is measured too. */
async function queued(peers: readonly ServicePeer[], mode: 'process' | 'power'): Promise<void> {
  const capstan = await QueuedCapstan.start(path.join(folder, 'queue'), mode);
  try {
    for (let n = 0; n < rounds * 10; n++) {
      for (const one of [capstan, ...peers]) record('queue-to-activity-ms', one.name, 'ms', await one.queued(n));
      await sleep(300 + (n % 7) * 50);
    }
  } finally {
    await capstan.stop();
  }
}

/** Memory of 1,000 waiting instances in processes that have just started. */
async function idle(peer: Peer): Promise<void> {
  await peer.restart();
  // What the first instances load stays; it is not part of an instance.
  await peer.idle(200);
  const before = peer.memory();
  await peer.idle(1000);
  record('idle-1000-mib', peer.name, 'MiB', peer.memory() - before);
}

/** From the call that starts the process to `listening on`, with the functions registered, beside what Node itself takes. */
async function startUp(capstan: Capstan): Promise<void> {
  for (let n = 0; n < 5; n++) {
    const node = await timed(async () =>
      (await startProcess(process.execPath, ['-p', '"up"'], { ready: /up/ })).kill(),
    );
    await capstan.restart();
    record('node-start-ms', 'capstan', 'ms', node);
    record('start-ms', 'capstan', 'ms', capstan.startMs);
    record('start-beyond-node-ms', 'capstan', 'ms', capstan.startMs - node);
  }
}

function rows(): Row[] {
  return [...samples.values()].map(({ row, values }) => {
    const round = (value: number): number => Math.round(value * 100) / 100;
    return {
      ...row,
      n: values.length,
      median: round(median(values)),
      min: round(Math.min(...values)),
      max: round(Math.max(...values)),
    };
  });
}

function print(peers: readonly Peer[]): void {
  const cpu = cpus();
  console.log(
    `\nmachine: ${cpu.length} x ${cpu[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, load ${loadavg()
      .map((one) => one.toFixed(1))
      .join(' ')}, Node ${process.version}`,
  );
  for (const peer of peers) console.log(`${peer.name}: ${peer.durability}`);
  console.log(
    `\n${'workload'.padEnd(22)}${'peer'.padEnd(10)}${'n'.padStart(4)}${'median'.padStart(11)}${'min'.padStart(11)}${'max'.padStart(11)}  unit`,
  );
  for (const row of rows()) {
    const numbers = [row.median, row.min, row.max].map((value) => value.toFixed(2).padStart(11)).join('');
    console.log(`${row.workload.padEnd(22)}${row.peer.padEnd(10)}${String(row.n).padStart(4)}${numbers}  ${row.unit}`);
  }
}

async function main(): Promise<void> {
  const mode = values.durability === 'power' ? 'power' : 'process';
  const capstan = new Capstan(path.join(folder, 'capstan'), mode);
  const others: ServicePeer[] = [];
  if (values.peer?.includes('restate') === true) others.push(new Restate(path.join(folder, 'restate')));
  if (values.peer?.includes('dbos') === true) others.push(new Dbos(path.join(folder, 'dbos')));
  const peers: Peer[] = [capstan, ...others];
  try {
    for (const peer of peers) await peer.start();
    for (let round = 1; round <= rounds; round++) {
      for (const [name, run] of WORKLOADS.filter(([name]) => only.test(name))) {
        for (const peer of peers) {
          await run(peer);
          console.log(`round ${round} of ${rounds}: ${name} ${peer.name}`);
        }
      }
      if (only.test('start')) await startUp(capstan);
    }
    if (only.test('queue')) await queued(others, mode);
  } finally {
    for (const peer of peers) await peer.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
  print(peers);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows(), undefined, 2)}\n`);
}

await main();
