/**
 * Compares the embedded host with recordings of the real components:
 *   node scripts/conformance/main.ts [--part episodes|scenarios|generated|host] [--only REGEXP] [--keep] [folder …]
 * A folder holds `durable-recordings` and `host-recordings`, or is one of them, or a corpus of generated programs. Ends with 1
 * when something differs that docs/conformance.md does not name.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { compareEpisodes } from './episodes.ts';
import { compareGenerated } from './generated.ts';
import { compareHost } from './host-suite.ts';
import { readKnown, Report } from './report.ts';
import { compareScenarios } from './scenarios.ts';
import { createWorkshop, ROOT } from './workshop.ts';

type PartName = 'episodes' | 'scenarios' | 'generated' | 'host';
const PARTS: readonly PartName[] = ['episodes', 'scenarios', 'generated', 'host'];

interface Suite {
  readonly part: PartName;
  readonly folder: string;
}

/** What a folder holds, found by the files that each kind of recording brings. */
function suitesOf(folder: string): Suite[] {
  const has = (...names: string[]): boolean => existsSync(path.join(folder, ...names));
  const suites: Suite[] = [];
  if (has('episodes.mjs')) suites.push({ part: 'episodes', folder });
  if (has('scenarios.mjs')) suites.push({ part: 'scenarios', folder });
  if (has('programs.jsonl')) suites.push({ part: 'generated', folder });
  if (has('drivers', 'scen.mjs')) suites.push({ part: 'host', folder });
  for (const inner of ['durable-recordings', 'generated', 'host-recordings'])
    if (has(inner)) suites.push(...suitesOf(path.join(folder, inner)));
  return suites;
}

async function run(suite: Suite, workshop: string, report: Report, only: RegExp): Promise<void> {
  switch (suite.part) {
    case 'episodes':
      return compareEpisodes(suite.folder, report);
    case 'scenarios':
      return compareScenarios(suite.folder, path.join(workshop, 'scenarios'), report, only);
    case 'generated':
      return compareGenerated(suite.folder, path.join(workshop, 'generated'), report, only);
    case 'host':
      return compareHost(suite.folder, path.join(workshop, 'host'), report, only);
    default:
      throw new Error(`There is no part '${String(suite.part satisfies never)}'.`);
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { part: { type: 'string', multiple: true }, only: { type: 'string' }, keep: { type: 'boolean' } },
  });
  const wanted = values.part ?? PARTS;
  const unknown = wanted.find((name) => !PARTS.some((part) => part === name));
  if (unknown !== undefined) throw new Error(`--part is one of ${PARTS.join(', ')}, not '${unknown}'.`);
  const folders = positionals.length > 0 ? positionals : [path.join(ROOT, '../shared/reference')];
  const suites = folders.flatMap((folder) => suitesOf(path.resolve(folder)));
  if (suites.length === 0) throw new Error(`There are no recordings in ${folders.join(', ')}.`);
  const report = new Report(readKnown(path.join(ROOT, 'docs/conformance.md')), (line) => console.log(line));
  const workshop = createWorkshop();
  try {
    for (const [index, suite] of suites.entries())
      if (wanted.includes(suite.part))
        await run(suite, path.join(workshop.folder, String(index)), report, new RegExp(values.only ?? ''));
  } finally {
    if (values.keep === true) console.log(`files are kept in ${workshop.folder}`);
    else workshop.remove();
  }
  for (const part of report.parts) report.close(part);
  return report.failed ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
