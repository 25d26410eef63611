import { namespaceOf } from '#domain/cluster-api/names.ts';
import { referenceKey, textField } from '#domain/cluster-api/object.ts';
import type { KubernetesObject, ObjectReference } from '#domain/cluster-api/object.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import type { AddOnSpec } from '#domain/spec/types.ts';
import { done, wait } from '#domain/outcome.ts';
import type { Outcome } from '#domain/outcome.ts';
import type { KubernetesClient } from '../client/client.ts';
import { errorOutcome, KubernetesApiError } from '../client/errors.ts';

/**
 * What an add-on has put into the cluster. It is kept in the cluster itself, so that an update or a removal knows what
 * to take away, whatever became of Capstan's own record.
 */
interface AddOnRecord {
  readonly name: string;
  /** Namespaces that did not exist before the add-on. */
  readonly brought: readonly string[];
  readonly objects: readonly ObjectReference[];
}

/** What one installation writes down. */
export interface AddOnMemory {
  /** These objects stand now, beside what stood before. */
  add(objects: readonly ObjectReference[]): Promise<void>;
  /** These objects are all: what stood before and is not among them is deleted. */
  settle(objects: readonly ObjectReference[]): Promise<void>;
}

const label = 'capstan.dev/add-on';

/** Namespaces that no add-on takes away with it. */
const protectedNamespaces = /^(default|kube-.*|capi-.*|capz-system|cert-manager|calico-system|tigera-operator)$/;

/** Opens the memory of one add-on, before its first object is applied. */
export async function openMemory(
  client: KubernetesClient,
  plan: ClusterPlan,
  addOn: Pick<AddOnSpec, 'name' | 'namespace'>,
): Promise<AddOnMemory> {
  const { name, namespace } = addOn;
  const known = (await readRecords(client, plan)).find((record) => record.name === name);
  let record: AddOnRecord = known ?? { name, brought: [], objects: [] };
  const save = async (next: AddOnRecord): Promise<void> => {
    if (JSON.stringify(next) === JSON.stringify(record) && known !== undefined) return;
    record = next;
    await saveRecord(client, plan, next);
  };
  const exists = record.brought.includes(namespace) || (await client.get(namespaceReference(namespace))) !== undefined;
  if (known === undefined || !exists)
    await save({ ...record, brought: exists ? record.brought : [...record.brought, namespace] });
  return {
    async add(objects) {
      const keys = new Set(objects.map(referenceKey));
      const before = record.objects.filter((reference) => !keys.has(referenceKey(reference)));
      await save({ ...record, objects: [...before, ...objects] });
    },
    async settle(objects) {
      const keys = new Set(objects.map(referenceKey));
      await deleteObjects(
        client,
        record.objects.filter((reference) => !keys.has(referenceKey(reference)) && reference.kind !== 'Namespace'),
      );
      const left = record.brought.filter((other) => other !== namespace);
      const others = (await readRecords(client, plan)).filter((other) => other.name !== name);
      for (const other of left) {
        if (isFree(plan, others, other)) await client.delete(namespaceReference(other));
      }
      await save({ ...record, brought: record.brought.filter((other) => other === namespace), objects });
    },
  };
}

/**
 * One bounded step of removing the add-ons that the plan no longer has, last applied object first. A namespace goes
 * too, with everything in it, when the add-on brought it along and no other add-on is in it.
 */
export async function removeAddOns(client: KubernetesClient, plan: ClusterPlan): Promise<Outcome> {
  const wanted = new Set(plan.addOns.map((addOn) => addOn.name));
  const removed: string[] = [];
  try {
    const records = await readRecords(client, plan);
    for (const record of records.filter(({ name }) => !wanted.has(name))) {
      await deleteObjects(
        client,
        record.objects.filter((reference) => reference.kind !== 'Namespace'),
      );
      const others = records.filter((other) => other.name !== record.name);
      for (const name of record.brought.filter((candidate) => isFree(plan, others, candidate))) {
        const namespace = namespaceReference(name);
        await client.delete(namespace);
        if ((await client.get(namespace)) !== undefined)
          return wait(5, { sentence: `namespace ${name} of ${record.name} is being emptied` });
      }
      await client.delete({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        namespace: namespaceOf(plan),
        name: mapName(record.name),
      });
      removed.push(record.name);
    }
    return done({}, removed.length === 0 ? undefined : `removed add-on ${removed.join(', ')}`);
  } catch (error) {
    return errorOutcome(error, 'removal of add-ons', { refused: 'CAP-6102' });
  }
}

const mapName = (addOn: string) => `add-on-${addOn}`;

function namespaceReference(name: string): ObjectReference {
  return { apiVersion: 'v1', kind: 'Namespace', name };
}

/** Whether a namespace may go: it is nobody else's. */
function isFree(plan: ClusterPlan, others: readonly AddOnRecord[], namespace: string): boolean {
  const used =
    plan.addOns.some((addOn) => addOn.namespace === namespace) ||
    others.some((other) => other.objects.some((reference) => reference.namespace === namespace));
  return !used && !protectedNamespaces.test(namespace) && namespace !== namespaceOf(plan);
}

async function readRecords(client: KubernetesClient, plan: ClusterPlan): Promise<readonly AddOnRecord[]> {
  const maps = await client.list({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    namespace: namespaceOf(plan),
    labelSelector: label,
  });
  return maps.flatMap((map) => {
    const text = textField(map, 'data', 'record');
    return text === undefined ? [] : [JSON.parse(text) as AddOnRecord];
  });
}

async function saveRecord(client: KubernetesClient, plan: ClusterPlan, record: AddOnRecord): Promise<void> {
  const map: KubernetesObject = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: mapName(record.name), namespace: namespaceOf(plan), labels: { [label]: record.name } },
    data: { record: JSON.stringify(record) },
  };
  await client.apply(map, { force: true });
}

async function deleteObjects(client: KubernetesClient, objects: readonly ObjectReference[]): Promise<void> {
  for (const reference of objects.toReversed()) {
    try {
      await client.delete(reference);
    } catch (error) {
      // A kind that went with its definition leaves nothing to delete.
      if (!(error instanceof KubernetesApiError) || (error.reason !== 'NoKindMatch' && error.status !== 404))
        throw error;
    }
  }
}
