import { apiVersions, namespaceOf, wellKnown } from '#domain/cluster-api/names.ts';
import { field, listField, textField } from '#domain/cluster-api/object.ts';
import type { KubernetesObject } from '#domain/cluster-api/object.ts';
import type { TaintSpec } from '#domain/spec/types.ts';
import type { ShardContext } from './pools.ts';

interface Marks {
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly TaintSpec[];
}

/**
 * Puts changed labels and taints of a pool on its running nodes; later nodes get them from the template, which is
 * changed after this. What the pool had before is known from the template in use, so a repeated call does the same.
 * Labels and taints of others stay.
 */
export async function markNodes(context: ShardContext, deployment: KubernetesObject): Promise<void> {
  const { client, plan, pool, shard } = context;
  const namespace = namespaceOf(plan);
  const name = textField(deployment, 'spec', 'template', 'spec', 'bootstrap', 'configRef', 'name');
  const template =
    name === undefined
      ? undefined
      : await client.get({ apiVersion: apiVersions.bootstrap, kind: 'KubeadmConfigTemplate', namespace, name });
  if (template === undefined) return;
  const registration = field(template, 'spec', 'template', 'spec', 'joinConfiguration', 'nodeRegistration');
  const before = marksOf(registration, deployment);
  const after: Marks = { labels: pool.labels, taints: pool.taints };
  if (JSON.stringify(before) === JSON.stringify(sorted(after))) return;
  const machines = await client.list({
    apiVersion: apiVersions.core,
    kind: 'Machine',
    namespace,
    labelSelector: `${wellKnown.deploymentName}=${shard.machineDeployment}`,
  });
  for (const machine of machines) {
    const node = textField(machine, 'status', 'nodeRef', 'name');
    if (node !== undefined) await mark(context, node, before, after);
  }
}

/**
 * Brings the nodes of a pool's part to its labels and taints whose machines were still booting when these changed: such
 * a machine was made with the former ones, as its own KubeadmConfig shows.
 */
export async function markLateNodes(context: ShardContext, deployment: KubernetesObject): Promise<void> {
  const { client, plan, pool, shard } = context;
  const labelSelector = `${wellKnown.deploymentName}=${shard.machineDeployment}`;
  const namespace = namespaceOf(plan);
  const configs = await client.list({
    apiVersion: apiVersions.bootstrap,
    kind: 'KubeadmConfig',
    namespace,
    labelSelector,
  });
  const after = sorted({ labels: pool.labels, taints: pool.taints });
  const late = new Map<string, Marks>();
  for (const config of configs) {
    const made = marksOf(field(config, 'spec', 'joinConfiguration', 'nodeRegistration'), deployment);
    if (JSON.stringify(made) !== JSON.stringify(after)) late.set(config.metadata.name, made);
  }
  if (late.size === 0) return;
  for (const machine of await client.list({
    apiVersion: apiVersions.core,
    kind: 'Machine',
    namespace,
    labelSelector,
  })) {
    const before = late.get(textField(machine, 'spec', 'bootstrap', 'configRef', 'name') ?? '');
    const node = textField(machine, 'status', 'nodeRef', 'name');
    if (before !== undefined && node !== undefined) await mark(context, node, before, after);
  }
}

/** The labels and taints that a kubeadm configuration and the labels of its MachineDeployment give to nodes. */
function marksOf(registration: unknown, deployment: KubernetesObject): Marks {
  const argument = listField(registration, 'kubeletExtraArgs').find(
    (entry) => textField(entry, 'name') === 'node-labels',
  );
  const pairs = (textField(argument, 'value') ?? '').split(',').filter((pair) => pair !== '');
  const labels = Object.fromEntries(
    pairs.map((pair) => [pair.split('=')[0] ?? pair, pair.split('=').slice(1).join('=')]),
  );
  const restricted = Object.entries(
    (field(deployment, 'spec', 'template', 'metadata', 'labels') ?? {}) as Record<string, string>,
  ).filter(([key]) => !key.includes('cluster.x-k8s.io/'));
  delete labels[wellKnown.pool];
  const taints = listField(registration, 'taints').map((taint) => ({
    key: textField(taint, 'key') ?? '',
    value: textField(taint, 'value') ?? '',
    effect: textField(taint, 'effect') as TaintSpec['effect'],
  }));
  return sorted({ labels: { ...labels, ...Object.fromEntries(restricted) }, taints });
}

function sorted({ labels, taints }: Marks): Marks {
  return { labels: Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))), taints };
}

async function mark({ client }: ShardContext, name: string, before: Marks, after: Marks): Promise<void> {
  const reference = { apiVersion: 'v1', kind: 'Node', name };
  const node = await client.get(reference);
  if (node === undefined) return;
  const gone = Object.keys(before.labels).filter((key) => !(key in after.labels));
  const labels = { ...after.labels, ...Object.fromEntries(gone.map((key) => [key, null])) };
  const isOld = (taint: unknown) =>
    [...before.taints, ...after.taints].some(
      (known) => known.key === textField(taint, 'key') && known.effect === textField(taint, 'effect'),
    );
  const wanted = after.taints.map(({ key, value, effect }) =>
    value === '' ? { key, effect } : { key, value, effect },
  );
  const live = listField(node, 'spec', 'taints');
  const taints = [...live.filter((taint) => !isOld(taint)), ...wanted];
  const marked =
    taints.length === live.length &&
    wanted.every((taint) => live.some((other) => sameTaint(other, taint))) &&
    Object.entries(labels).every(([key, value]) => (node.metadata.labels?.[key] ?? null) === value);
  if (marked) return;
  await client.mergePatch(reference, { metadata: { labels }, spec: { taints: taints.length === 0 ? null : taints } });
}

function sameTaint(live: unknown, wanted: { readonly key: string; readonly value?: string; readonly effect: string }) {
  return (['key', 'value', 'effect'] as const).every((name) => (textField(live, name) ?? '') === (wanted[name] ?? ''));
}
