import http from 'node:http';
import { errorEntry, errorRegistry } from '#domain/errors/registry.ts';
import { type Stack, type ClusterStatus, startStack, story } from '../../support/stack.ts';
import { sampleDocument } from '../../support/sample-plan.ts';
import { type ArmCall, type Cell, callsOf, faults, ruleOf } from './cells.ts';

const subscription = '22222222-2222-4222-8222-222222222222';

/** How one run of the matrix ended. */
export interface Verdict {
  readonly cell: Cell;
  readonly ended: 'Ready' | 'Failed' | 'wrong';
  /** Registry code of a failed run, or what is wrong. */
  readonly detail: string;
  /** Whether the fault really happened. */
  readonly hit: boolean;
  readonly seconds: number;
}

/** Asks the simulated ARM as the app's identity. */
async function arm(stack: Stack, method: string, route: string, body?: object): Promise<string> {
  const ask = async (host: string, path: string, headers: Record<string, string>, text?: string): Promise<string> => {
    const { hostname, port } = new URL(stack.gatewayUrl);
    return new Promise((resolve, reject) => {
      const asked = http.request(
        { hostname, port, path, method: text === undefined ? 'GET' : method, headers: { host, ...headers } },
        (answer) => {
          let all = '';
          answer.on('data', (chunk: Buffer) => (all += chunk.toString()));
          answer.on('end', () => ((answer.statusCode ?? 500) < 300 ? resolve(all) : reject(new Error(all))));
        },
      );
      asked.on('error', reject);
      asked.end(text);
    });
  };
  const resource = encodeURIComponent('https://management.azure.com/');
  const query = `/msi/token?api-version=2019-08-01&resource=${resource}&client_id=33333333-3333-4333-8333-333333333333`;
  const { access_token: token } = JSON.parse(await ask('127.0.0.1', query, { 'x-identity-header': 'local' })) as {
    access_token: string;
  };
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return ask('management.azure.com', route, headers, body === undefined ? undefined : JSON.stringify(body));
}

async function makeGroup(stack: Stack, group: string): Promise<void> {
  const route = `/subscriptions/${subscription}/resourcegroups/${group}?api-version=2025-04-01`;
  await arm(stack, 'PUT', route, { location: 'westeurope' });
}

/** One control-plane machine, one worker, the small image: the shortest whole provision. */
function document(name: string, resourceGroup: string) {
  return sampleDocument(
    {
      azure: { subscriptionId: subscription, location: 'westeurope', resourceGroup },
      kubernetes: { version: 'v1.34.1' },
      image: { vhd: 'https://capstanimages.blob.core.windows.net/images/ubuntu-2404-v1.34.1.vhd' },
      controlPlane: { replicas: 1 },
      workerPools: [{ name: 'general', replicas: 1, zones: ['1'] }],
    },
    name,
  );
}

/** How many resources of each type stand in a group. */
async function countsIn(stack: Stack, group: string): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const { id, type } of await stack.resources()) {
    if (!id.toLowerCase().includes(`/resourcegroups/${group}/`)) continue;
    counts[type] = (counts[type] ?? 0) + 1;
  }
  return counts;
}

/** What an undisturbed run does: its calls and what stands afterwards. */
export interface Recording {
  readonly calls: readonly ArmCall[];
  readonly counts: Readonly<Record<string, number>>;
  readonly seconds: number;
}

export async function record(stack: Stack): Promise<Recording> {
  const started = performance.now();
  await makeGroup(stack, 'rec-group');
  await stack.post(document('rec', 'rec-group'));
  const seen = await stack.settled('rec', 90_000);
  if (seen.status.phase !== 'Ready') throw new Error(`the undisturbed run is not Ready:\n${story(seen)}`);
  return {
    calls: callsOf(await stack.requests(), 'rec-group'),
    counts: await countsIn(stack, 'rec-group'),
    seconds: (performance.now() - started) / 1000,
  };
}

/** Runs one provision with one fault and judges it. */
export async function runCell(stack: Stack, cell: Cell, index: number, recording: Recording): Promise<Verdict> {
  const started = performance.now();
  const name = `f${index}`;
  const group = `${name}-group`;
  const verdict = (ended: Verdict['ended'], detail: string, hit = true): Verdict => ({
    cell,
    ended,
    detail,
    hit,
    seconds: (performance.now() - started) / 1000,
  });
  try {
    await makeGroup(stack, group);
    const number = await addRule(stack, ruleOf(cell, group));
    await stack.post(document(name, group));
    // A busy machine is slow with every run: the undisturbed one tells how slow.
    const seen = await stack.settled(name, Math.max(100_000, recording.seconds * 30_000));
    return verdict(...(await judge(stack, cell, seen, group, recording)), await wasApplied(stack, number));
  } catch (error) {
    return verdict('wrong', (error instanceof Error ? error.message : String(error)).slice(0, 1500));
  }
}

async function judge(
  stack: Stack,
  cell: Cell,
  seen: ClusterStatus,
  group: string,
  recording: Recording,
): Promise<[Verdict['ended'], string]> {
  const { phase, error } = seen.status;
  if (phase === 'Ready') {
    const counts = JSON.stringify(sorted(await countsIn(stack, group)));
    const expected = JSON.stringify(sorted(recording.counts));
    return counts === expected
      ? ['Ready', '']
      : ['wrong', `other resources than in an undisturbed run: ${counts} instead of ${expected}`];
  }
  if (phase !== 'Failed' || error === undefined) return ['wrong', `ended in phase ${phase}:\n${story(seen)}`];
  if (!(error.code in errorRegistry)) return ['wrong', `the code ${error.code} is not registered`];
  const remedy = error.remedy ?? errorEntry(error.code).remedy;
  if (remedy === '') return ['wrong', `${error.code} has no remedy`];
  if (faults[cell.fault]?.mayFail !== true)
    return ['wrong', `${error.code} ${error.message} · ${error.cause ?? ''} (a passing trouble failed the run)`];
  return ['Failed', `${error.code} ${error.message}`];
}

function sorted(counts: Readonly<Record<string, number>>): object {
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function addRule(stack: Stack, rule: object): Promise<number> {
  const answer = await fetch(`${stack.gatewayUrl}/_simulator/faults`, { method: 'POST', body: JSON.stringify(rule) });
  if (!answer.ok) throw new Error(await answer.text());
  const [added] = (await answer.json()) as { number: number }[];
  return added?.number ?? 0;
}

async function wasApplied(stack: Stack, number: number): Promise<boolean> {
  const listed = (await (await fetch(`${stack.gatewayUrl}/_simulator/faults`)).json()) as {
    controlPlane: { rules: { number: number; applied: number }[] };
  };
  return (listed.controlPlane.rules.find((rule) => rule.number === number)?.applied ?? 0) > 0;
}

export interface MatrixOptions {
  /** Runs side by side. */
  readonly atOnce: number;
  /** Runs per stack: simulated clusters stay in its memory. */
  readonly perStack: number;
  /** No run begins later, in milliseconds since the start. */
  readonly budget: number;
  readonly onVerdict?: (verdict: Verdict) => void;
}

/** A fault that ends a run, at a call that does not name the cluster's group, could end another cluster's run. */
function needsQuiet(cell: Cell | undefined): boolean {
  return cell !== undefined && faults[cell.fault]?.mayFail === true && !cell.call.template.includes('{group}');
}

/** Runs cells, several at once, on one stack after the other; what the time does not suffice for is left out. */
export async function runMatrix(
  choose: (calls: readonly ArmCall[]) => readonly Cell[],
  options: MatrixOptions,
): Promise<{
  readonly verdicts: readonly Verdict[];
  readonly chosen: number;
  readonly unmodelled: readonly unknown[];
}> {
  const started = performance.now();
  const verdicts: Verdict[] = [];
  const unmodelled: unknown[] = [];
  let cells: readonly Cell[] | undefined;
  let next = 0;
  do {
    const stack = await startStack({ scale: 600 });
    try {
      const recording = await record(stack);
      cells ??= choose(recording.calls);
      const all = cells;
      const end = Math.min(all.length, next + options.perStack);
      const range = Array.from({ length: end - next }, (_, offset) => next + offset);
      next = end;
      const run = async (indices: number[]): Promise<void> => {
        for (let index = indices.shift(); index !== undefined; index = indices.shift()) {
          const cell = all[index];
          if (cell === undefined || performance.now() - started > options.budget) return;
          const verdict = await runCell(stack, cell, index, recording);
          verdicts.push(verdict);
          options.onVerdict?.(verdict);
        }
      };
      const together = range.filter((index) => !needsQuiet(all[index]));
      await Promise.all(Array.from({ length: options.atOnce }, async () => run(together)));
      await run(range.filter((index) => needsQuiet(all[index])));
      unmodelled.push(...(await stack.unmodelled()));
    } finally {
      await stack.stop();
    }
  } while (next < cells.length && performance.now() - started < options.budget);
  return { verdicts, chosen: cells.length, unmodelled };
}

/** One line for people: how many ran and how they ended. */
export function summary(verdicts: readonly Verdict[], chosen: number, total: number, seconds: number): string {
  const count = (ended: Verdict['ended']) => verdicts.filter((verdict) => verdict.ended === ended).length;
  const missed = verdicts.filter((verdict) => !verdict.hit).length;
  return `fault matrix: ${verdicts.length} of ${chosen} cells ran (${total} in all) · ${count('Ready')} Ready · ${count('Failed')} Failed with a code and a remedy · ${count('wrong')} wrong · ${missed} faults not met · ${Math.round(seconds)} s`;
}
