import { managedDocument } from '#domain/managed/schema.ts';
import type { ManagedDocument } from '#domain/managed/types.ts';
import { checkCluster } from '#services/check.ts';
import { managedSample } from '../../support/managed-sample.ts';
import type { VirtualWorld } from '../../support/virtual.ts';
import { cluster, group, subscription } from '../azure/matrix.ts';
import { pick, poolFields } from './fields.ts';
import type { Edit, FieldChange } from './steps.ts';
import type { Subject } from './subject.ts';

/** A document while it is changed. */
interface Raw {
  metadata: { tags: Record<string, string> };
  spec: Record<string, unknown> & { nodePools: Record<string, unknown>[] };
}

const oldest = 'v1.33.4';
const newest = 'v1.34.2';

/** What `apply` may change, each field with a few values. `pool` is the user pool, when there is one. */
const fields: readonly ((document: Raw, pool: Record<string, unknown>, value: number) => void)[] = [
  ({ spec }, _pool, value) => {
    spec.nodePools[0]!['replicas'] = 1 + (value % 2);
  },
  ({ spec }, _pool, value) => {
    if (spec.nodePools.length > 1) spec.nodePools.splice(1);
    else spec.nodePools.push({ name: pick(['work', 'batch'], value), replicas: value % 3, vmSize: 'Standard_D2s_v5' });
  },
  ...poolFields,
  ({ metadata }, _pool, value) => {
    metadata.tags = pick<Record<string, string>>([{ department: 'finance' }, { owner: 'team-a' }, {}], value);
  },
  ({ spec }, _pool, value) => {
    spec['managedControlPlane'] = { sku: pick(['Standard', 'Free'], value) };
  },
  ({ spec }, _pool, value) => {
    spec['kubernetes'] = { version: pick([newest, newest, oldest], value) };
  },
  (_document, pool, value) => {
    if (value % 2 === 0) delete pool['autoscaling'];
    else {
      pool['autoscaling'] = { min: 0, max: 2 };
      pool['replicas'] = 1;
    }
  },
  ({ spec }, _pool, value) => {
    spec['network'] = { api: { allowedCidrs: pick<string[]>([[], ['203.0.113.0/24']], value) } };
  },
  ({ spec }, _pool, value) => {
    spec['reconcile'] = pick(['report', 'repair'], value);
  },
];

function changed(document: ManagedDocument, { field, value }: FieldChange): ManagedDocument {
  const next = structuredClone(document) as unknown as Raw;
  fields[field % fields.length]?.(next, next.spec.nodePools[1] ?? {}, value);
  return managedDocument.parse(next);
}

const base = `/subscriptions/${subscription}/resourceGroups/${group}/providers/Microsoft.ContainerService/managedClusters/${cluster}`;
const version = 'api-version=2023-11-01';

interface Pool {
  readonly name: string;
  readonly properties: Record<string, unknown> & {
    count: number;
    provisioningState: string;
    currentOrchestratorVersion?: string;
    nodeTaints?: string[];
    nodeLabels?: Record<string, string>;
  };
}

interface Cluster {
  readonly tags?: Readonly<Record<string, string>>;
  readonly sku?: { readonly tier?: string };
  readonly location: string;
  readonly properties: {
    readonly currentKubernetesVersion?: string;
    readonly provisioningState: string;
    readonly apiServerAccessProfile?: { readonly authorizedIPRanges?: readonly string[] };
  };
}

async function read<Value>(world: VirtualWorld, route: string): Promise<Value | undefined> {
  try {
    return JSON.parse(await world.arm('GET', `${route}?${version}`)) as Value;
  } catch {
    return undefined;
  }
}

async function poolsIn(world: VirtualWorld): Promise<readonly Pool[]> {
  return (await read<{ value: Pool[] }>(world, `${base}/agentPools`))?.value ?? [];
}

/** In Azure, as somebody else would do it with az; undefined when there is nothing, or AKS is busy. */
async function edit(world: VirtualWorld, { what, pick: index, replicas }: Edit): Promise<string | undefined> {
  const pools = await poolsIn(world);
  try {
    if (what === 'delete node') {
      const live = await read<Cluster>(world, base);
      if (live === undefined) return undefined;
      const tags = { ...live.tags, department: `other-${replicas}` };
      await world.arm('PATCH', `${base}?${version}`, { tags });
      return `tags of the cluster to other-${replicas}`;
    }
    const chosen = what === 'delete machine' ? pools.slice(1) : pools;
    const pool = chosen[index % Math.max(1, chosen.length)];
    if (pool === undefined) return undefined;
    if (what === 'delete machine') {
      await world.arm('DELETE', `${base}/agentPools/${pool.name}?${version}`);
      return `pool ${pool.name} deleted`;
    }
    const count = pool === pools[0] ? Math.max(1, replicas) : replicas;
    if (pool.properties['enableAutoScaling'] === true) return undefined;
    await world.arm('PUT', `${base}/agentPools/${pool.name}?${version}`, {
      properties: { ...pool.properties, count },
    });
    return `pool ${pool.name} to ${count}`;
  } catch {
    return undefined;
  }
}

/** Where Azure is not what the document says, read by itself. */
async function comparison(world: VirtualWorld, { metadata, spec }: ManagedDocument): Promise<readonly string[]> {
  const live = await read<Cluster>(world, base);
  if (live === undefined) return ['there is no cluster'];
  const pools = await poolsIn(world);
  const told: string[] = [];
  const tell = (what: string, is: unknown, wanted: unknown) => {
    if (JSON.stringify(is) !== JSON.stringify(wanted))
      told.push(`${what}: ${JSON.stringify(is)} instead of ${JSON.stringify(wanted)}`);
  };
  // Tags that others wrote stay; one of the document's with another value is drift.
  const shown = Object.fromEntries(
    Object.entries(live.tags ?? {}).filter(
      ([key, value]) => key in metadata.tags || (['department', 'owner'].includes(key) && !value.startsWith('other-')),
    ),
  );
  tell('tags', shown, metadata.tags);
  tell('tier', live.sku?.tier, spec.managedControlPlane.sku);
  tell('version', live.properties.currentKubernetesVersion, spec.kubernetes.version.slice(1));
  tell('callers', live.properties.apiServerAccessProfile?.authorizedIPRanges ?? [], spec.network.api.allowedCidrs);
  tell('pools', pools.map(({ name }) => name).sort(), spec.nodePools.map(({ name }) => name).sort());
  for (const pool of spec.nodePools) {
    const found = pools.find(({ name }) => name === pool.name)?.properties;
    if (found === undefined) continue;
    if (pool.autoscaling === undefined) tell(`nodes of ${pool.name}`, found.count, pool.replicas);
    else
      tell(
        `bounds of ${pool.name}`,
        [found['minCount'], found['maxCount']],
        [pool.autoscaling.min, pool.autoscaling.max],
      );
    tell(`version of ${pool.name}`, found.currentOrchestratorVersion, spec.kubernetes.version.slice(1));
    tell(`labels of ${pool.name}`, found.nodeLabels ?? {}, pool.labels);
    tell(`taints of ${pool.name}`, (found.nodeTaints ?? []).length, pool.taints.length);
  }
  return told;
}

async function busyPools(world: VirtualWorld): Promise<readonly string[]> {
  const pools = await poolsIn(world);
  return pools
    .filter(({ properties }) => properties.provisioningState !== 'Succeeded')
    .map(({ name, properties }) => `pool ${name} is ${properties.provisioningState}`);
}

async function differences(
  world: VirtualWorld,
  document: ManagedDocument,
  edited: boolean,
): Promise<readonly string[]> {
  // What others asked for a moment ago is not there yet, and not gone yet.
  const busy = await busyPools(world);
  if (busy.length > 0) return busy;
  const own = await comparison(world, document);
  const { findings } = await checkCluster(world.dependencies, cluster);
  if (!edited) return [...own, ...findings.map(({ sentence }) => `check: ${sentence}`)];
  // What others changed stays, and is said.
  return own.length > 0 && findings.length === 0 ? own.map((one) => `nobody says: ${one}`) : [];
}

export const managed: Subject = {
  name: 'AKS',
  first: () =>
    managedSample({ azure: { subscriptionId: subscription, location: 'westeurope', resourceGroup: group } }, cluster),
  changed: (document, change) => (document.kind === 'ManagedCluster' ? changed(document, change) : document),
  edit,
  editedMayBeMissing: true,
  differences: async (world, document, edited) =>
    document.kind === 'ManagedCluster' ? differences(world, document, edited) : ['it is of the other kind'],
};
