import { errorEntry, errorRegistry } from '#domain/errors/registry.ts';
import type { ClusterDocument } from '#domain/spec/types.ts';
import type { RequestLogEntry } from '#local/azure/service.ts';
import { sampleDocument, sampleImage } from '../../support/sample-plan.ts';
import type { ActivityCall, VirtualProcess, VirtualWorld } from '../../support/virtual.ts';
import { appPrincipal, type ArmCall, callsOf } from './cells.ts';
import { type DataCall, dataCallsOf } from './data-cells.ts';

/** What the sets of the matrix share: the sample provision, and what must hold after every run of it. */
export const subscription = '22222222-2222-4222-8222-222222222222';

/** Name of the cluster and of its group: every run has an Azure of its own. */
export const cluster = 'sample';
export const group = 'sample-group';

/** One run of the matrix. */
export interface Case {
  readonly title: string;
  /** Runs in a fresh world and says how it ended; throws when it did not come to an end. */
  run(world: VirtualWorld, before: readonly string[], recording: Recording): Promise<Ending>;
}

export interface Ending {
  readonly ended: 'Ready' | 'Failed' | 'Deleted' | 'wrong';
  /** Registry code of a failed run, or what is wrong. */
  readonly detail: string;
  /** Whether what was to go wrong really happened. */
  readonly hit: boolean;
}

/** How one run ended, and what it took. */
export interface Verdict extends Ending {
  readonly title: string;
  readonly cpuSeconds: number;
  readonly virtualSeconds: number;
  /** Calls to ARM that the app made. */
  readonly armCalls: number;
}

/** One control-plane machine, one worker, the small image: the shortest whole provision. */
export function document(): ClusterDocument {
  return sampleDocument(
    {
      azure: { subscriptionId: subscription, location: 'westeurope', resourceGroup: group },
      kubernetes: { version: 'v1.34.1' },
      image: sampleImage('v1.34.1'),
      controlPlane: { replicas: 1 },
      workerPools: [{ name: 'general', replicas: 1, zones: ['1'] }],
    },
    cluster,
  );
}

/** What an undisturbed run and its deletion do. */
export interface Recording {
  readonly calls: readonly ArmCall[];
  readonly deletionCalls: readonly ArmCall[];
  readonly dataCalls: readonly DataCall[];
  /** Calls of activities, as `step activity detail`, in the order in which they first happen. */
  readonly activities: readonly string[];
  /** How many resources of each type stand in the group. */
  readonly counts: Readonly<Record<string, number>>;
  /** Calls to ARM that the app made for the provision. */
  readonly armCalls: number;
  /** Every request to the simulated Azure, for comparisons. */
  readonly log: string;
}

/** Names a call of an activity without its poll number. */
export function nameOfCall({ name, input }: ActivityCall): string {
  const { step, key, pool, slice } = input as Partial<Record<string, string | number>>;
  return [step, name, key ?? pool ?? slice].filter((part) => part !== undefined).join(' ');
}

const byApp = (requests: readonly RequestLogEntry[]): readonly RequestLogEntry[] =>
  requests.filter((entry) => entry.service === 'arm' && entry.caller === appPrincipal);

/** Runs the sample undisturbed, and deletes it. */
export async function record(virtual: VirtualProcess, seed: string): Promise<Recording> {
  const { world, before } = await prepare(virtual, seed);
  const activities = new Set<string>();
  world.host.onActivity(async (call, run) => {
    activities.add(nameOfCall(call));
    return run();
  });
  await world.apply(document());
  const { phase } = await world.settled(cluster);
  if (phase !== 'Ready') throw new Error(`the undisturbed run is not Ready:\n${await storyOf(world)}`);
  const provision = world.requests();
  const provisionActivities = [...activities];
  const counts = await countsIn(world);
  const left = await deleteAll(world, before);
  if (left !== '') throw new Error(`the undisturbed deletion is not complete: ${left}`);
  const all = world.requests();
  await world.close();
  return {
    calls: callsOf(provision, group),
    dataCalls: dataCallsOf(provision),
    deletionCalls: callsOf(all.slice(provision.length), group),
    activities: provisionActivities,
    counts,
    armCalls: byApp(provision).length,
    log: all.map((entry) => JSON.stringify(entry)).join('\n'),
  };
}

/** A world with the cluster's group in it, and what stood in it before the cluster. */
export async function prepare(
  virtual: VirtualProcess,
  seed: string,
): Promise<{ readonly world: VirtualWorld; readonly before: readonly string[] }> {
  const world = await virtual.createWorld(seed);
  const route = `/subscriptions/${subscription}/resourcegroups/${group}?api-version=2025-04-01`;
  await world.arm('PUT', route, { location: 'westeurope' });
  return { world, before: await idsIn(world) };
}

/** Runs one case in a world of its own. */
export async function runCase(virtual: VirtualProcess, given: Case, recording: Recording): Promise<Verdict> {
  const cpu = process.cpuUsage();
  const { world, before } = await prepare(virtual, given.title);
  const began = virtual.now();
  let ending: Ending;
  try {
    ending = await given.run(world, before, recording);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    ending = { ended: 'wrong', detail: `${message}\n${await storyOf(world)}`, hit: true };
  }
  const armCalls = byApp(world.requests()).length;
  const virtualSeconds = (virtual.now() - began) / 1000;
  await world.close();
  const { user, system } = process.cpuUsage(cpu);
  return { title: given.title, ...ending, cpuSeconds: (user + system) / 1e6, virtualSeconds, armCalls };
}

async function idsIn(world: VirtualWorld): Promise<readonly string[]> {
  return (await world.resources()).map(({ id }) => id.toLowerCase()).sort();
}

/** How many resources of each type stand in the cluster's group. */
async function countsIn(world: VirtualWorld): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const { id, type } of await world.resources()) {
    if (id.toLowerCase().includes(`/resourcegroups/${group}/`)) counts[type] = (counts[type] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Judges a provision that has ended: Ready with the same resources as ever, or Failed with a code and a remedy. */
export async function judgeProvision(
  world: VirtualWorld,
  recording: Recording,
): Promise<{ readonly ended: 'Ready' | 'Failed' | 'wrong'; readonly detail: string }> {
  const { phase, head } = await world.settled(cluster);
  const { error } = head.operation;
  if (phase === 'Ready') {
    const counts = JSON.stringify(await countsIn(world));
    const expected = JSON.stringify(recording.counts);
    return counts === expected
      ? { ended: 'Ready', detail: '' }
      : { ended: 'wrong', detail: `other resources than in an undisturbed run: ${counts} instead of ${expected}` };
  }
  if (phase !== 'Failed' || error === undefined)
    return { ended: 'wrong', detail: `ended in phase ${phase}:\n${await storyOf(world)}` };
  if (!(error.code in errorRegistry)) return { ended: 'wrong', detail: `the code ${error.code} is not registered` };
  if ((error.remedy ?? errorEntry(error.code).remedy) === '')
    return { ended: 'wrong', detail: `${error.code} has no remedy` };
  return { ended: 'Failed', detail: `${error.code} ${error.message} · ${error.cause ?? ''}` };
}

/** Calls beyond those of an undisturbed run that one fault may cost: the polls of an operation that never ends, mostly. */
const extraCalls = 400;

/** What no run may do, however it ends; empty when all is well. `injected`: calls that a fault refused as too many. */
export async function troubleWith(world: VirtualWorld, recording: Recording, injected = 0): Promise<string> {
  const unmodelled = await world.unmodelled();
  if (unmodelled.length > 0) return `not modelled: ${JSON.stringify(unmodelled)}`;
  const requests = byApp(world.requests());
  const refused = requests.filter((entry) => entry.status === 429 && entry.code !== 'RetryableError').length;
  if (refused > injected) return `Azure refused ${refused - injected} calls as too many`;
  const budget = recording.armCalls + extraCalls;
  if (requests.length > budget) return `${requests.length} calls to ARM are more than ${budget}`;
  const twice = createdTwice(world.requests());
  return twice === undefined ? '' : `created twice: ${twice}`;
}

/** A resource that was made a second time without having been deleted in between. */
export function createdTwice(requests: readonly RequestLogEntry[]): string | undefined {
  const made = new Set<string>();
  for (const { service, method, path, status } of requests) {
    const key = path.toLowerCase();
    if (service !== 'arm' || status >= 300) continue;
    // What stands in it goes with it, and with a machine its network interface (deleteOption).
    if (method === 'DELETE')
      for (const id of made) if (`${id}/`.startsWith(`${key}/`) || id === interfaceOf(key)) made.delete(id);
    if (method !== 'PUT' || status !== 201) continue;
    if (made.has(key)) return path;
    made.add(key);
  }
  return undefined;
}

function interfaceOf(machine: string): string | undefined {
  const name = /\/microsoft\.compute\/virtualmachines\/([^/]+)$/.exec(machine)?.[1];
  if (name === undefined) return undefined;
  return machine.replace(
    /microsoft\.compute\/virtualmachines\/[^/]+$/,
    `microsoft.network/networkinterfaces/${name}-nic`,
  );
}

/** Deletes the cluster; empty when nothing of it is left. */
export async function deleteAll(world: VirtualWorld, before: readonly string[]): Promise<string> {
  await world.delete(cluster);
  const { phase } = await world.settled(cluster);
  if (phase !== 'Deleted') return `the deletion ended in phase ${phase}:\n${await storyOf(world)}`;
  return leftovers(world, before);
}

/** What stands in Azure that did not before, secrets included; empty when nothing does. */
export async function leftovers(world: VirtualWorld, before: readonly string[]): Promise<string> {
  const known = new Set(before);
  const after = await idsIn(world);
  const left = [...after.filter((id) => !known.has(id)), ...(await world.secrets())];
  if (left.length > 0) return `left behind: ${left.join(', ')}`;
  const lost = before.filter((id) => !after.includes(id));
  return lost.length > 0 ? `deleted though it was not ours: ${lost.join(', ')}` : '';
}

/** The story of the cluster in one text. */
export async function storyOf(world: VirtualWorld): Promise<string> {
  const rows = await world.store.clusters.rows(cluster);
  if (rows === undefined) return 'no cluster at all';
  const { phase, operation } = rows.head;
  const steps = rows.steps.map(({ id, state, error, sentence }) => {
    const what = error === undefined ? (sentence ?? '') : `${error.code} ${error.message} · ${error.cause ?? ''}`;
    return `  ${state.padEnd(8)} ${id}: ${what}`;
  });
  const lines = world.lines.slice(-3).map(({ message }) => `  | ${message.slice(0, 600)}`);
  const error = operation.error === undefined ? '' : ` ${operation.error.code} ${operation.error.message}`;
  return [`phase ${phase}, ${operation.kind} ${operation.state}${error}`, ...steps, ...lines].join('\n');
}

/** One line for people: how many ran and how they ended. */
export function summary(verdicts: readonly Verdict[], total: number, seconds: number): string {
  const count = (ended: Verdict['ended']) => verdicts.filter((verdict) => verdict.ended === ended).length;
  const missed = verdicts.filter((verdict) => !verdict.hit).length;
  const cpu = verdicts.map((verdict) => verdict.cpuSeconds).sort((a, b) => a - b);
  const median = (cpu[Math.floor(cpu.length / 2)] ?? 0).toFixed(2);
  return `${verdicts.length} cells: ${count('Ready')} Ready, ${count('Failed')} Failed with code and remedy, ${count('Deleted')} Deleted, ${count('wrong')} wrong (of ${total} · ${missed} not met · ${median} CPU s each · ${Math.round(seconds)} s)`;
}
