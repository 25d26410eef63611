import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { goVirtual } from '../../support/virtual.ts';
import { sample } from './cells.ts';
import { record, runCase, summary, type Verdict } from './matrix.ts';
import { sets } from './sets.ts';

/**
 * The matrix on virtual time, every run in a world of its own: `npm run test:faults`. `--set provision|data|deletion|steps`
 * takes one set of runs, `--sample N` a reproducible choice (`--seed N` another one), `--only TEXT` the runs whose title
 * contains the text, `--workers N` processes (default 2). Exits with 1 when a run ended wrong, or when two processes
 * recorded different requests for the same seed.
 */
function flag(name: string): string | undefined {
  const index = process.argv.indexOf(`--${name}`);
  return index === -1 ? undefined : process.argv[index + 1];
}

type Report = { readonly total: number; readonly log: string } | { readonly verdict: Verdict };

/** Runs every n-th case in this process and reports line by line. */
async function work(part: number, of: number): Promise<void> {
  const tell = (report: Report): void => void process.stdout.write(`${JSON.stringify(report)}\n`);
  const virtual = await goVirtual();
  const recording = await record(virtual, 'recording');
  const set = flag('set');
  const chosen = set === undefined ? Object.values(sets) : [sets[set] ?? (() => [])];
  const all = chosen.flatMap((cases) => cases(recording));
  const only = flag('only')?.toLowerCase() ?? '';
  const named = all.filter(({ title }) => title.toLowerCase().includes(only));
  tell({ total: all.length, log: createHash('sha256').update(recording.log).digest('hex') });
  const wanted = sample(named, Number(flag('sample') ?? named.length), Number(flag('seed') ?? 1));
  for (const [index, one] of wanted.entries())
    if (index % of === part) tell({ verdict: await runCase(virtual, one, recording) });
}

function line({ title, ended, detail, hit, armCalls, virtualSeconds }: Verdict): string {
  const met = hit ? '' : '  (not met)';
  return `${ended.padEnd(7)} ${virtualSeconds.toFixed(0).padStart(5)} s ${String(armCalls).padStart(4)} calls  ${title}${met}${detail === '' ? '' : `  → ${detail}`}`;
}

/** Starts the workers and gathers what they say. */
async function lead(workers: number): Promise<void> {
  const started = performance.now();
  const verdicts: Verdict[] = [];
  const logs = new Set<string>();
  let total = 0;
  const run = async (part: number): Promise<number> => {
    const flags = ['--disable-warning=ExperimentalWarning', '--disable-warning=DEP0204'];
    const own = [import.meta.filename, ...process.argv.slice(2), '--part', String(part), '--of', String(workers)];
    const child = spawn(process.execPath, [...flags, ...own], { stdio: ['ignore', 'pipe', 'inherit'] });
    createInterface({ input: child.stdout }).on('line', (text) => {
      const report = JSON.parse(text) as Report;
      if ('verdict' in report) {
        verdicts.push(report.verdict);
        console.log(line(report.verdict));
        return;
      }
      ({ total } = report);
      logs.add(report.log);
    });
    return new Promise((resolve) => {
      child.on('close', (code) => resolve(code ?? 1));
    });
  };
  const codes = await Promise.all(Array.from({ length: workers }, async (_, part) => run(part)));
  const wrong = verdicts.filter((verdict) => verdict.ended === 'wrong');
  for (const verdict of wrong) console.log(`WRONG ${line(verdict)}`);
  const broken = codes.some((code) => code !== 0);
  if (broken) console.log('a worker broke off: the matrix is not complete');
  if (logs.size > 1) console.log('the same seed and requests gave different logs of the simulator');
  console.log(summary(verdicts, total, (performance.now() - started) / 1000));
  process.exitCode = wrong.length > 0 || broken || logs.size > 1 ? 1 : 0;
}

const part = flag('part');
if (part === undefined) await lead(Number(flag('workers') ?? 2));
else {
  await work(Number(part), Number(flag('of')));
  process.exit(0);
}
