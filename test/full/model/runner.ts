import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import * as fc from 'fast-check';
import { goVirtual } from '../../support/virtual.ts';
import { life, sentenceOf, type Step } from './steps.ts';

/**
 * Random lives of clusters on virtual time: `npm run test:model -- --runs N --seed S [--steps N] [--subject self-managed|AKS]
 * [--workers N]`. Run number i has the seed S + i, so that one run can be repeated alone. A life in which something does
 * not hold is made as short as it gets and printed with the command that repeats it. Exits with 1 when there was one.
 */
function flag(name: string): string | undefined {
  const index = process.argv.indexOf(`--${name}`);
  return index === -1 ? undefined : process.argv[index + 1];
}

const runs = Number(flag('runs') ?? 2000);
const first = Number(flag('seed') ?? 1);
const longest = Number(flag('steps') ?? 30);
/** Lives that are tried to make a failing one shorter. */
const shrinks = Number(flag('shrinks') ?? 60);

interface Report {
  readonly seed: number;
  readonly subject: string;
  readonly steps: number;
  readonly settled: number;
  readonly cpuSeconds: number;
  readonly failure?: string;
}

/** Plays its share of every kind of life in this process and reports line by line. */
async function work(part: number, of: number): Promise<void> {
  const virtual = await goVirtual();
  const { play } = await import('./play.ts');
  const { subjects } = await import('./subjects.ts');
  const wanted = subjects.filter(({ name }) => name === (flag('subject') ?? name));
  for (let index = 0; index < runs; index++) {
    if (Math.floor(index / wanted.length) % of !== part) continue;
    const seed = first + index;
    const subject = wanted[seed % wanted.length];
    if (subject === undefined) throw new Error('there is no such subject');
    const cpu = process.cpuUsage();
    let [tried, settled, steps] = [0, 0, 0];
    let shortest: { steps: readonly Step[]; message: string } | undefined;
    const property = fc.asyncProperty(life(longest), async (given) => {
      // Enough was tried: what is left passes, so that the shortest so far is the answer.
      if (shortest !== undefined && ++tried > shrinks) return;
      try {
        const seen = await play(virtual, subject, given, `life ${seed}`);
        if (process.argv.includes('--story')) console.error(seen.story.join('\n'));
        if (shortest === undefined) [settled, steps] = [seen.settled, given.length];
      } catch (error) {
        shortest = { steps: given, message: error instanceof Error ? error.message : String(error) };
        throw error;
      }
    });
    await fc.check(property, { seed, numRuns: 1, unbiased: true });
    const { user, system } = process.cpuUsage(cpu);
    const failure =
      shortest === undefined
        ? undefined
        : [
            shortest.message,
            'the steps:',
            ...(shortest as { steps: readonly Step[] }).steps.map((step) => `    ${sentenceOf(step)}`),
          ].join('\n');
    const report: Report = {
      seed,
      subject: subject.name,
      steps,
      settled,
      cpuSeconds: (user + system) / 1e6,
      ...(failure === undefined ? {} : { failure }),
    };
    process.stdout.write(`${JSON.stringify(report)}\n`);
  }
}

/** Starts the workers and gathers what they say. */
async function lead(workers: number): Promise<void> {
  const started = performance.now();
  const reports: Report[] = [];
  const run = async (part: number): Promise<number> => {
    const flags = ['--disable-warning=ExperimentalWarning', '--disable-warning=DEP0204'];
    const own = [import.meta.filename, ...process.argv.slice(2), '--part', String(part), '--of', String(workers)];
    const child = spawn(process.execPath, [...flags, ...own], { stdio: ['ignore', 'pipe', 'inherit'] });
    createInterface({ input: child.stdout }).on('line', (text) => {
      const report = JSON.parse(text) as Report;
      reports.push(report);
      if (reports.length % 100 === 0) console.log(`${reports.length} of ${runs} lives played`);
      if (report.failure === undefined) return;
      console.log(`WRONG life ${report.seed} of a ${report.subject} cluster: ${report.failure}`);
      const subject = flag('subject') === undefined ? '' : ` --subject ${flag('subject')}`;
      console.log(`  again: npm run test:model -- --runs 1 --seed ${report.seed} --steps ${longest}${subject}`);
    });
    return new Promise((resolve) => {
      child.on('close', (code) => resolve(code ?? 1));
    });
  };
  const codes = await Promise.all(Array.from({ length: workers }, async (_, part) => run(part)));
  const wrong = reports.filter(({ failure }) => failure !== undefined).map(({ seed }) => seed);
  const broken = codes.some((code) => code !== 0) || reports.length !== runs;
  if (broken) console.log('a worker broke off: not every life was played');
  const sum = (of: (report: Report) => number) => reports.reduce((total, report) => total + of(report), 0);
  const cpu = reports.map(({ cpuSeconds }) => cpuSeconds).sort((a, b) => a - b);
  const median = (cpu[Math.floor(cpu.length / 2)] ?? 0).toFixed(1);
  const seeds = wrong.length === 0 ? '' : ` (seeds ${wrong.sort((a, b) => a - b).join(', ')})`;
  console.log(
    `${reports.length} lives: ${wrong.length} wrong${seeds} · seeds ${first} to ${first + runs - 1}, at most ${longest} steps · ${sum(({ steps }) => steps)} steps, ${sum(({ settled }) => settled)} comparisons · ${median} CPU s each · ${Math.round((performance.now() - started) / 1000)} s`,
  );
  process.exitCode = wrong.length > 0 || broken ? 1 : 0;
}

const part = flag('part');
if (part === undefined) await lead(Math.min(runs, Number(flag('workers') ?? 2)));
else {
  await work(Number(part), Number(flag('of')));
  process.exit(0);
}
