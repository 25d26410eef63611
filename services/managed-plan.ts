import type { Config } from '#config/config.ts';
import { formerTags } from '#domain/decide.ts';
import { planManagedCluster } from '#domain/managed/plan.ts';
import { managedStepSeconds } from '#domain/managed/shape.ts';
import type { AnyDocument, ManagedDocument } from '#domain/managed/types.ts';
import type { ClusterHead } from '#domain/record.ts';
import { withDefaults } from '#domain/spec/defaults.ts';
import { diffDocuments, refusedChanges } from '#domain/spec/diff.ts';
import { managedSteps } from '#domain/steps.ts';
import type { Store } from '#store/store.ts';
import { azureOf } from './azure.ts';
import { obstacle, type PlanAnswer, unplanned } from './plan.ts';

/** Plans an AKS cluster, new or changed, without doing anything. */
export async function planManaged(config: Config, store: Store, document: ManagedDocument): Promise<PlanAnswer> {
  const { name } = document.metadata;
  const head = (await store.clusters.head(name))?.value;
  const steps = managedSteps(head === undefined || head.observedGeneration === 0 ? 'provision' : 'update');
  const client = await azureOf(config);
  const read = await client.surveyManaged(document);
  if (read.status !== 'done') throw obstacle(read);
  const { facts, checks } = read.value;
  if (facts === undefined) return unplanned(name, checks, steps);
  const before = await readyDocument(store, head);
  // No name of an AKS cluster depends on the identity of its life.
  const gone = head === undefined || head.phase === 'Deleted' ? [] : formerTags(head, document.metadata.tags);
  const plan = planManagedCluster(document, facts, head?.uid ?? '', gone);
  const checked = await client.preflightManaged(plan, facts);
  if (checked.status !== 'done') throw obstacle(checked);
  const report = checked.value;
  const changed = new Set(report.resources.filter(({ seconds }) => seconds > 0).map(({ key }) => key));
  const rows = steps.map(({ id, title, needs }) => ({
    id,
    title,
    needs,
    seconds: managedStepSeconds(plan, id, changed),
  }));
  const changes = before === undefined ? undefined : diffDocuments(before, document);
  const refused = changes === undefined ? 0 : refusedChanges(changes).length;
  const sentence =
    refused === 0
      ? report.sentence
      : `${refused} of ${changes?.length ?? 0} changes are refused · nothing would be changed`;
  const cost = { steps: rows, seconds: report.seconds, replaced: 0, surgeMachines: 0, surgeCores: 0 };
  return {
    ...report,
    cluster: name,
    ok: report.ok && refused === 0,
    sentence,
    ...(changes === undefined ? {} : { update: { sentence, changes, refused, cost } }),
    steps: rows,
    criticalPathSeconds: report.seconds,
  };
}

async function readyDocument(store: Store, head: ClusterHead | undefined): Promise<AnyDocument | undefined> {
  if (head?.readySha === undefined || head.phase === 'Deleted') return undefined;
  return withDefaults(await store.documents.getContent<AnyDocument>(head.readySha));
}
