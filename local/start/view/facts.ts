import type { CapstanError } from '#domain/errors/error.ts';
import { errorRegistry } from '#domain/errors/registry.ts';
import { ownedTag } from '#domain/names/tags.ts';
import type { AnyDocument } from '#domain/managed/types.ts';
import type { AzureResource, PoolView, StatusDocument, StepView } from '../status-document.ts';
import { clean, count } from './text.ts';

/** Milliseconds a step has taken so far, or took. */
export function stepTime(step: StepView, now: number): number | undefined {
  if (step.startedAt === undefined) return undefined;
  const end = step.endedAt === undefined ? now : Date.parse(step.endedAt);
  return Math.max(0, end - Date.parse(step.startedAt));
}

/** Machines of the control plane that are asked for; undefined where AKS runs it. */
export function wantedControlPlane(spec: AnyDocument['spec']): number | undefined {
  return 'controlPlane' in spec ? spec.controlPlane.replicas : undefined;
}

/** The pools of workers, by the name their kind of cluster has for them. */
export function wantedPools(spec: AnyDocument['spec']) {
  return 'workerPools' in spec ? spec.workerPools : spec.nodePools;
}

/** Title as the terminal shows it: the scale-out names its goal. */
export function stepTitle(step: StepView, { spec }: StatusDocument): string {
  return step.id === 'controlPlaneScale' ? `Control plane ×${wantedControlPlane(spec) ?? ''}` : step.title;
}

/** Milliseconds of the operation so far, or in all. */
export function elapsed({ status }: StatusDocument, now: number): number {
  const { startedAt, endedAt } = status.operation;
  if (startedAt === undefined) return 0;
  return Math.max(0, (endedAt === undefined ? now : Date.parse(endedAt)) - Date.parse(startedAt));
}

/** Whether the newest operation has come to its end. */
export function finished({ status }: StatusDocument): boolean {
  return status.operation.state === 'finished';
}

/** `demo · westeurope · v1.33.4 · 3 control plane + 5 workers · zones 1 2 3`; `AKS · 5 nodes` where Azure runs the control plane. */
export function clusterLine({ metadata, spec }: StatusDocument | Pick<StatusDocument, 'metadata' | 'spec'>): string {
  const pools = wantedPools(spec);
  const workers = pools.reduce((sum, pool) => sum + pool.replicas, 0);
  const zones = [...new Set(pools.flatMap((pool) => pool.zones ?? []))].sort();
  const controlPlane = wantedControlPlane(spec);
  return [
    metadata.name,
    spec.azure.location,
    spec.kubernetes.version,
    controlPlane === undefined
      ? `AKS · ${count(workers, 'node')}`
      : `${controlPlane} control plane + ${count(workers, 'worker')}`,
    ...(zones.length === 0 ? [] : [`${zones.length === 1 ? 'zone' : 'zones'} ${zones.join(' ')}`]),
  ].join(' · ');
}

export interface ZoneCells {
  readonly label: string;
  readonly ready: number;
  readonly wanted: number;
}

/** Ready and wanted nodes of a pool, zone by zone. */
export function poolZones(pool: PoolView): readonly ZoneCells[] {
  return pool.zones.map(({ zone, ready, replicas }) => ({
    label: zone === '' ? '' : `zone ${zone}`,
    ready: Math.min(ready, replicas),
    wanted: replicas,
  }));
}

/** Ready control-plane nodes per zone; the API knows them only when they are there. */
export function controlPlaneZones({ status }: StatusDocument): readonly ZoneCells[] {
  const nodes = status.nodes.filter((node) => node.role === 'control-plane');
  const zones = [...new Set(nodes.map((node) => node.zone ?? ''))].sort();
  return zones.map((zone) => {
    const here = nodes.filter((node) => (node.zone ?? '') === zone);
    return {
      label: zone === '' ? '' : `zone ${zone}`,
      ready: here.filter((node) => node.ready).length,
      wanted: here.length,
    };
  });
}

/** The error of a failed operation and the step it came from. */
export function failureOf(document: StatusDocument): { error: CapstanError; step: StepView | undefined } | undefined {
  const step = document.status.steps.find((candidate) => candidate.error !== undefined);
  const error = document.status.error ?? step?.error;
  if (error === undefined) return undefined;
  const own = document.status.steps.find((candidate) => candidate.error?.code === error.code);
  return { error, step: own ?? step };
}

/** Cause and remedy of an error, from the error itself or else from the registry. */
export function explained(error: CapstanError): { readonly cause: string; readonly remedy: string } {
  // A newer app may know codes that this program does not.
  const entry = Object.hasOwn(errorRegistry, error.code) ? errorRegistry[error.code] : undefined;
  return {
    cause: clean(error.cause ?? entry?.cause ?? 'not known'),
    remedy: clean(error.remedy ?? entry?.remedy ?? 'Read the events of the cluster.'),
  };
}

/** Azure resources of one cluster: those in its inventory, what lies below them, and what carries CAPZ's owned tag. */
export function resourcesOf(document: StatusDocument, all: readonly AzureResource[]): readonly AzureResource[] {
  const tag = ownedTag(document.metadata.name);
  const ids = document.status.inventory
    .filter((item) => item.owned && item.state !== 'deleted')
    .map((item) => item.id.toLowerCase());
  const mine = new Set(ids);
  return all.filter((resource) => resource.tags?.[tag] === 'owned' || mine.has(resource.id.toLowerCase()));
}

/** Number of resources per type, most frequent first: `8 virtual machines`. */
export function byKind(resources: readonly AzureResource[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { type } of resources) {
    const kind = kindWords(type);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return [...counts]
    .sort(([a, x], [b, y]) => y - x || a.localeCompare(b))
    .map(([kind, number]) => `${number} ${number === 1 ? singular(kind) : kind}`);
}

/** `Microsoft.Network/publicIPAddresses` → `public IP addresses`. */
function kindWords(type: string): string {
  const last = type.split('/').at(-1) ?? type;
  return last
    .replaceAll(/([A-Z]{2,})([A-Z][a-z])/g, ' $1 $2')
    .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
    .split(' ')
    .map((word) => (/^[A-Z]{2,}$/.test(word) ? word : word.toLowerCase()))
    .join(' ')
    .trim();
}

function singular(words: string): string {
  if (words.endsWith('ies')) return `${words.slice(0, -3)}y`;
  if (/(ss|x|ch|sh)es$/.test(words)) return words.slice(0, -2);
  return words.endsWith('s') ? words.slice(0, -1) : words;
}

/** One stretch of the longest way through the steps. */
export interface PathStep {
  readonly step: StepView;
  /** Milliseconds the step took. */
  readonly took: number;
  /** Milliseconds between the end of what it needed and its start. */
  readonly waited: number;
}

/** The way through the steps that decided how long the run took: from the last one to end, back through its latest need. */
export function longestWay(steps: readonly StepView[]): readonly PathStep[] {
  const end = (step: StepView): number => Date.parse(step.endedAt ?? '') || 0;
  const latest = (list: readonly StepView[]): StepView | undefined =>
    list.filter((step) => step.endedAt !== undefined).sort((a, b) => end(b) - end(a))[0];
  const way: PathStep[] = [];
  let step = latest(steps);
  while (step !== undefined && way.length <= steps.length) {
    const { needs } = step;
    const before = latest(steps.filter((candidate) => needs.includes(candidate.id)));
    const start = Date.parse(step.startedAt ?? step.endedAt ?? '');
    const waited = before === undefined ? 0 : Math.max(0, start - end(before));
    way.unshift({ step, took: Math.max(0, end(step) - start), waited });
    step = before;
  }
  return way;
}
