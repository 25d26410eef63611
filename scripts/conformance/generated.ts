/** Part (c): the corpus of generated programs, driven and compared by its own unmodified `drive.mjs` and `compare.mjs`. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { canonical, list, object, text, type Json, type JsonObject } from './json.ts';
import type { Report } from './report.ts';
import { installApp, runNode, startHost } from './workshop.ts';

const AT_ONCE = 12;

interface Comparer {
  outcome(recording: Json): JsonObject;
  diff(a: JsonObject, b: JsonObject): string[];
}

/** True when one of the other outcomes that were recorded is this one, as far as it names parts. */
function isOtherOutcome(entry: JsonObject, here: JsonObject): boolean {
  return list(entry['otherOutcomes']).some((other) =>
    Object.entries(object(other)).every(
      ([name, value]) => here[name] === undefined || canonical(value) === canonical(here[name]),
    ),
  );
}

/** What differs for one program; parts in which the recordings differ among themselves do not count. */
function places(entry: JsonObject, recorded: JsonObject | undefined, here: JsonObject, compare: Comparer): string[] {
  if (!recorded) {
    const same = entry['runtimeStatus'] === here['runtimeStatus'];
    return same
      ? []
      : [`runtimeStatus: recorded ${canonical(entry['runtimeStatus'])} here ${canonical(here['runtimeStatus'])}`];
  }
  const unstable = new Set(list(entry['differs']));
  const parts = compare.diff(recorded, here).filter((name) => !unstable.has(name));
  if (parts.length > 0 && isOtherOutcome(entry, here)) return [];
  return parts.map(
    (name) =>
      `${name}: recorded ${canonical(recorded[name]).slice(0, 300)} here ${canonical(here[name]).slice(0, 300)}`,
  );
}

/** Runs the programs whose seed matches `filter` on one host and compares. */
export async function compareGenerated(
  folder: string,
  workshop: string,
  report: Report,
  filter: RegExp,
): Promise<void> {
  const part = report.part('generated');
  const compare: Comparer = await import(pathToFileURL(path.join(folder, 'compare.mjs')).href);
  const app = installApp(path.join(folder, 'app'), path.join(workshop, 'app'));
  const host = await startHost({ app, data: path.join(workshop, 'data') });
  const out = path.join(workshop, 'out');
  const base = `http://127.0.0.1:${host.port}/runtime/webhooks/durabletask/`;
  const drive = [
    path.join(folder, 'drive.mjs'),
    base,
    path.join(folder, 'programs.jsonl'),
    out,
    String(AT_ONCE),
    filter.source,
  ];
  const run = await runNode(drive, { cwd: workshop, env: process.env });
  await host.end();
  if (run.code !== 0) throw new Error(`the driver of the generated programs failed: ${run.output.slice(-1000)}`);
  const read = (file: string): Json => JSON.parse(readFileSync(file, 'utf8')) as Json;
  for (const item of list(read(path.join(folder, 'index.json')))) {
    const entry = object(item);
    const seed = text(entry['seed']);
    if (!filter.test(seed)) continue;
    const name = `g${seed.padStart(4, '0')}`;
    const [recordedFile, hereFile] = [path.join(folder, `${name}.json`), path.join(out, `${name}.json`)];
    const recorded = existsSync(recordedFile) ? compare.outcome(read(recordedFile)) : undefined;
    const here = existsSync(hereFile) ? compare.outcome(read(hereFile)) : undefined;
    const id = `${name} ${text(entry['family'])}`;
    report.case(part, id, here ? places(entry, recorded, here, compare) : ['the program was not run']);
  }
  report.close(part);
}
