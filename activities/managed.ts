import { isReachable, managedShape } from '#domain/managed/shape.ts';
import { planManagedCluster } from '#domain/managed/plan.ts';
import type { ManagedDocument, ManagedPlan } from '#domain/managed/types.ts';
import { done, failed, type Outcome, wait } from '#domain/outcome.ts';
import type { RunShape } from '#domain/plan/shape.ts';
import { type NodeRecord, nodesDocument } from '#domain/record.ts';
import { withDefaults } from '#domain/spec/defaults.ts';
import { diffDocuments } from '#domain/spec/diff.ts';
import type { AddOnSpec } from '#domain/spec/types.ts';
import type { KubernetesClient } from '#kubernetes/client/client.ts';
import type { ActivityInput } from './contract.ts';
import { goneTags } from './changes.ts';
import { defineActivity } from './define.ts';
import { recordEvent } from './progress.ts';
import { savePlan } from './record.ts';
import { refusedChecks } from './refused.ts';
import type { Work } from './runtime.ts';

/**
 * Plans an AKS cluster, new or changed, and checks what it needs of Azure; the same for every operation, because AKS
 * itself compares what is with what is wanted. Nothing is written in Azure.
 */
export async function managedPreflight(work: Work, input: ActivityInput): Promise<Outcome<RunShape>> {
  const azure = await work.azure();
  const document = withDefaults(await work.managedDocument());
  const read = await azure.surveyManaged(document);
  if (read.status !== 'done') return read;
  const { facts, checks } = read.value;
  // A group that was made a moment ago may not be known everywhere yet: a second look decides.
  if (checks.some(({ error }) => error?.code === 'CAP-2001') && input.state?.['lookedTwice'] !== true)
    return wait(5, { state: { lookedTwice: true }, sentence: 'The resource group is not there: looking again' });
  const unread = refusedChecks(checks);
  if (unread !== undefined) return failed(unread);
  if (facts === undefined) throw new Error('a survey without facts has a failed check');
  const before = await readyDocument(work);
  const plan = planManagedCluster(document, facts, work.ref.uid, goneTags(work, before, document));
  const checked = await azure.preflightManaged(plan, facts);
  if (checked.status !== 'done') return checked;
  const report = checked.value;
  await work.store.documents.put(`preflight/${work.ref.operationId}.json`, JSON.stringify(report));
  const refused = refusedChecks(report.checks);
  if (refused !== undefined) return failed(refused);
  await savePlan(work, plan);
  if (before !== undefined) await announce(work, input, before, document);
  return done(managedShape(plan, await obsoletePools(work, plan)), report.sentence);
}

/** The document that was last brought about completely. */
async function readyDocument({ head, store }: Work): Promise<ManagedDocument | undefined> {
  if (head.readySha === undefined) return undefined;
  return withDefaults(await store.documents.getContent<ManagedDocument>(head.readySha));
}

/** Keys of pools that were made and that the plan no longer has. */
async function obsoletePools(work: Work, plan: ManagedPlan): Promise<readonly string[]> {
  const wanted = new Set(plan.managed.pools.map(({ key }) => key));
  const items = await work.store.clusters.items(work.ref.name);
  return items
    .filter(({ kind, key, state }) => kind === 'agentPool' && state !== 'deleted' && !wanted.has(key))
    .map(({ key }) => key);
}

/** One event per change, so that the story tells what was asked for. */
async function announce(
  work: Work,
  input: ActivityInput,
  before: ManagedDocument,
  after: ManagedDocument,
): Promise<void> {
  for (const { path, kind, from, to, effect, reason } of diffDocuments(before, after)) {
    const values = from === undefined && to === undefined ? '' : `: ${from ?? 'nothing'} → ${to ?? 'nothing'}`;
    await recordEvent(work.store, input, `change/${path}`, {
      type: 'operation.change',
      sentence: `${path} ${kind}${values} (${effect}${reason === undefined ? '' : `; ${reason}`})`,
    });
  }
}

/** Opens a client with the administrator's kubeconfig, which is asked for and forgotten again. */
async function withManagedCluster<Value>(
  work: Work,
  plan: ManagedPlan,
  run: (client: KubernetesClient) => Promise<Value>,
): Promise<Value> {
  const { connectByKubeconfig } = await import('#kubernetes/client/kubeconfig.ts');
  const kubeconfig = await (await work.azure()).managedCredentials(plan, 'admin');
  const client = connectByKubeconfig(kubeconfig, work.config.gatewayUrl);
  try {
    return await run(client);
  } finally {
    client.close();
  }
}

/** Installs one add-on; nothing is written down about it in the cluster, so it is never removed. */
export async function ensureManagedAddOn(
  work: Work,
  name: string | undefined,
  manifestTexts: (work: Work, addOn: AddOnSpec) => Promise<readonly string[]>,
): Promise<Outcome> {
  const { installAddOn } = await import('#kubernetes/scale/add-ons.ts');
  const plan = await work.managedPlan();
  const addOn = plan.spec.addOns.find((candidate) => candidate.name === name);
  if (addOn === undefined) throw new Error(`the plan has no add-on ${name}`);
  const manifests = await manifestTexts(work, addOn);
  const outcome = await withManagedCluster(work, plan, (client) => installAddOn(client, { ...addOn, manifests }));
  return outcome.status === 'done' ? done({}, addOn.name) : outcome;
}

/**
 * Azure seconds between two looks at nodes that are not ready yet, and how many looks there are: ten minutes in all, one
 * while nobody answers.
 */
const nodeLook = { seconds: 10, times: 60, refused: 6 } as const;

/**
 * Waits for the nodes of the pools, which AKS calls made before all of them are ready. A cluster is made without them, too:
 * when they take too long, or the API server cannot be asked, the sentence says so.
 */
defineActivity('observeNodePools', async (work, input) => {
  const looks = Number(input.state?.['looks'] ?? 0) + 1;
  const plan = await work.managedPlan();
  const items = await work.store.clusters.items(work.ref.name);
  const pools = items.filter(({ kind, state }) => kind === 'agentPool' && state === 'created');
  const count = pools.reduce((sum, { outputs }) => sum + Number(outputs['nodes'] ?? 0), 0);
  const sentence = `${count} nodes in ${pools.length} ${pools.length === 1 ? 'pool' : 'pools'}`;
  if (!isReachable(plan)) return done({}, sentence);
  const { readManagedNodes } = await import('#kubernetes/scale/managed-nodes.ts');
  let nodes: readonly NodeRecord[];
  try {
    nodes = await withManagedCluster(work, plan, readManagedNodes);
  } catch (error) {
    const message = error instanceof Error ? error.message.slice(0, 120) : '';
    const told = `${sentence} · the API server was not asked: ${message}`;
    return looks >= nodeLook.refused ? done({}, told) : wait(nodeLook.seconds, { state: { looks }, sentence: told });
  }
  await work.store.documents.put(nodesDocument(work.ref.uid), JSON.stringify(nodes));
  const ready = nodes.filter((node) => node.ready).length;
  // The autoscaler may take a node away at any time: of its pools those count that are there.
  const scaled = new Set(
    plan.managed.pools.filter(({ autoscaling }) => autoscaling !== undefined).map(({ name }) => name),
  );
  const fixed = plan.managed.pools.reduce((sum, { name, replicas }) => sum + (scaled.has(name) ? 0 : replicas), 0);
  const listed = nodes.filter(({ pool }) => pool === undefined || !scaled.has(pool)).length;
  const total = nodes.length - listed + Math.max(fixed, listed);
  if (ready === total) return done({}, sentence);
  const told = `${sentence} · ${ready} of ${total} ready`;
  if (looks >= nodeLook.times) return done({}, told);
  return wait(nodeLook.seconds, {
    state: { looks },
    sentence: told,
    progress: { done: ready, total, unit: 'nodes' },
  });
});
