import { shortHash } from '#domain/names/hash.ts';
import { updatedFacts } from '#domain/plan/facts.ts';
import { planCluster } from '#domain/plan/plan.ts';
import { shapeOf } from '#domain/plan/shape.ts';
import type { AzureFacts, ClusterPlan } from '#domain/plan/types.ts';
import { updateCost, updateStages } from '#domain/plan/update.ts';
import { done, failed, type Outcome, wait } from '#domain/outcome.ts';
import { factsDocument } from '#domain/record.ts';
import { updateSteps } from '#domain/steps.ts';
import { type Changes, changesOf, goneTags } from './changes.ts';
import type { ActivityInput } from './contract.ts';
import { defineActivity } from './define.ts';
import { observeNodes, withCluster } from './kubernetes.ts';
import { recordEvent } from './progress.ts';
import { refusedChecks } from './refused.ts';
import { planAsBuilt, savePlan } from './record.ts';
import type { Work } from './runtime.ts';

/**
 * Plans a changed document over the facts of the first plan: names, zones and accounts stay what they are, only what is
 * new (sizes, another image) is read. Where machines are made, Azure is asked first whether they fit; nothing is
 * written before that.
 */
defineActivity('planUpdate', async (work, input) => {
  const now = new Date().toISOString();
  await work.store.clusters.putStep(work.ref.name, stepRow(work, 'preflight', 'running', now));
  const planned = await planChange(work);
  if (planned.status !== 'done') {
    const ended = planned.status === 'failed' ? { error: planned.error } : {};
    if (planned.status === 'failed')
      await work.store.clusters.putStep(work.ref.name, { ...stepRow(work, 'preflight', 'failed', now), ...ended });
    return planned;
  }
  const { plan, facts, changed } = planned.value;
  await keepOldImage(work, plan);
  await work.store.documents.put(factsDocument(work.ref.uid), JSON.stringify(facts satisfies AzureFacts));
  await savePlan(work, plan);
  const { kind } = work.head.operation;
  const stages =
    kind === 'renew'
      ? [['controlPlaneScale'] as const, ['finish'] as const]
      : updateStages(changed.changes, changed.everything);
  const cost = updateCost(changed.changes, plan, facts);
  const sentence = summary(changed, cost.surgeMachines);
  await work.store.clusters.putStep(work.ref.name, { ...stepRow(work, 'preflight', 'done', now), sentence });
  const runs = new Set<string>(['preflight', ...stages.flat()]);
  for (const { id } of updateSteps.filter((step) => !runs.has(step.id))) {
    const row = { ...stepRow(work, id, 'skipped', now), sentence: 'nothing to change' };
    await work.store.clusters.putStep(work.ref.name, row);
  }
  await announce(work, input, changed);
  return done({ ...shapeOf(plan), stages, operation: kind }, sentence);
});

interface PlannedChange {
  readonly plan: ClusterPlan;
  readonly facts: AzureFacts;
  readonly changed: Changes;
}

async function planChange(work: Work): Promise<Outcome<PlannedChange>> {
  const text = await work.store.documents.get(factsDocument(work.ref.uid));
  if (text === undefined) throw new Error(`the facts of cluster ${work.ref.name} are missing`);
  const stored = JSON.parse(text) as AzureFacts;
  const changed = await changesOf(work);
  const { before, after } = changed;
  const azure = await work.azure();
  const newImage = JSON.stringify(before.spec.image) !== JSON.stringify(after.spec.image) || changed.everything;
  const sizes = [after.spec.controlPlane.vmSize, ...after.spec.workerPools.map((pool) => pool.vmSize)];
  const unknown = sizes.some((size) => stored.vmSizes[size] === undefined);
  let facts = stored;
  if (newImage || unknown) {
    const read = await azure.readFacts(after, work.ref.uid, stored.shares);
    if (read.status !== 'done') return read;
    facts = updatedFacts(stored, read.value.facts, { newImage });
  }
  const plan = planCluster(after, facts, work.ref.uid);
  if (changed.changes.some(makesMachines)) {
    const checked = await azure.preflight(plan, facts);
    if (checked.status !== 'done') return checked;
    await work.store.documents.put(`preflight/${work.ref.operationId}.json`, JSON.stringify(checked.value));
    const refused = refusedChecks(checked.value.checks);
    if (refused !== undefined) return failed(refused);
  }
  return done({ plan, facts, changed });
}

/** Changes after which machines are made: these need quota, an image and a size that is offered. */
function makesMachines({ effect, path, kind, from, to }: Changes['changes'][number]): boolean {
  if (effect === 'rollout' || effect === 'replace pool') return true;
  if (/^spec\.workerPools\[[^\]]+\]$/.test(path)) return kind === 'added';
  return /\.replicas$|\.autoscaling/.test(path) && Number(to ?? 0) >= Number(from ?? 0);
}

/** The image that machines were made from so far stays until the last of them is gone; then the step of removals takes it. */
async function keepOldImage(work: Work, plan: ClusterPlan): Promise<void> {
  const before = await work.store.clusters.item(work.ref.name, 'image');
  const after = plan.resources.find((resource) => resource.key === 'image');
  if (before === undefined || before.id.toLowerCase() === after?.id.toLowerCase()) return;
  const key = `${oldImagePrefix}${shortHash(before.id, 8)}`;
  await work.store.clusters.putItem(work.ref.name, { ...before, key });
}

const oldImagePrefix = 'oldImage-';

function stepRow(
  work: Work,
  id: (typeof updateSteps)[number]['id'],
  state: 'running' | 'done' | 'failed' | 'skipped',
  at: string,
) {
  return { id, state, operationId: work.ref.operationId, startedAt: at, endedAt: at, touchedAt: at };
}

function summary({ changes, everything }: Changes, surge: number): string {
  const what =
    changes.length === 0 ? 'no field differs' : `${changes.length} ${changes.length === 1 ? 'change' : 'changes'}`;
  const rolls = changes.filter((change) => change.effect === 'rollout' || change.effect === 'replace pool').length;
  return [
    what,
    ...(rolls === 0 ? [] : [`machines are replaced, at most ${surge} more than wanted at a time`]),
    ...(everything ? ['every step looks again'] : []),
  ].join(' · ');
}

/** One event per change, so that the story tells what was asked for. */
async function announce(work: Work, input: ActivityInput, { changes }: Changes): Promise<void> {
  for (const { path, kind, from, to, effect, reason } of changes) {
    const values = from === undefined && to === undefined ? '' : `: ${from ?? 'nothing'} → ${to ?? 'nothing'}`;
    await recordEvent(work.store, input, `change/${path}`, {
      type: 'operation.change',
      sentence: `${path} ${kind}${values} (${effect}${reason === undefined ? '' : `; ${reason}`})`,
    });
  }
}

/** Resources written per call, so that no call takes long. */
const tagsPerCall = 20;

defineActivity('applyTags', async (work, input) => {
  const { before, after } = await changesOf(work);
  const remove = goneTags(work, before, after);
  const azure = await work.azure();
  const written = Number(input.state?.['written'] ?? 0);
  const { changed, left } = await azure.applyTags(await work.plan(), { set: after.metadata.tags, remove }, tagsPerCall);
  const total = written + changed;
  return left === 0
    ? done({ changed: total }, `${total} resources tagged`)
    : wait(2, {
        state: { written: total },
        sentence: `${total} resources tagged`,
        progress: { done: total, total: total + left, unit: 'resources' },
      });
});

defineActivity('applySettings', async (work) => {
  const { applySettings } = await import('#kubernetes/scale/settings.ts');
  const { before, after } = await changesOf(work);
  const gone = goneTags(work, before, after);
  const plan = await planAsBuilt(work);
  return withCluster(work, ({ client, observed }) => applySettings(client, plan, observed, gone));
});

defineActivity('removeObsolete', async (work) => {
  const { removePools } = await import('#kubernetes/scale/removal.ts');
  const { removeAddOns } = await import('#kubernetes/scale/add-on-record.ts');
  const plan = await planAsBuilt(work);
  const outcome = await withCluster(work, async ({ client }): Promise<Outcome<object>> => {
    const pools = await removePools(client, plan);
    await observeNodes(work, client, true);
    if (pools.status !== 'done') return pools;
    const addOns = await removeAddOns(client, plan);
    if (addOns.status !== 'done') return addOns;
    return done({}, [pools.sentence, addOns.sentence].filter((text) => text !== undefined).join(' · '));
  });
  if (outcome.status !== 'done') return outcome;
  const items = await work.store.clusters.items(work.ref.name);
  const keys = items
    .filter(
      (item) => item.key.startsWith(oldImagePrefix) && item.owned && item.state !== 'deleted' && item.state !== 'kept',
    )
    .map((item) => item.key);
  return done({ keys }, outcome.sentence);
});
