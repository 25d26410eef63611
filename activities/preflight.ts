import type { PreflightCheck, Survey } from '#azure/types.ts';
import type { JournalState } from '#kubernetes/pivot/journal.ts';
import { planCluster } from '#domain/plan/plan.ts';
import { type RunShape, shapeOf } from '#domain/plan/shape.ts';
import type { AzureFacts, ClusterPlan } from '#domain/plan/types.ts';
import { done, failed, type Outcome, wait } from '#domain/outcome.ts';
import { factsDocument, journalDocument } from '#domain/record.ts';
import { defineActivity } from './define.ts';
import { bootRecord, holdsState, isOtherMachine } from './first-machine.ts';
import { managedPreflight } from './managed.ts';
import { recordEvent } from './progress.ts';
import { refusedChecks } from './refused.ts';
import { savePlan } from './record.ts';
import type { Work } from './runtime.ts';

/** Ten minutes in steps of 30 s: role assignments take that long at most (azure-behaviour.md §6, Identity lag). */
const roleWaitSeconds = 30;
const maxRoleWaits = 20;

defineActivity('runPreflight', async (work, input) => {
  if (work.head.kind === 'ManagedCluster') return managedPreflight(work, input);
  const azure = await work.azure();
  const document = await work.document();
  const known = input.state?.['surveyed'] === true ? await readJson<AzureFacts>(work, surveyDocument(work)) : undefined;
  // What the cluster has joined by an earlier plan of this life, it stays with.
  const before = await readJson<AzureFacts>(work, factsDocument(work.ref.uid));
  const read: Outcome<Survey> =
    known === undefined
      ? await azure.survey(document, work.ref.uid, before?.shares)
      : done({ facts: known, checks: [] });
  if (read.status !== 'done') return read;
  const { facts, checks } = read.value;
  // A group that was made a moment ago may not be known everywhere yet: a second look decides.
  if (checks.some(({ error }) => error?.code === 'CAP-2001') && input.state?.['lookedTwice'] !== true)
    return wait(5, { state: { lookedTwice: true }, sentence: 'The resource group is not there: looking again' });
  if (facts === undefined) {
    const refused = refusedChecks(checks);
    if (refused === undefined) throw new Error('a refusal needs a failed check');
    return failed(refused);
  }
  const plan = planCluster(document, facts, work.ref.uid);
  const checked = await azure.preflight(plan, facts);
  if (checked.status === 'wait') {
    // Reading it all again would use up what the checks wait for: the calls of many clusters that begin together.
    await work.store.documents.put(surveyDocument(work), JSON.stringify(facts satisfies AzureFacts));
    return { ...checked, state: { ...input.state, surveyed: true } };
  }
  if (checked.status !== 'done') return checked;
  const report = checked.value;
  await work.store.documents.put(`preflight/${work.ref.operationId}.json`, JSON.stringify(report));
  const roleWaits = Number(input.state?.['roleWaits'] ?? 0);
  if (onlyRoleIsMissing(report.checks) && roleWaits < maxRoleWaits) {
    const sentence = 'Waiting for the data role of Capstan to arrive at the storage account';
    return wait(roleWaitSeconds, { state: { roleWaits: roleWaits + 1 }, sentence });
  }
  const refused = refusedChecks(report.checks);
  if (refused !== undefined) return failed(refused);
  if ((await isOtherMachine(work, plan)) && (await holdsState(work, await bootRecord(work))))
    return failed({
      code: 'CAP-4204',
      message: `${plan.controlPlane.machineName} was made from another document and holds the state of the cluster`,
      where: plan.controlPlane.machineName,
    });
  await work.store.documents.put(factsDocument(work.ref.uid), JSON.stringify(facts satisfies AzureFacts));
  await savePlan(work, plan);
  for (const notice of spreadNotices(plan))
    await recordEvent(work.store, input, `zones/${notice}`, { type: 'pool.zones', sentence: notice });
  return done(
    { ...shapeOf(plan), ...(await continuation(work)) },
    [report.sentence, ...spreadNotices(plan)].join(' · '),
  );
});

/** Where a provision stands that is continued with another document than it began with. */
async function continuation(work: Work): Promise<Pick<RunShape, 'continued'>> {
  if (work.head.generation === 1) return {};
  const journal = await readJson<Pick<JournalState, 'phase'>>(work, journalDocument(work.ref.uid));
  const handedOver = journal !== undefined && ['commit', 'watch', 'done'].includes(journal.phase);
  return { continued: handedOver ? 'handedOver' : 'beforeHandOver' };
}

/** Name of the blob that holds what was read of Azure while its checks wait. */
function surveyDocument({ ref }: Work): string {
  return `survey/${ref.operationId}.json`;
}

async function readJson<Value>(work: Work, name: string): Promise<Value | undefined> {
  const text = await work.store.documents.get(name);
  return text === undefined ? undefined : (JSON.parse(text) as Value);
}

/** A role that was just given arrives by itself. */
function onlyRoleIsMissing(checks: readonly PreflightCheck[]): boolean {
  const [first, second] = checks.filter((check) => !check.ok);
  return first?.error?.code === 'CAP-3302' && second === undefined;
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
