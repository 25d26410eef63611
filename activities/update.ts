import { planCluster } from '#domain/plan/plan.ts';
import { shapeOf } from '#domain/plan/shape.ts';
import type { AzureFacts } from '#domain/plan/types.ts';
import { done } from '#domain/outcome.ts';
import { defineActivity } from './define.ts';
import { factsDocument } from './preflight.ts';
import { savePlan } from './record.ts';

/** Plans changed replica counts over the facts of the first plan: names, zones and images stay what they are. */
defineActivity('planUpdate', async (work) => {
  const text = await work.store.documents.get(factsDocument(work.ref.uid));
  if (text === undefined) throw new Error(`the facts of cluster ${work.ref.name} are missing`);
  const plan = planCluster(await work.document(), JSON.parse(text) as AzureFacts, work.ref.uid);
  await savePlan(work, plan);
  return done(shapeOf(plan));
});
