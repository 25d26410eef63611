import { cellsOf, sample } from './cells.ts';
import { runMatrix, summary, type Verdict } from './matrix.ts';

/**
 * Every fault at every call of a small provision: `npm run test:faults`. `--minutes N` ends it earlier (default 60),
 * `--sample N` takes a reproducible choice (`--seed N` another one), `--only TEXT` takes the cells whose call or fault contains the text. Exits with 1 when a run ended wrong.
 */
function flag(name: string): string | undefined {
  const index = process.argv.indexOf(`--${name}`);
  return index === -1 ? undefined : process.argv[index + 1];
}

function line({ cell, ended, detail, seconds }: Verdict): string {
  return `${ended.padEnd(6)} ${seconds.toFixed(0).padStart(3)} s  ${cell.fault} @ ${cell.call.method} ${cell.call.template}${detail === '' ? '' : `  → ${detail}`}`;
}

const started = performance.now();
const only = flag('only')?.toLowerCase() ?? '';
let total = 0;
const { verdicts, chosen, unmodelled } = await runMatrix(
  (calls) => {
    const all = cellsOf(calls);
    total = all.length;
    const named = all.filter(({ call, fault }) =>
      `${fault} @ ${call.method} ${call.template}`.toLowerCase().includes(only),
    );
    return sample(named, Number(flag('sample') ?? named.length), Number(flag('seed') ?? 1));
  },
  {
    atOnce: Number(flag('at-once') ?? 6),
    perStack: 48,
    budget: Number(flag('minutes') ?? 60) * 60_000,
    onVerdict: (verdict) => console.log(line(verdict)),
  },
);
const wrong = verdicts.filter((verdict) => verdict.ended === 'wrong');
for (const verdict of wrong) console.log(`WRONG ${line(verdict)}`);
if (unmodelled.length > 0) console.log(`not modelled: ${JSON.stringify(unmodelled)}`);
console.log(summary(verdicts, chosen, total, (performance.now() - started) / 1000));
process.exitCode = wrong.length > 0 || unmodelled.length > 0 ? 1 : 0;
