import { type Change, diffDocuments, refusedChanges } from '#domain/spec/diff.ts';
import { withDefaults } from '#domain/spec/defaults.ts';
import type { ClusterDocument } from '#domain/spec/types.ts';
import { updatedFacts } from '#domain/plan/facts.ts';
import type { AzureFacts } from '#domain/plan/types.ts';
import { type UpdateCost, updateCost } from '#domain/plan/update.ts';
import { planCluster } from '#domain/plan/plan.ts';
import type { ClusterHead } from '#domain/record.ts';
import type { Store } from '#store/store.ts';

/** What an apply of a changed document would do to a running cluster. */
export interface UpdateAnswer {
  /** `2 changes · machines are replaced …`, or what is refused. */
  readonly sentence: string;
  readonly changes: readonly Change[];
  readonly refused: number;
  readonly cost: UpdateCost;
}

/**
 * The difference between a document and the cluster as it was last brought about, with its price; the same code as the
 * run. Undefined for a cluster that was never Ready.
 *
 * @param read facts as Azure has them now
 */
export async function planUpdate(
  store: Store,
  head: ClusterHead | undefined,
  document: ClusterDocument,
  read: AzureFacts,
): Promise<UpdateAnswer | undefined> {
  if (head === undefined || head.phase === 'Deleted' || head.observedGeneration === 0) return undefined;
  const before = withDefaults(await store.documents.getContent<ClusterDocument>(head.readySha ?? head.documentSha));
  const changes = diffDocuments(before, document);
  const newImage = JSON.stringify(before.spec.image) !== JSON.stringify(document.spec.image);
  const text = await store.documents.get(`facts/${head.uid}.json`);
  const facts = text === undefined ? read : updatedFacts(JSON.parse(text) as AzureFacts, read, { newImage });
  const cost = updateCost(changes, planCluster(document, facts, head.uid), facts);
  const refused = refusedChanges(changes).length;
  return { sentence: sentenceOf(changes, refused, cost), changes, refused, cost };
}

function sentenceOf(changes: readonly Change[], refused: number, cost: UpdateCost): string {
  if (changes.length === 0) return 'nothing would change';
  if (refused > 0) return `${refused} of ${changes.length} changes are refused · nothing would be changed`;
  const parts = [`${changes.length} ${changes.length === 1 ? 'change' : 'changes'}`];
  if (cost.replaced > 0)
    parts.push(
      `${cost.replaced} machines replaced, at most ${cost.surgeMachines} (${cost.surgeCores} cores) more than wanted at a time`,
    );
  return [...parts, `about ${Math.max(1, Math.round(cost.seconds / 60))} m on Azure`].join(' · ');
}
