/** Runs the crash scenario in child processes and checks what a crash may cost. */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const RUNNER = path.join(import.meta.dirname, 'crash-runner.ts');

export const FINAL = {
  status: 'Completed',
  output: JSON.stringify({
    fan: ['fan 0', 'fan 1', 'fan 2', 'fan 3'],
    tried: 'tried',
    event: 'event',
    child: 'child done',
    count: 6,
  }),
  entity: '6',
};

interface Run {
  readonly killed: boolean;
  readonly result: { status: string; output: string; entity: string; commits: number } | undefined;
}

async function run(folder: string, killAt: number): Promise<Run> {
  const child = spawn(process.execPath, [RUNNER, path.join(folder, 'app'), path.join(folder, 'data'), String(killAt)], {
    env: { PATH: process.env['PATH'] ?? '', JOURNAL: path.join(folder, 'journal') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.once('close', (code, signal) => resolve([code, signal]));
  });
  if (code !== 0 && signal !== 'SIGKILL') throw new Error(`the host ended with ${code ?? signal}: ${errors}`);
  const last = out.trim().split('\n').at(-1) ?? '';
  return { killed: signal === 'SIGKILL', result: last.startsWith('{') ? JSON.parse(last) : undefined };
}

function counts(file: string): Map<string, number> {
  const result = new Map<string, number>();
  if (!existsSync(file)) return result;
  for (const line of readFileSync(file, 'utf8').split('\n'))
    if (line !== '') result.set(line, (result.get(line) ?? 0) + 1);
  return result;
}

/** How often each step runs by design. */
const PLANNED: ReadonlyMap<string, number> = new Map([
  ...[0, 1, 2, 3].map((n) => [`one step fan ${n}`, 1] as const),
  ...[0, 1, 2].map((n) => [`one.child step generation ${n}`, 1] as const),
  ['one flaky', 2],
]);

/** What a sequence of crashes led to; `faults` is empty when every promise was kept. */
export interface Outcome {
  readonly crashes: number;
  readonly commits: number;
  readonly faults: readonly string[];
}

/** Kills the host after each of the given commits (counted in each life anew), then lets it finish. */
export async function crashAt(boundaries: readonly number[]): Promise<Outcome> {
  const folder = mkdtempSync(path.join(tmpdir(), 'host-crash-'));
  try {
    cpSync(path.join(ROOT, 'test/fixtures/host-suites/crash-app'), path.join(folder, 'app'), { recursive: true });
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
    const faults: string[] = [];
    let crashes = 0;
    let last: Run | undefined;
    for (const boundary of [...boundaries, 0]) {
      last = await run(folder, boundary);
      if (!last.killed) break;
      crashes++;
    }
    const { status, output, entity, commits } = last?.result ?? {};
    if (JSON.stringify({ status, output, entity }) !== JSON.stringify(FINAL))
      faults.push(`it ended with ${JSON.stringify({ status, output, entity })}`);
    const [journal, open] = [counts(path.join(folder, 'journal')), counts(path.join(folder, 'journal.open'))];
    for (const [step, planned] of PLANNED) {
      const [count, unrecorded] = [journal.get(step) ?? 0, open.get(step) ?? 0];
      // Only a step that was open at a kill may run again, once for each such kill.
      if (count < planned || count > planned + unrecorded)
        faults.push(`'${step}' ran ${count} times, planned ${planned}, open at ${unrecorded} kills`);
    }
    for (const step of journal.keys()) if (!PLANNED.has(step)) faults.push(`'${step}' was never planned`);
    return { crashes, commits: commits ?? 0, faults };
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}
