import { adoptedResources } from '#domain/cluster-api/adopted.ts';
import { done } from '#domain/outcome.ts';
import { journalDocument } from '#domain/record.ts';
import type { JournalState, PivotJournal } from '#kubernetes/pivot/journal.ts';
import { defineActivity } from './define.ts';
import { planAsBuilt } from './record.ts';
import { observeNodes, withCluster } from './kubernetes.ts';
import type { Work } from './runtime.ts';

/** The journal stands in a blob, outside the orchestration history. */
function journalOf(work: Work): PivotJournal {
  const name = journalDocument(work.ref.uid);
  return {
    async load() {
      const text = await work.store.documents.get(name);
      return text === undefined ? undefined : (JSON.parse(text) as JournalState);
    },
    save: (state) => work.store.documents.put(name, JSON.stringify(state)),
  };
}

/** Hands the Cluster API resources over to the cluster, one bounded step per call (cluster-api-pivot.md §2d). */
defineActivity('pivotCluster', async (work) => {
  const { pivot } = await import('#kubernetes/pivot/pivot.ts');
  const plan = await planAsBuilt(work);
  const azure = await work.azure();
  return withCluster(work, async ({ client, keys, observed }) => {
    const outcome = await pivot({
      plan,
      observed,
      keys,
      client,
      journal: journalOf(work),
      readAdopted: () => azure.observe(plan, adoptedResources(plan)),
      now: () => Date.now(),
    });
    await observeNodes(work, client, outcome.status === 'done');
    return outcome.status === 'done' ? done({}, outcome.sentence) : outcome;
  });
});
