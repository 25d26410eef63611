import { done, failed, wait } from '#domain/outcome.ts';
import { firstMachineSource } from '#domain/plan/observed.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { bootDocument, type BootRecord, journalDocument, nodesDocument } from '#domain/record.ts';
import { defineActivity } from './define.ts';
import { recordEvent } from './progress.ts';
import { planAsBuilt } from './record.ts';
import type { Work } from './runtime.ts';

/** How the first machine boots, as this operation sees it: what an earlier operation left behind is inherited. */
export async function bootRecord(work: Work): Promise<BootRecord> {
  const text = await work.store.documents.get(bootDocument(work.ref.uid));
  const before = text === undefined ? undefined : (JSON.parse(text) as BootRecord);
  if (before?.operationId === work.ref.operationId) return before;
  return {
    operationId: work.ref.operationId,
    since: Date.now(),
    replacements: 0,
    inherited: before !== undefined,
    answered: before?.answered ?? false,
  };
}

export async function saveBootRecord(work: Work, record: BootRecord): Promise<void> {
  const name = bootDocument(work.ref.uid);
  const text = JSON.stringify(record);
  if ((await work.store.documents.get(name)) !== text) await work.store.documents.put(name, text);
}

/** Whether the machine holds the cluster's state: its API server has answered, or the hand-over has begun. */
export async function holdsState(work: Work, record: BootRecord): Promise<boolean> {
  if (record.answered) return true;
  const { documents } = work.store;
  const [nodes, journal] = await Promise.all([
    documents.get(nodesDocument(work.ref.uid)),
    documents.get(journalDocument(work.ref.uid)),
  ]);
  return nodes !== undefined || journal !== undefined;
}

/** Whether the first machine stands, and was made from another document than the plan is: then it is not the wanted one. */
export async function isOtherMachine(work: Work, plan: ClusterPlan): Promise<boolean> {
  const source = (await work.store.clusters.item(work.ref.name, 'virtualMachine'))?.outputs['source'];
  return source !== undefined && source !== firstMachineSource(plan);
}

export function machineId(plan: ClusterPlan): string | undefined {
  return plan.resources.find((resource) => resource.key === 'virtualMachine')?.id;
}

/** One resource after the other, because disks are held by their machine. Safe to repeat: what is gone is gone. */
defineActivity('clearFirstMachine', async (work, input) => {
  const plan = await planAsBuilt(work);
  const record = await bootRecord(work);
  if (await holdsState(work, record)) {
    return failed({
      code: 'CAP-4203',
      message: `${plan.controlPlane.machineName} is not replaced: it holds the state of the cluster`,
      where: plan.controlPlane.machineName,
    });
  }
  const { firstMachineResources } = await import('#kubernetes/boot/retry.ts');
  const resources = firstMachineResources(plan);
  const index = Number(input.state?.['index'] ?? 0);
  const target = resources[index];
  if (target !== undefined) {
    const name = `pollers/${work.ref.uid}/clear-${index}`;
    const poller = input.state?.['begun'] === true ? await work.store.documents.get(name) : undefined;
    const outcome = await (await work.azure()).remove({
      ...target,
      clusterName: work.ref.name,
      ...(poller === undefined ? {} : { poller }),
    });
    if (outcome.status === 'failed') return failed(outcome.error);
    if (outcome.status === 'wait') {
      if (outcome.poller !== undefined) await work.store.documents.put(name, outcome.poller);
      return wait(outcome.retryAfter, {
        state: { index, begun: outcome.poller !== undefined },
        sentence: outcome.sentence ?? 'deleting the machine that did not come up',
      });
    }
    await work.store.documents.delete(name);
    return wait(1, { state: { index: index + 1 }, sentence: 'deleting the machine that did not come up' });
  }
  await forget(work, plan);
  await saveBootRecord(work, { ...record, since: Date.now(), replacements: record.replacements + 1, inherited: false });
  await recordEvent(work.store, input, `boot/cleared/${record.replacements}`, {
    type: 'boot.cleared',
    sentence: `${plan.controlPlane.machineName} and its disks are deleted`,
  });
  return done({});
});

/** The inventory of what went with the machine: it is made again like any resource that failed. */
async function forget(work: Work, plan: ClusterPlan): Promise<void> {
  for (const key of ['virtualMachine', 'networkInterface']) {
    const item = await work.store.clusters.item(plan.name, key);
    if (item !== undefined) await work.store.clusters.putItem(plan.name, { ...item, state: 'failed', outputs: {} });
  }
}
