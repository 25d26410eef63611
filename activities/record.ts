import type { ResourceOutputs } from '#azure/types.ts';
import { asBuilt } from '#domain/plan/observed.ts';
import type { AnyPlan } from '#domain/managed/types.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import type { ClusterHead } from '#domain/record.ts';
import type { Work } from './runtime.ts';

/** Changes the head of the running operation; gives up silently when another operation has taken over. */
export async function changeHead(
  work: Work,
  change: (head: ClusterHead) => ClusterHead | Promise<ClusterHead>,
): Promise<ClusterHead | undefined> {
  for (let attempt = 0; attempt < 10; attempt++) {
    const row = await work.store.clusters.head(work.ref.name);
    if (row === undefined || row.value.uid !== work.ref.uid || row.value.operation.id !== work.ref.operationId)
      return undefined;
    const changed = { ...(await change(row.value)), updatedAt: new Date().toISOString() };
    if (await work.store.clusters.replaceHead(changed, row.etag)) return changed;
  }
  throw new Error(`the record of cluster ${work.ref.name} is changed by others all the time`);
}

/** Stores the plan and names it in the head. */
export async function savePlan(work: Work, plan: AnyPlan): Promise<void> {
  const planSha = await work.store.documents.putContent(plan);
  await changeHead(work, (head) => ({ ...head, planSha }));
}

/** The plan with what came about differently (the zone of the first machine). */
export async function planAsBuilt(work: Work): Promise<ClusterPlan> {
  const machine = await work.store.clusters.item(work.ref.name, 'virtualMachine');
  return asBuilt(await work.plan(), machine?.outputs['zone']);
}

/** What finished resources gave, by key. */
export async function outputsOf(work: Work): Promise<Readonly<Record<string, ResourceOutputs>>> {
  const items = await work.store.clusters.items(work.ref.name);
  return Object.fromEntries(items.map((item) => [item.key, item.outputs]));
}
