/**
 * Part (d): HTTP, streaming, queue, timer, key, load-error, crash and shutdown recordings. The recorded driver texts run against
 * this host in a folder that is laid out like theirs; only the places of that folder are filled in. They write recordings of the
 * same form, which are compared case by case.
 */
import {
  chmodSync,
  cpSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { COMPARERS } from './host-compare.ts';
import type { Json } from './json.ts';
import { runTimers } from './host-timers.ts';
import type { Report } from './report.ts';
import { HOST_FILE, ROOT, runNode, startAzurite } from './workshop.ts';

const MAIN_PORT = 7171;
const DURABLE_PORT = 7172;

/** Recordings that no driver makes here, with the reason; docs/conformance.md names them too. */
const NOT_RUN: Readonly<Record<string, string>> = {
  'http-streaming-hang': 'not run: the real host keeps these clients waiting for 240 s',
  protocol: 'not run: messages between the host and a worker process, which this host does not have',
  'durable-protocol': 'not run: messages between the host and a worker process, which this host does not have',
  'queue-polling': 'not run: delays read from log lines of the real listener',
};

/** Sets of drivers that run one after the other; the sets run side by side. */
function driverSets(): { script: string; args: string[]; offset: number }[][] {
  return [
    [{ script: 'http.mjs', args: [], offset: 0 }],
    [{ script: 'queue.mjs', args: [], offset: 0 }],
    [{ script: 'scen.mjs', args: ['order', 'absroute', 'auth', 'config', 'timeout'], offset: 500 }],
    [{ script: 'scen.mjs', args: ['crash', 'shutdown', 'hooks', 'stream'], offset: 1100 }],
    [
      { script: 'scen.mjs', args: ['load'], offset: 1700 },
      { script: 'scen_y.mjs', args: [], offset: 2300 },
    ],
    [
      { script: 'durable.mjs', args: [], offset: 0 },
      { script: 'unk.mjs', args: [], offset: 0 },
    ],
  ];
}

/** `start.sh <app> <port> NAME=VALUE …` of the recorded drivers: one host in the foreground, its signals are the host's. */
function startScript(connection: string): string {
  return `#!/bin/bash
app="$1"; port="$2"; shift 2
data="\${HOST_HOME:-$app-data-$port}"; mkdir -p "$data"
auth=(--auth keys)
for setting in "$@"; do [ "$setting" = REALHOST_FUNC_START_AUTH=1 ] && auth=(); done
exec env AzureWebJobsStorage='${connection}' "$@" '${process.execPath}' '${HOST_FILE}' "$app" --port "$port" --data "$data" "\${auth[@]}" \\
  > >(sed -u -e 's/^listening on .*/&\\nJob host started/') 2>&1
`;
}

function layOut(recordings: string, root: string, connection: string): void {
  for (const name of ['recordings', 'logs', 'scen', 'out', 'drivers', 'azurite', 'app', 'timer'])
    mkdirSync(path.join(root, name), { recursive: true });
  const escaped = root.replace(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
  for (const file of readdirSync(path.join(recordings, 'drivers'))) {
    const text = readFileSync(path.join(recordings, 'drivers', file), 'utf8')
      .replaceAll('@RHRX@', escaped)
      .replaceAll('@NODERX@', '@@@')
      .replaceAll('@NODE24@', ROOT)
      .replaceAll('@RH@', root)
      .replace('portSeq=7200+', 'portSeq=7200+Number(process.env.PORT_OFFSET)+');
    writeFileSync(path.join(root, 'drivers', file), text);
  }
  writeFileSync(path.join(root, 'out/start.sh'), startScript(connection));
  chmodSync(path.join(root, 'out/start.sh'), 0o755);
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(root, 'app/node_modules'));
  const source = (app: string, name: string): string => path.join(recordings, 'apps', app, name);
  for (const [folder, app, files] of [
    ['app-main', 'main', ['http.js', 'queue.js']],
    ['app-durable', 'durable', ['d.js']],
    ['timer', 'timer', ['timer.js']],
  ] as const) {
    mkdirSync(path.join(root, folder, 'src/functions'), { recursive: true });
    for (const name of ['host.json', 'package.json']) cpSync(source(app, name), path.join(root, folder, name));
    for (const name of files) cpSync(source(app, name), path.join(root, folder, 'src/functions', name));
  }
  writeFileSync(path.join(root, 'rec.jsonl'), '{"t":0}\n');
  writeFileSync(path.join(root, 'rec-d.jsonl'), '');
  writeFileSync(path.join(root, 'trace-d.jsonl'), '{"t":0,"msg":{}}\n');
}

/** Starts a long-running host through start.sh; its output goes to a log file that the drivers read. */
async function startShared(
  root: string,
  app: string,
  port: number,
  log: string,
  settings: string[],
): Promise<() => void> {
  const child = spawn(path.join(root, 'out/start.sh'), [path.join(root, app), String(port), ...settings], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'] ?? '' },
  });
  const file = path.join(root, 'logs', log);
  writeFileSync(file, '');
  child.stdout.pipe(createWriteStream(file));
  for (let tries = 0; tries < 600; tries++) {
    if (readFileSync(file, 'utf8').includes('Job host started')) return () => void child.kill('SIGTERM');
    if (child.exitCode !== null) break;
    await sleep(50);
  }
  throw new Error(`the host did not start on ${app}: ${readFileSync(file, 'utf8')}`);
}

async function runDrivers(root: string, base: number): Promise<string[]> {
  const failures: string[] = [];
  await Promise.all(
    driverSets().map(async (set) => {
      for (const { script, args, offset } of set) {
        const port = script === 'durable.mjs' || script === 'unk.mjs' ? DURABLE_PORT : MAIN_PORT;
        const env = { PATH: process.env['PATH'], B: String(base), PORT: String(port), PORT_OFFSET: String(offset) };
        const run = await runNode([path.join(root, 'drivers', script), ...args], { cwd: root, env });
        if (run.code !== 0 || /^FAILED/m.test(run.output))
          failures.push(`${script} ${args.join(' ')}: ${run.output.slice(-1500)}`);
      }
    }),
  );
  return failures;
}

/** Runs all drivers and compares every recording whose name matches `filter`. */
export async function compareHost(recordings: string, workshop: string, report: Report, filter: RegExp): Promise<void> {
  const part = report.part('host');
  const azurite = await startAzurite();
  const stops: (() => void)[] = [() => azurite.stop()];
  try {
    layOut(recordings, workshop, azurite.connection);
    const main = [`REC_FILE=${path.join(workshop, 'rec.jsonl')}`];
    stops.push(await startShared(workshop, 'app-main', MAIN_PORT, 'main.log', main));
    const durable = [`REC_FILE=${path.join(workshop, 'rec-d.jsonl')}`, 'REALHOST_FUNC_START_AUTH=1'];
    stops.push(await startShared(workshop, 'app-durable', DURABLE_PORT, 'dur.log', durable));
    const [failures] = await Promise.all([runDrivers(workshop, azurite.base), runTimers(workshop)]);
    for (const failure of failures) report.case(part, `driver ${failure.split(':')[0]}`, [failure]);
  } finally {
    for (const stop of stops.toReversed()) stop();
  }
  const read = (file: string): Json => JSON.parse(readFileSync(file, 'utf8')) as Json;
  for (const file of readdirSync(recordings).filter((name) => name.endsWith('.json') && filter.test(name))) {
    const name = file.replace(/\.json$/, '');
    const made = path.join(workshop, 'recordings', file);
    const compare = COMPARERS[name];
    if (NOT_RUN[name] !== undefined) report.case(part, name, [NOT_RUN[name]]);
    else if (!compare) report.case(part, name, ['there is no comparison for this recording']);
    else if (!existsSync(made)) report.case(part, name, ['the driver made no recording']);
    else
      for (const one of compare(read(path.join(recordings, file)), read(made)))
        report.case(part, `${name}/${one.id}`, one.places);
  }
  report.close(part);
}
