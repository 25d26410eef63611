import { shortHash } from '#domain/names/hash.ts';
import { deletionWaves } from '#domain/plan/deletion.ts';
import { planCluster } from '#domain/plan/plan.ts';
import { type FullError, fullPart, leftPrefix, movedResources, sharesAfter } from '#domain/plan/shares.ts';
import type { AzureFacts, ClusterPlan } from '#domain/plan/types.ts';
import { withDefaults } from '#domain/spec/defaults.ts';
import { done } from '#domain/outcome.ts';
import { factsDocument } from '#domain/record.ts';
import type { ActivityInput } from './contract.ts';
import { defineActivity } from './define.ts';
import { recordEvent } from './progress.ts';
import { savePlan } from './record.ts';
import type { Work } from './runtime.ts';

/**
 * Something that the cluster was to share with others has no room for it: the plan is made again with the next one, and
 * what the cluster had joined besides is left. Asked again for the same thing, it only tells what is still to be left.
 */
defineActivity('takeNextShare', async (work, input) => {
  const before = await work.plan();
  const full = fullPart(before, input.full);
  if (full === 'none') return done({ taken: false, keys: [] });
  if (full !== 'planned') {
    const text = await work.store.documents.get(factsDocument(work.ref.uid));
    if (text === undefined) throw new Error(`the facts of cluster ${work.ref.name} are missing`);
    const facts = JSON.parse(text) as AzureFacts;
    const document = withDefaults(await work.document());
    const azure = await work.azure();
    const next = await azure.shareFrom(document, facts, sharesAfter(facts.shares ?? {}, full));
    if (next.status !== 'done') return next;
    const after = planCluster(document, next.value.facts, work.ref.uid);
    await leaveBehind(work, before, after);
    await work.store.documents.put(factsDocument(work.ref.uid), JSON.stringify(next.value.facts satisfies AzureFacts));
    await savePlan(work, after);
    await announce(work, input, input.full, after);
  }
  const left = (await work.store.clusters.items(work.ref.name)).filter(({ key }) => key.startsWith(leftPrefix));
  return done({ taken: true, keys: deletionWaves(left).flat() });
});

/** The inventory names the next resources before anything is made, and the former ones until they are left. */
async function leaveBehind(work: Work, before: ClusterPlan, after: ClusterPlan): Promise<void> {
  const { clusters } = work.store;
  for (const { key, id, kind, owned } of movedResources(before, after)) {
    const item = await clusters.item(work.ref.name, key);
    if (item === undefined || item.id.toLowerCase() === id.toLowerCase()) continue;
    await clusters.putItem(work.ref.name, { ...item, key: `${leftPrefix}${shortHash(item.id, 8)}` });
    await clusters.putItem(work.ref.name, { key, id, kind, owned, state: 'creating', outputs: {} });
  }
}

async function announce(work: Work, input: ActivityInput, full: FullError, { storage, image }: ClusterPlan) {
  const where = full.where ?? '';
  await recordEvent(work.store, input, `share/${shortHash(where, 8)}`, {
    type: 'storage.nextShare',
    sentence: `${where.split('/').at(-1)} has no room for another cluster: using the account ${storage.account.name} and the image ${image.name}`,
  });
}
