/** The timer recordings: no driver text exists for them, so this one does what their names say. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { object, text, type Json, type JsonObject } from './json.ts';

/** The first run sees two whole minutes at the most, as the recorded one did. */
const RUN_MS = 70_000;
const STANDSTILL_MS = 75_000;
const SECOND_RUN_MS = 6000;

const ALL = 'fast,span,minute,minuteStartup,noMonitor,retryFixed,retryExp,retryOk,slow,fail';

/** Calls by function: their count and the first ones, as the recordings have them. */
function calls(file: string): JsonObject {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  const all = lines.map((line) => object(JSON.parse(line) as Json));
  const begin = Number(all[0]?.['t'] ?? 0);
  const result: JsonObject = {};
  for (const call of all) {
    const name = text(call['fn']);
    const known = object(result[name]);
    const first = Array.isArray(known['first']) ? known['first'] : [];
    const row: Json = {
      ms: Number(call['t']) - begin,
      timer: call['timer'] ?? null,
      retryContext: call['retryContext'] ?? null,
      invocation: text(call['invocationId']).slice(0, 8),
    };
    result[name] = { count: Number(known['count'] ?? 0) + 1, first: [...first, row] };
  }
  return result;
}

async function run(
  root: string,
  name: string,
  timers: string,
  milliseconds: number,
  home: string,
): Promise<JsonObject> {
  const record = path.join(root, `rec-timer-${name}.jsonl`);
  writeFileSync(record, '');
  const settings = [`REC_FILE=${record}`, `TIMERS=${timers}`];
  const child = spawn(path.join(root, 'out/start.sh'), [path.join(root, 'timer'), '0', ...settings], {
    stdio: 'ignore',
    env: { PATH: process.env['PATH'] ?? '', HOST_HOME: path.join(root, home) },
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  await sleep(milliseconds);
  child.kill('SIGTERM');
  await exited;
  return calls(record);
}

/** Makes `recordings/timer.json`. */
export async function runTimers(root: string): Promise<void> {
  const [first, five, bad] = await Promise.all([
    run(root, 'run1', ALL, RUN_MS, 'timer-home'),
    run(root, 'five', 'fast,five', RUN_MS, 'timer-home-five'),
    run(root, 'bad', 'bad,fast', 15_000, 'timer-home-bad'),
  ]);
  await sleep(STANDSTILL_MS);
  const second = await run(root, 'run2', 'minute,minuteStartup,noMonitor', SECOND_RUN_MS, 'timer-home');
  const made = {
    'run1 (about 130 s)': first,
    'run2 after 75 s standstill': second,
    'fiveField (*/1 * * * *)': five,
    'badSchedule plus a good one': bad,
  };
  writeFileSync(path.join(root, 'recordings/timer.json'), JSON.stringify(made));
}
