/** Plays many seeds of the deterministic simulation: node test/full/host/dst.ts --seeds 1000 [--from 1] | --seed N (with its log). */
import { parseArgs } from 'node:util';
import { storm, stormTwice } from '../../unit/host-suites/storm.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({ options: { seeds: text, from: text, seed: text } });

async function one(seed: number): Promise<number> {
  const { log } = await storm(seed);
  for (const line of log) console.log(line);
  const { faults } = await stormTwice(seed);
  for (const fault of faults) console.log(`FAULT ${fault}`);
  return faults.length;
}

async function many(from: number, count: number): Promise<number> {
  const begin = performance.now();
  let [failed, commits] = [0, 0];
  for (let seed = from; seed < from + count; seed++) {
    const result = await stormTwice(seed);
    commits += result.commits;
    if (result.faults.length === 0) continue;
    failed++;
    console.log(`seed ${seed} fails: npm run test:dst -- --seed ${seed}`);
    for (const fault of result.faults) console.log(`  ${fault}`);
  }
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  console.log(`${count} seeds, each twice: ${count - failed} good, ${failed} bad, ${commits} commits, ${seconds} s`);
  return failed;
}

const bad =
  values.seed === undefined
    ? await many(Number(values.from ?? 1), Number(values.seeds ?? 1000))
    : await one(Number(values.seed));
process.exitCode = bad > 0 ? 1 : 0;
