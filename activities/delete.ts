import type { RemoveOutcome } from '#azure/types.ts';
import type { CapstanError } from '#domain/errors/error.ts';
import { type DeletedSecret, deletedSecretsDocument, deletionWaves, settledItems } from '#domain/plan/deletion.ts';
import { leftPrefix } from '#domain/plan/shares.ts';
import type { ClusterPlan, ResourceKind } from '#domain/plan/types.ts';
import { secretPrefix } from '#domain/names/names.ts';
import { diskSecret, sourceSecret } from '#domain/storage/sealed-source.ts';
import type { InventoryItem } from '#domain/record.ts';
import { done, failed, wait } from '#domain/outcome.ts';
import type { ActivityInput } from './contract.ts';
import { defineActivity } from './define.ts';
import { recordEvent } from './progress.ts';
import type { Work } from './runtime.ts';

/** Namespaces of the controllers that would make again what is deleted. */
const controllerNamespaces = [
  'capi-system',
  'capi-kubeadm-bootstrap-system',
  'capi-kubeadm-control-plane-system',
  'capz-system',
];

/** Looks at an API server that does not answer before the deletion goes on without it. */
const maxLooks = 3;

defineActivity('stopControllers', async (work, input) => {
  if (work.head.planSha === undefined) return done({}, 'no controllers were installed');
  const items = await work.store.clusters.items(work.ref.name);
  const machine = items.find((item) => item.kind === 'virtualMachine' && item.state === 'created');
  if (machine === undefined) return done({}, 'no controllers were installed');
  try {
    const stopped = await stopDeployments(work);
    return done({}, `${stopped} controllers stopped`);
  } catch {
    // A dead API server is no obstacle: that is what this deletion is for.
    const looks = Number(input.state?.['looks'] ?? 0) + 1;
    return looks < maxLooks
      ? wait(10, { state: { looks }, sentence: 'the API server does not answer' })
      : done({}, 'the API server does not answer: deleting without it');
  }
});

async function stopDeployments(work: Work): Promise<number> {
  const { withCluster } = await import('./kubernetes.ts');
  return withCluster(work, async ({ client }) => {
    let stopped = 0;
    for (const namespace of controllerNamespaces) {
      for (const { metadata } of await client.list({ apiVersion: 'apps/v1', kind: 'Deployment', namespace })) {
        await client.mergePatch(
          { apiVersion: 'apps/v1', kind: 'Deployment', namespace, name: metadata.name },
          { spec: { replicas: 0 } },
        );
        stopped++;
      }
    }
    return stopped;
  });
}

/** Lists what is left: the inventory, and by tags what the cluster's own controllers made. */
defineActivity('planDeletion', async (work) => {
  if (work.head.planSha === undefined) return done({ waves: [] }, 'nothing was made in Azure');
  const azure = await work.azure();
  const plan = await work.anyPlan();
  const items = await work.store.clusters.items(work.ref.name);
  const byId = new Map(items.map((item) => [item.id.toLowerCase(), item]));
  const left: { key: string; kind: ResourceKind }[] = [];
  for (const { id, kind } of await azure.findOwned(plan, { shared: true })) {
    if (kind === undefined || byId.get(id.toLowerCase())?.state === 'kept') continue;
    const key = byId.get(id.toLowerCase())?.key ?? `found-${id.split('/').slice(-2).join('-')}`;
    await work.store.clusters.putItem(work.ref.name, {
      key,
      id,
      kind,
      owned: true,
      state: 'deleting',
      outputs: byId.get(id.toLowerCase())?.outputs ?? {},
    });
    left.push({ key, kind });
  }
  const listed = new Set(left.map(({ key }) => key));
  for (const item of items) {
    if (listed.has(item.key) || !isLeft(item)) continue;
    left.push({ key: item.key, kind: item.kind });
  }
  const waves = deletionWaves(left);
  if (waves.length === 0) {
    // A cluster that lost our mark stays, and its group with it.
    const stays = items.some(({ kind, state }) => kind === 'managedCluster' && state === 'kept');
    const group = stays ? undefined : plan.managed?.nodeResourceGroup;
    if (group !== undefined && (await azure.groupExists(plan.azure.subscriptionId, group)))
      return wait(15, { sentence: `waiting until AKS has deleted the group ${group} of its nodes` });
    for (const item of settledItems(await work.store.clusters.items(work.ref.name)))
      await work.store.clusters.putItem(work.ref.name, item);
  }
  const after = await work.store.clusters.items(work.ref.name);
  const kept = after.filter((item) => item.state === 'kept').length;
  const deleted = after.filter((item) => item.state === 'deleted').length;
  return done({ waves }, `${deleted} resources deleted${kept === 0 ? '' : ` · ${kept} kept, each with its reason`}`);
});

/** An id that ends with its type was never completed: if the resource was made all the same, the search found it. */
function isLeft(item: InventoryItem): boolean {
  if (item.state === 'deleted' || item.state === 'kept') return false;
  // A container of the user's holds a copy that is ours.
  return (item.owned || item.kind === 'blobContainer') && !/\/roleAssignments$/i.test(item.id);
}

/** Takes the copy of the image away; what cannot be reached is listed with its cause, and keeps nothing else waiting. */
async function removeCopy(work: Work, item: InventoryItem): Promise<RemoveOutcome> {
  const plan = inAccountOf(await work.plan(), item);
  const { id } = plan.storage.account;
  const outcome = await (await work.azure()).leaveCopy(plan);
  if (outcome.status === 'wait') return outcome;
  if (outcome.status === 'failed')
    return { status: 'done', action: 'kept', id, reason: `${outcome.error.code}: ${outcome.error.message}` };
  if (outcome.status === 'cancelled') throw new Error('a call to Azure is never cancelled');
  const { action, reason } = outcome.value;
  if (action === 'kept') return { status: 'done', action, id, ...(reason === undefined ? {} : { reason }) };
  return plan.storage.account.owned
    ? { status: 'done', action: 'deleted', id }
    : { status: 'done', action: 'kept', id, reason: 'it is in your account; the copy of the image in it is deleted' };
}

/** The plan with the account that holds the container: the cluster may have moved on to another one. Pure. */
function inAccountOf(plan: ClusterPlan, { id }: InventoryItem): ClusterPlan {
  const account = id.split('/blobServices/')[0] ?? '';
  if (account.toLowerCase() === plan.storage.account.id.toLowerCase()) return plan;
  const { resourceGroup } = plan.azure;
  const other = { id: account, name: last(account), resourceGroup, owned: true };
  return { ...plan, storage: { ...plan.storage, account: other } };
}

defineActivity('removeResource', async (work, input) => {
  const item = await work.store.clusters.item(work.ref.name, input.key);
  if (item === undefined) return done({ action: 'absent' });
  const azure = await work.azure();
  const name = `pollers/${work.ref.uid}/remove-${input.key}`;
  const poller = input.state?.['begun'] === true ? await work.store.documents.get(name) : undefined;
  const outcome =
    item.kind === 'blobContainer'
      ? await removeCopy(work, item)
      : await azure.remove({
          id: item.id,
          kind: item.kind,
          clusterName: work.ref.name,
          ...(poller === undefined ? {} : { poller }),
        });
  if (outcome.status === 'wait') {
    if (outcome.poller !== undefined) await work.store.documents.put(name, outcome.poller);
    return wait(outcome.retryAfter, {
      state: { begun: outcome.poller !== undefined },
      ...(outcome.sentence === undefined ? {} : { sentence: outcome.sentence }),
    });
  }
  if (outcome.status === 'failed') {
    if (!mayBeFreed(work, item, input, outcome.error)) return failed(outcome.error);
    await work.store.documents.delete(name);
    await work.store.clusters.putItem(work.ref.name, {
      ...item,
      outputs: { ...item.outputs, held: work.ref.operationId },
    });
    await recordEvent(work.store, input, `held/${input.key}`, {
      type: 'resource.held',
      sentence: `${item.kind} ${last(item.id)} is still in use: what holds it is looked for once more`,
      error: outcome.error,
    });
    return done({ action: 'held' });
  }
  await work.store.documents.delete(name);
  const kept = outcome.action === 'kept';
  if (input.key.startsWith(leftPrefix)) {
    // It has other users, or nobody: of this cluster nothing is in it.
    await work.store.clusters.forgetItem(work.ref.name, input.key);
    return done({ action: outcome.action });
  }
  await work.store.clusters.putItem(work.ref.name, {
    ...item,
    state: kept ? 'kept' : 'deleted',
    outputs: kept ? { reason: outcome.reason ?? '' } : {},
  });
  await recordEvent(work.store, input, `removed/${input.key}`, {
    type: kept ? 'resource.kept' : 'resource.deleted',
    sentence: kept
      ? `kept ${item.kind} ${last(item.id)}: ${outcome.reason ?? ''}`
      : `deleted ${item.kind} ${last(item.id)}`,
  });
  return done({ action: outcome.action });
});

/**
 * Something holds it that no list showed: a machine's part that the cluster's controllers asked for just before they were
 * stopped. The next look finds it, and takes it first; a second time in one deletion somebody else holds it.
 */
function mayBeFreed(work: Work, item: InventoryItem, { step }: ActivityInput, { code }: CapstanError): boolean {
  return step === 'deleteResources' && code === 'CAP-3017' && item.outputs['held'] !== work.ref.operationId;
}

function last(id: string): string {
  return id.split('/').at(-1) ?? id;
}

/** Deletes the key pairs and purges them where the vault lets us; otherwise says until when they can be recovered. */
defineActivity('deleteSecrets', async (work, input) => {
  const azure = await work.azure();
  const document = await work.document();
  // The SAS of the image source is there from the first request on.
  if (document.spec.image.signature !== undefined)
    await azure.secrets.remove(sourceSecret(secretPrefix(work.ref.name, work.ref.uid)));
  if (work.head.planSha === undefined) return done({}, 'there were no keys');
  // An upload that was cut short leaves the SAS of its disk.
  if (document.spec.image.through === 'disk')
    await azure.secrets.remove(diskSecret(secretPrefix(work.ref.name, work.ref.uid)));
  const { keySecretNames } = await import('#kubernetes/pki/keys.ts');
  const { keySecret } = await import('#kubernetes/pki/stored-keys.ts');
  const plan = await work.plan();
  const deleted: DeletedSecret[] = [];
  for (const name of keySecretNames) {
    const secret = keySecret(plan.secretPrefix, name);
    deleted.push({ name: secret, ...(await azure.secrets.remove(secret)) });
  }
  await work.store.documents.put(deletedSecretsDocument(work.ref.uid), JSON.stringify(deleted));
  const recoverable = deleted.filter(({ purged }) => !purged);
  const [first] = recoverable;
  if (first === undefined) return done({}, 'the keys are deleted and purged');
  const looks = Number(input.state?.['looks'] ?? 0) + 1;
  return looks < 12
    ? wait(5, { state: { looks }, sentence: 'purging the keys' })
    : done(
        {},
        `${recoverable.length} keys are deleted and cannot be purged: recoverable until ${first.recoverableUntil ?? 'a date that the vault does not tell'}`,
      );
});
