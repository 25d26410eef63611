import type { EnsureOutcome } from '#azure/types.ts';
import { firstMachineSource } from '#domain/plan/observed.ts';
import type { PlannedResource, ResourceKind } from '#domain/plan/types.ts';
import type { InventoryItem } from '#domain/record.ts';
import { done, failed, wait } from '#domain/outcome.ts';
import { stepDefinition } from '#domain/steps.ts';
import { bootstrapUserData } from './cluster-keys.ts';
import type { ActivityInput } from './contract.ts';
import { defineActivity } from './define.ts';
import { recordEvent } from './progress.ts';
import { outputsOf } from './record.ts';
import type { Work } from './runtime.ts';

/** Failures that Azure calls temporary, in a row, after which the step gives up: about half an hour with back-off. */
const maxWaits = 200;

/** Upgrades of AKS take minutes for each node, and are asked about four times a minute. */
const longKinds: Readonly<Partial<Record<ResourceKind, number>>> = { managedCluster: 600, agentPool: 3000 };

defineActivity('ensureResource', async (work, input) => {
  const plan = await work.anyPlan();
  const resource = plan.resources.find((candidate) => candidate.key === input.key);
  if (resource === undefined) throw new Error(`the plan has no resource ${input.key}`);
  const pollerName = `pollers/${work.ref.uid}/${input.key}`;
  const begun = input.state?.['begun'] === true;
  const poller = begun ? await work.store.documents.get(pollerName) : undefined;
  const source: Readonly<Record<string, string>> =
    resource.kind === 'virtualMachine' ? { source: firstMachineSource(await work.plan()) } : {};
  if (!begun) {
    await putItem(work, resource, 'creating', source);
    // The pools of a new AKS cluster come with the same write: a run that stops in it must know them.
    const together =
      resource.kind === 'managedCluster' ? plan.resources.filter(({ kind }) => kind === 'agentPool') : [];
    for (const pool of together) await putItem(work, pool, 'creating', {});
  }
  const azure = await work.azure();
  const outcome: EnsureOutcome = await azure.ensure({
    plan,
    resource,
    outputs: await outputsOf(work),
    ...(poller === undefined ? {} : { poller }),
    ...(resource.kind === 'virtualMachine' ? { customData: () => bootstrapUserData(work) } : {}),
  });
  if (outcome.status === 'wait') {
    if (outcome.poller !== undefined && outcome.poller !== poller)
      await work.store.documents.put(pollerName, outcome.poller);
    const waits = Number(input.state?.['waits'] ?? 0) + 1;
    if (waits > (longKinds[resource.kind] ?? maxWaits)) {
      return failed({
        code: 'CAP-9006',
        message: `${resource.name} did not come about`,
        where: resource.id,
        ...(outcome.sentence === undefined ? {} : { cause: outcome.sentence }),
      });
    }
    const state = { waits, ...(outcome.poller === undefined && poller === undefined ? {} : { begun: true }) };
    return wait(outcome.retryAfter, { state, sentence: outcome.sentence ?? `making ${resource.name}` });
  }
  if (outcome.status === 'failed') {
    await putItem(work, resource, 'failed', {});
    return outcome;
  }
  if (begun) await work.store.documents.delete(pollerName);
  // The plan leaves the last part of some ids open (role assignments): the inventory knows the whole one.
  const made = { ...resource, id: outcome.id };
  const state = outcome.action === 'exists' && !resource.owned ? 'exists' : 'created';
  const before = outcome.action === 'exists' ? await knownSource(work, resource) : {};
  await putItem(work, made, state, { ...outcome.outputs, ...source, ...before });
  if (outcome.action !== 'exists') await announce(work, input, resource, outcome.action);
  return done({ action: outcome.action }, await stepSentence(work, input));
});

/** What a machine was made from that was there already. */
async function knownSource(work: Work, { key }: PlannedResource): Promise<Readonly<Record<string, string>>> {
  const source = (await work.store.clusters.item(work.ref.name, key))?.outputs['source'];
  return source === undefined ? {} : { source };
}

async function putItem(
  work: Work,
  { key, id, kind, owned }: PlannedResource,
  state: InventoryItem['state'],
  outputs: Readonly<Record<string, string>>,
): Promise<void> {
  const before = await work.store.clusters.item(work.ref.name, key);
  // A resource that was made before stays made while it is looked at again.
  if (state === 'creating' && before !== undefined && before.state !== 'failed') return;
  await work.store.clusters.putItem(work.ref.name, { key, id, kind, owned, state, outputs });
}

async function announce(work: Work, input: ActivityInput, resource: PlannedResource, action: string): Promise<void> {
  await recordEvent(work.store, input, `resource/${resource.key}/${action}`, {
    type: `resource.${action}`,
    sentence: `${action} ${resource.kind} ${resource.name}`,
  });
}

/** What stands so far in this step, e.g. `demo-vnet, 2 network security groups`. */
async function stepSentence(work: Work, { step }: ActivityInput): Promise<string> {
  const plan = await work.anyPlan();
  const keys = new Set(plan.resources.filter((resource) => resource.step === step).map((resource) => resource.key));
  const items = (await work.store.clusters.items(work.ref.name)).filter((item) => keys.has(item.key));
  const ready = items.filter((item) => item.state === 'created' || item.state === 'exists');
  const title = stepDefinition(step, work.head.operation.kind).title;
  return `${title}: ${ready.length} of ${keys.size} resources`;
}
