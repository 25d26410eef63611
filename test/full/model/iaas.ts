import type { KubernetesObject } from '#domain/cluster-api/object.ts';
import { clusterDocument } from '#domain/spec/schema.ts';
import type { ClusterDocument } from '#domain/spec/types.ts';
import type { KubernetesClient } from '#kubernetes/client/client.ts';
import { connectByKubeconfig } from '#kubernetes/client/kubeconfig.ts';
import { conditionStatus } from '#kubernetes/components/readiness.ts';
import { checkCluster } from '#services/check.ts';
import { issueKubeconfig } from '#services/kubeconfig.ts';
import type { VirtualWorld } from '../../support/virtual.ts';
import { sampleImage } from '../../support/sample-plan.ts';
import { cluster, document as smallest, group, subscription } from '../azure/matrix.ts';
import { pick, poolFields } from './fields.ts';
import type { Edit, FieldChange } from './steps.ts';
import type { Subject } from './subject.ts';

/** Runs with a client of the kubeconfig that Capstan hands out. Undefined where there is none yet, or nobody answers. */
export async function withKubectl<Value>(
  { dependencies: { config, store } }: VirtualWorld,
  run: (client: KubernetesClient) => Promise<Value>,
): Promise<Value | undefined> {
  try {
    const kubeconfig = await issueKubeconfig(config, store, { name: cluster, role: 'admin', hours: 8 });
    const client = connectByKubeconfig(kubeconfig, config.gatewayUrl);
    try {
      return await run(client);
    } finally {
      client.close();
    }
  } catch {
    return undefined;
  }
}

/** A document while it is changed. */
interface Raw {
  metadata: { tags: Record<string, string> };
  spec: Record<string, unknown> & { workerPools: Record<string, unknown>[] };
}

const newest = 'v1.35.0';

const callers: [string[], ...string[][]] = [[], ['203.0.113.0/24', '198.51.100.0/24'], ['198.51.100.0/24']];

/** What `apply` may change, each field with a few values. */
const fields: readonly ((document: Raw, pool: Record<string, unknown>, value: number) => void)[] = [
  ...poolFields,
  ({ metadata }, _pool, value) => {
    metadata.tags = pick<Record<string, string>>(
      [{ department: 'finance' }, { owner: 'team-a' }, {}, { department: 'x' }],
      value,
    );
  },
  (_document, pool, value) => {
    pool['vmSize'] = pick(['Standard_D4s_v5', 'Standard_D2s_v5'], value);
  },
  (_document, pool, value) => {
    pool['zones'] = pick<string[]>([['1'], ['2'], ['1', '2']], value);
  },
  ({ spec }, _pool, value) => {
    const version = pick([newest, newest, 'v1.34.1'], value);
    spec['kubernetes'] = { version };
    spec['image'] = sampleImage(version);
  },
  (_document, pool, value) => {
    pool['healthCheck'] = { unhealthySeconds: pick([600, 300], value), startupSeconds: pick([1800, 1200], value) };
  },
  (_document, pool, value) => {
    pool['rollout'] = pick<object>(
      [
        { maxSurge: 1, maxUnavailable: 0 },
        { maxSurge: 0, maxUnavailable: 1 },
      ],
      value,
    );
  },
  (_document, pool, value) => {
    if (value % 2 === 0) delete pool['autoscaling'];
    else pool['autoscaling'] = { min: value % 3 === 0 ? 1 : 0, max: 2 };
  },
  ({ spec }, pool, value) => {
    if (spec.workerPools.length > 1) spec.workerPools.splice(value % 2, 1);
    else {
      const name = pool['name'] === 'extra' ? 'general' : 'extra';
      spec.workerPools.push({ name, replicas: 1, zones: [pick(['1', '3'], value)] });
    }
  },
  ({ spec }, _pool, value) => {
    const names = pick([['ops'], ['next'], ['ops', 'next']], value);
    spec['sshKeys'] = names.map((name) => `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Zm9vYmFyYmF6cXV4 ${name}`);
  },
  ({ spec }, _pool, value) => {
    spec['network'] = {
      api: { allowedCidrs: pick<string[]>(callers, value) },
      ssh: { allowedCidrs: pick<string[]>(callers, value + 1) },
    };
  },
  ({ spec }, _pool, value) => {
    spec['reconcile'] = pick(['report', 'repair'], value);
  },
  ({ spec }, _pool, value) => {
    spec['controlPlane'] = {
      replicas: pick([1, 3, 1], value),
      vmSize: pick(['Standard_D2s_v5', 'Standard_D4s_v5'], value),
    };
  },
];

function changed(document: ClusterDocument, { field, value }: FieldChange): ClusterDocument {
  const next = structuredClone(document) as unknown as Raw;
  const pools = next.spec.workerPools;
  const change = fields[field % fields.length];
  change?.(next, pools[Math.floor(field / fields.length) % pools.length] ?? {}, value);
  return clusterDocument.parse(next);
}

function withVersion(document: ClusterDocument, version: string): ClusterDocument {
  const next = structuredClone(document) as unknown as Raw;
  next.spec['kubernetes'] = { version };
  next.spec['image'] = sampleImage(version);
  return clusterDocument.parse(next);
}

const coreGroup = 'cluster.x-k8s.io/v1beta2';
const deploymentOf = ({ metadata }: KubernetesObject) =>
  metadata.labels?.['cluster.x-k8s.io/deployment-name'] ?? metadata.name;

async function edit(world: VirtualWorld, { what, pick: index, replicas }: Edit): Promise<string | undefined> {
  return withKubectl(world, async (client) => {
    const list = async (kind: string) => client.list({ apiVersion: coreGroup, kind, namespace: cluster });
    const choose = <Item>(items: readonly Item[]) => items[index % Math.max(1, items.length)];
    if (what === 'delete machine' || what === 'delete node') {
      const workers = (await list('Machine')).filter((machine) => deploymentOf(machine) !== machine.metadata.name);
      const machine = choose(workers);
      if (machine === undefined) return undefined;
      const status = machine['status'] as { nodeRef?: { name?: string } } | undefined;
      // Of one or two machines the health check replaces one at a time; a second one down is for people to heal.
      const mates = workers.filter((other) => deploymentOf(other) === deploymentOf(machine));
      if (what === 'delete node' && mates.some((mate) => conditionStatus(mate, 'NodeReady') !== 'True'))
        return undefined;
      const name = what === 'delete node' ? status?.nodeRef?.name : machine.metadata.name;
      if (name === undefined) return undefined;
      const gone =
        what === 'delete node'
          ? await client.delete({ apiVersion: 'v1', kind: 'Node', name })
          : await client.delete({ apiVersion: coreGroup, kind: 'Machine', namespace: cluster, name });
      return gone ? `${what} ${name}` : undefined;
    }
    const deployment = choose(
      (await list('MachineDeployment')).filter(({ metadata }) => metadata.deletionTimestamp === undefined),
    );
    if (deployment === undefined) return undefined;
    const { name } = deployment.metadata;
    const reference = { apiVersion: coreGroup, kind: 'MachineDeployment', namespace: cluster, name };
    await client.mergePatch(reference, { spec: { replicas } });
    return `${name} to ${replicas}`;
  });
}

interface Machine {
  readonly name: string;
  readonly zones?: readonly string[];
  readonly tags?: Readonly<Record<string, string>>;
  readonly properties: {
    readonly hardwareProfile: { readonly vmSize: string };
    readonly storageProfile: { readonly imageReference?: { readonly id?: string } };
  };
}

async function machinesIn(world: VirtualWorld): Promise<readonly Machine[]> {
  const route = `/subscriptions/${subscription}/resourceGroups/${group}/providers/Microsoft.Compute/virtualMachines`;
  return (JSON.parse(await world.arm('GET', `${route}?api-version=2024-07-01`)) as { value: Machine[] }).value;
}

/** Ranges that may reach a port of the control plane; empty where the port is open, or closed, to all. */
async function callersOf(world: VirtualWorld, port: string): Promise<readonly string[]> {
  const route = `/subscriptions/${subscription}/resourceGroups/${group}/providers/Microsoft.Network/networkSecurityGroups`;
  const answer = await world.arm('GET', `${route}/${cluster}-controlplane-nsg?api-version=2024-05-01`);
  const { properties } = JSON.parse(answer) as {
    properties: {
      securityRules: {
        properties: { destinationPortRange: string; sourceAddressPrefix?: string; sourceAddressPrefixes?: string[] };
      }[];
    };
  };
  return properties.securityRules
    .flatMap(({ properties: rule }) =>
      rule.destinationPortRange === port ? [rule.sourceAddressPrefix ?? '', ...(rule.sourceAddressPrefixes ?? [])] : [],
    )
    .filter((range) => range !== '' && range !== '*' && !range.endsWith('/32'))
    .sort();
}

/** Everything that stands against "the cluster is what the document says". */
async function differences(
  world: VirtualWorld,
  document: ClusterDocument,
  edited: boolean,
): Promise<readonly string[]> {
  const inside = await withKubectl(world, async (client) => ({
    nodes: await client.list({ apiVersion: 'v1', kind: 'Node' }),
    deployments: await client.list({ apiVersion: coreGroup, kind: 'MachineDeployment', namespace: cluster }),
  }));
  if (inside === undefined) return ['the API server does not answer'];
  const machines = await machinesIn(world);
  const { spec } = document;
  const told: string[] = [];
  const tell = (what: string, is: unknown, wanted: unknown) => {
    if (JSON.stringify(is) !== JSON.stringify(wanted))
      told.push(`${what}: ${JSON.stringify(is)} instead of ${JSON.stringify(wanted)}`);
  };
  const of = (prefix: string) => machines.filter(({ name }) => name.startsWith(prefix));
  const sizes = (list: readonly Machine[]) => [
    ...new Set(list.map((machine) => machine.properties.hardwareProfile.vmSize)),
  ];
  const controlPlane = of(`${cluster}-control-plane-`);
  tell('control-plane machines', controlPlane.length, spec.controlPlane.replicas);
  tell('size of the control plane', sizes(controlPlane), [spec.controlPlane.vmSize]);
  const scaled = new Map(
    inside.deployments.map(({ metadata, ...rest }) => [metadata.name, (rest['spec'] as { replicas: number }).replicas]),
  );
  let workers = 0;
  for (const pool of spec.workerPools) {
    const mine = of(`${cluster}-${pool.name}-`);
    workers += mine.length;
    const zones = pool.zones ?? ['1', '2', '3'];
    const counts = zones.map((zone) => mine.filter((machine) => machine.zones?.[0] === zone).length);
    if (mine.length > 0) tell(`size of pool ${pool.name}`, sizes(mine), [pool.vmSize]);
    if (edited || pool.autoscaling !== undefined)
      tell(
        `machines of ${pool.name} by zone`,
        counts,
        zones.map((zone) => scaled.get(`${cluster}-${pool.name}-${zone}`)),
      );
    else {
      tell(`machines of ${pool.name}`, mine.length, pool.replicas);
      if (Math.max(...counts) - Math.min(...counts) > 1)
        told.push(`pool ${pool.name} is not spread: ${counts.join(', ')}`);
    }
    tell(`machines of ${pool.name} in other zones`, mine.length - counts.reduce((sum, count) => sum + count, 0), 0);
    if (!edited && pool.autoscaling !== undefined && mine.length > pool.autoscaling.max)
      told.push(`pool ${pool.name} has ${mine.length} machines, more than ${pool.autoscaling.max}`);
    for (const node of inside.nodes.filter(({ metadata }) => mine.some(({ name }) => name === metadata.name))) {
      for (const [key, value] of Object.entries(pool.labels))
        tell(`label ${key} of ${node.metadata.name}`, node.metadata.labels?.[key], value);
      const taints = ((node['spec'] as { taints?: { key: string }[] }).taints ?? []).map(({ key }) => key);
      tell(`taint of ${node.metadata.name}`, taints.includes('spot'), pool.taints.length > 0);
    }
  }
  tell(
    'machines',
    machines.map(({ name }) => name).filter((name) => name.startsWith(`${cluster}-`)).length,
    workers + controlPlane.length,
  );
  tell(
    'pools',
    new Set(inside.deployments.map(({ metadata }) => metadata.name.replace(/-\d$/, ''))).size,
    spec.workerPools.length,
  );
  tell('nodes', inside.nodes.map(({ metadata }) => metadata.name).sort(), machines.map(({ name }) => name).sort());
  for (const node of inside.nodes) {
    const status = node['status'] as {
      nodeInfo: { kubeletVersion: string };
      conditions?: { type: string; status: string }[];
    };
    tell(`version of ${node.metadata.name}`, status.nodeInfo.kubeletVersion, spec.kubernetes.version);
    tell(`${node.metadata.name} ready`, status.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
  }
  const wantedImage = `ubuntu-2404-${spec.kubernetes.version}`;
  for (const machine of machines)
    if (!(machine.properties.storageProfile.imageReference?.id ?? '').includes(wantedImage))
      told.push(`${machine.name} was made from ${machine.properties.storageProfile.imageReference?.id}`);
  for (const { id, tags = {} } of await world.resources()) {
    const ours = Object.keys(tags).some(
      (key) => key.endsWith(`_cluster_${cluster}`) || key === `capstan_cluster_${cluster}`,
    );
    if (!ours || /storageAccounts|\/images\//i.test(id)) continue;
    const shown = Object.fromEntries(
      ['department', 'owner'].filter((key) => key in tags).map((key) => [key, tags[key]]),
    );
    tell(`tags of ${id.split('/').slice(-2).join('/')}`, shown, document.metadata.tags);
  }
  tell('callers of the API server', await callersOf(world, '6443'), spec.network.api.allowedCidrs.toSorted());
  tell('callers of port 22', await callersOf(world, '22'), spec.network.ssh.allowedCidrs.toSorted());
  const report = await checkCluster(world.dependencies, cluster);
  for (const { kind, where, sentence } of report.findings) {
    // A size that somebody changed is drift, and is said to be; the rest of the comparison takes it as it is.
    if (edited && kind === 'drift' && where.endsWith(' spec.replicas')) continue;
    told.push(`check: ${sentence}`);
  }
  return told;
}

export const selfManaged: Subject = {
  name: 'self-managed',
  first: () => smallest(),
  changed: (document, change) => (document.kind === 'Cluster' ? changed(document, change) : document),
  forward: (document) => (document.kind === 'Cluster' ? withVersion(document, newest) : document),
  edit,
  differences: async (world, document, edited) =>
    document.kind === 'Cluster' ? differences(world, document, edited) : ['it is of the other kind'],
};
