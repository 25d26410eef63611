import type { PreflightCheck } from '#azure/types.ts';
import { planCluster } from '#domain/plan/plan.ts';
import { shapeOf } from '#domain/plan/shape.ts';
import type { AzureFacts, ClusterPlan } from '#domain/plan/types.ts';
import { done, failed } from '#domain/outcome.ts';
import { defineActivity } from './define.ts';
import { recordEvent } from './progress.ts';
import { savePlan } from './record.ts';

/** Names of the blobs in which the facts of a plan are kept for later operations. */
export function factsDocument(uid: string): string {
  return `facts/${uid}.json`;
}

defineActivity('runPreflight', async (work, input) => {
  const azure = await work.azure();
  const document = await work.document();
  const read = await azure.survey(document);
  if (read.status !== 'done') return read;
  const { facts, checks } = read.value;
  if (facts === undefined) return refusal(checks);
  const plan = planCluster(document, facts, work.ref.uid);
  const checked = await azure.preflight(plan, facts);
  if (checked.status !== 'done') return checked;
  const report = checked.value;
  await work.store.documents.put(`preflight/${work.ref.operationId}.json`, JSON.stringify(report));
  if (!report.ok) return refusal(report.checks);
  await work.store.documents.put(factsDocument(work.ref.uid), JSON.stringify(facts satisfies AzureFacts));
  await savePlan(work, plan);
  for (const notice of spreadNotices(plan))
    await recordEvent(work.store, input, `zones/${notice}`, { type: 'pool.zones', sentence: notice });
  return done(shapeOf(plan), [report.sentence, ...spreadNotices(plan)].join(' · '));
});

/** The first failed check as the error, with all of them as its problems. */
function refusal(checks: readonly PreflightCheck[]): ReturnType<typeof failed> {
  const problems = checks
    .filter((check) => !check.ok)
    .map(({ id, detail, error }) => ({ path: id, error: error ?? { code: 'CAP-9001' as const, message: detail } }));
  const [first] = problems;
  if (first === undefined) throw new Error('a refusal needs a failed check');
  if (problems.length === 1) return failed(first.error);
  return failed({
    ...first.error,
    problems: problems.map(({ path, error: { code, message } }) => ({ path, code, message })),
  });
}

/** Says where a pool avoids a zone that was asked for, because its VM size is restricted there. */
function spreadNotices(plan: ClusterPlan): readonly string[] {
  return plan.spec.workerPools.flatMap((pool) => {
    const used = plan.pools.find((planned) => planned.name === pool.name)?.shards.map((shard) => shard.zone) ?? [];
    const wanted = pool.zones ?? plan.regionZones;
    const avoided = plan.regionZones.length === 0 ? [] : wanted.filter((zone) => !used.includes(zone));
    return avoided.length === 0
      ? []
      : [`pool ${pool.name} avoids zone ${avoided.join(', ')}: ${pool.vmSize} is restricted there`];
  });
}
