/** Part (b): the recorded scenario groups, end to end: the driver text of the recordings runs unmodified against this host. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { bag, canonical, differences, list, mapJson, object, text, type Json, type JsonObject } from './json.ts';
import type { Report } from './report.ts';
import { installApp, runNode } from './workshop.ts';

/** Scenario groups at once; they mostly wait. */
const AT_ONCE = 6;
const SHORTENED_RUN = 1000;

/** The configuration of `scenarios.mjs` under which a recording was made. */
function configurationOf(recording: JsonObject): string {
  const host = object(recording['host']);
  const config = object(host['config']);
  if (host['timerLimits'] !== undefined) return 'timers';
  if (host['appEnv'] !== undefined) return 'provider';
  if (config['versionMatchStrategy'] !== undefined) return 'strictfail';
  if (config['defaultVersion'] !== undefined) return 'defver';
  return config['useAppLease'] === undefined ? 'main' : 'restart';
}

/** The list of known functions in the text of an unknown one has the order of a .NET dictionary. */
function sortNames(names: string): string {
  return names.split(', ').sort().join(', ');
}

/** Recordings shorten runs of one character. */
function shortenRuns(item: string): string {
  return item.length < SHORTENED_RUN
    ? item
    : item.replace(/(.)\1{999,}/gs, (run, one: string) => `<${one} x ${run.length}>`);
}

/**
 * Takes out what is not compared: times, ids, keys, stacks and the .NET exception that follows the message of a failed
 * activity (the stack in it names the process of the recording).
 */
function comparable(value: Json): Json {
  const changed = mapJson(value, (item, key) => {
    if (key === 'Timestamp' || key === 'ScheduledTime' || key === 'FireAt') return undefined;
    if (key === 'StackTrace' || key === 'RemoteStackTrace') return undefined;
    if (typeof item !== 'string') return item;
    return shortenRuns(item)
      .replace(/<id\d+>/g, '<id>')
      .replace(/code=[A-Za-z0-9_%=-]+/g, 'code=<key>')
      .replace(/taskHub=\w+/g, 'taskHub=<hub>')
      .replace(/\{\\*"\$type\\*":\\*"System\.Exception.*$/s, '<exception>')
      .replace(/\{\\*"\$type\\*":\\*"System\.Net\.Http\..*$/s, '<exception>')
      .replace(/StackTrace: .*$/s, 'StackTrace: <stack>')
      .replace(/"StackTrace\\*":(null|\\*"<stack>\\*")/g, '"StackTrace":null')
      .replace(/,\\*"(Timestamp|Predecessor|requestTime)\\*":\\*"[^"\\]*\\*"/g, '')
      .replace(/\w{3}, \d\d \w{3} 20\d\d [\d:]{8} GMT/g, '<date>')
      .replace(/(?<=known \w+ functions: )'[^.]*'/, sortNames);
  });
  return changed ?? null;
}

/** History rows without order and without the marks of single episodes. */
function historyBag(events: Json | undefined): Json {
  const rows = list(events).filter(
    (event) => !/^Orchestrator(Started|Completed)$/.test(text(object(event)['EventType'])),
  );
  return bag(rows);
}

/** A status document: history as a bag, ids of executions already gone. */
function statusOf(document: Json | undefined): Json {
  if (Array.isArray(document)) return bag(document.map((item) => statusOf(item)));
  if (typeof document !== 'object' || document === null) return document ?? null;
  if (document['historyEvents'] === undefined) return document;
  return { ...document, historyEvents: historyBag(document['historyEvents']) };
}

/** Lists of a whole task hub also hold what earlier scenarios left behind: only this scenario's rows count. */
function ownRows(body: Json | undefined, scenario: string): Json | undefined {
  if (!Array.isArray(body)) return body;
  return body.filter((row) => {
    const id = object(row)['instanceId'] ?? object(object(row)['entityId'])['key'];
    return typeof id !== 'string' || id.includes(`${scenario}-`);
  });
}

function stepPlaces(recorded: Json[], here: Json[], scenario: string): string[] {
  const places: string[] = [];
  if (recorded.length !== here.length) places.push(`steps: recorded ${recorded.length} here ${here.length}`);
  for (const [index, step] of recorded.entries()) {
    const mine = here[index];
    if (mine === undefined) break;
    const [a, b] = [object(step), object(mine)];
    const label = `${index} ${text(a['label'])}`;
    if (a['label'] !== b['label']) {
      places.push(`step ${label}: here ${text(b['label'])}`);
      continue;
    }
    // How long something took is not compared.
    if (typeof a['value'] === 'number') continue;
    const shape = (one: JsonObject): Json => ({
      value: statusOf(withoutDuration(one['value'])),
      status: one['status'] ?? null,
      headers: trimmed(one['headers']),
      body: statusOf(ownRows(one['body'] ?? one['text'], scenario)),
    });
    places.push(...differences(shape(a), shape(b)).map((place) => `step ${label}: ${place}`));
  }
  return places;
}

/** HTTP clients cut the blank at the end of a continuation token. */
function trimmed(headers: Json | undefined): Json {
  return mapJson(headers ?? null, (value) => (typeof value === 'string' ? value.trim() : value)) ?? null;
}

function withoutDuration(value: Json | undefined): Json | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value['ms'] === undefined) return value;
  const { ms: _ms, ...rest } = value;
  return rest;
}

/** Final statuses by id; ids that the engine made up share one name, so they are compared as bags. */
function finalPlaces(recorded: JsonObject, here: JsonObject): string[] {
  const group = (finals: JsonObject): Map<string, Json[]> => {
    const groups = new Map<string, Json[]>();
    for (const [id, final] of Object.entries(finals)) {
      const name = id.replace(/<id\d+>/g, '<id>');
      const { httpStatus, body, text: plain } = object(final);
      const document = { httpStatus: httpStatus ?? null, body: statusOf(body ?? plain) };
      groups.set(name, [...(groups.get(name) ?? []), document]);
    }
    return groups;
  };
  const [a, b] = [group(recorded), group(here)];
  return [...new Set([...a.keys(), ...b.keys()])].flatMap((name) => {
    const order = (items: Json[] | undefined): Json[] =>
      [...(items ?? [])].sort((x, y) => (canonical(x) < canonical(y) ? -1 : 1));
    const [x, y] = [order(a.get(name)), order(b.get(name))];
    // Instances with ids of the engine's own: the driver knows those that a page of the whole hub happened to show.
    if (name.includes('<id>')) {
      const left = new Set(y.map((item) => canonical(item)));
      const missing = x.filter((item) => !left.has(canonical(item)));
      return missing.map((item) => `final ${name}: there is no instance like ${canonical(item).slice(0, 300)}`);
    }
    const places = x.length === 1 && y.length === 1 ? differences(x[0], y[0]) : differences(x, y);
    return places.map((place) => `final ${name}: ${place}`);
  });
}

/** All differences between a recording of the real extension and one of this host. */
function scenarioPlaces(recorded: Json, here: Json, normalize: (recording: Json) => Json): string[] {
  const a = object(comparable(normalize({ ...object(recorded), invocations: [] })));
  const b = object(comparable(normalize({ ...object(here), invocations: [] })));
  const steps = stepPlaces(list(a['steps']), list(b['steps']), text(a['scenario']));
  return [...steps, ...finalPlaces(object(a['finals']), object(b['finals']))];
}

/** Lays out the driver with this host's harness beside it; the folder from which it runs. */
function layOut(recordings: string, folder: string): string {
  mkdirSync(path.join(folder, 'lib'), { recursive: true });
  const source = readFileSync(path.join(recordings, 'scenarios.mjs'), 'utf8');
  writeFileSync(path.join(folder, 'scenarios.mjs'), source);
  const harness = pathToFileURL(path.join(import.meta.dirname, 'oracle.ts')).href;
  for (const name of ['oracle', 'format'])
    writeFileSync(path.join(folder, 'lib', `${name}.mjs`), `export * from '${harness}';\n`);
  installApp(path.join(recordings, 'app'), path.join(folder, 'app'));
  return folder;
}

/** Runs and compares every group whose name matches `filter`. */
export async function compareScenarios(
  recordings: string,
  workshop: string,
  report: Report,
  filter: RegExp,
): Promise<void> {
  const part = report.part('scenarios');
  const { normalize }: { normalize: (recording: Json) => Json } = await import(
    pathToFileURL(path.join(recordings, 'normalize.mjs')).href
  );
  const names = readdirSync(recordings)
    .filter((name) => /^\d\w*-.*\.json$/.test(name) && filter.test(name))
    .map((name) => name.replace(/\.json$/, ''));
  const results = new Map<string, string[]>();
  const waiting = [...names];
  const worker = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const recorded = JSON.parse(readFileSync(path.join(recordings, `${name}.json`), 'utf8')) as Json;
      const folder = layOut(recordings, path.join(workshop, name));
      const out = path.join(folder, 'out');
      const env = { ...process.env, CONF: configurationOf(object(recorded)), OUT: out };
      const run = await runNode(['scenarios.mjs', `^${name}$`], { cwd: folder, env });
      const file = path.join(out, `${name}.json`);
      const failed = !existsSync(file) || /ERROR/.test(run.output);
      results.set(
        name,
        failed
          ? [`the driver failed: ${run.output.trim().slice(-600)}`]
          : scenarioPlaces(recorded, JSON.parse(readFileSync(file, 'utf8')) as Json, normalize),
      );
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, async () => worker()));
  for (const name of names) report.case(part, name, results.get(name) ?? ['it was not run']);
  report.close(part);
}
