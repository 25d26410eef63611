import { field, referenceKey, referenceOf, textField } from '#domain/cluster-api/object.ts';
import type { KubernetesObject, ObjectReference } from '#domain/cluster-api/object.ts';
import { done, failed, wait } from '#domain/outcome.ts';
import type { Outcome } from '#domain/outcome.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import type { AddOnSpec } from '#domain/spec/types.ts';
import type { KubernetesClient } from '../client/client.ts';
import { KubernetesApiError, errorOutcome, registered } from '../client/errors.ts';
import { applyOrder, ManifestError, parseManifest } from '../components/manifest.ts';
import { wantsProxy, withProxyEnvironment } from '../components/proxy.ts';
import type { ProxyEnvironment } from '../components/proxy.ts';
import { firstUnready } from '../components/readiness.ts';
import { openMemory } from './add-on-record.ts';

const codes = { refused: 'CAP-6102', conflict: 'CAP-6104' } as const;

/** An add-on with its manifests as text. */
export type ResolvedAddOn = Pick<AddOnSpec, 'name' | 'namespace' | 'namespaceLabels'> & {
  readonly manifests: readonly string[];
};

/** The layers of add-ons, lowest first; the add-ons of one layer are independent of each other. */
export function addOnLayers(addOns: readonly AddOnSpec[]): readonly (readonly AddOnSpec[])[] {
  const layers = [...new Set(addOns.map((addOn) => addOn.layer))].sort((a, b) => a - b);
  return layers.map((layer) => addOns.filter((addOn) => addOn.layer === layer));
}

/**
 * One bounded step of installing one add-on: its namespace with labels, its objects by server-side apply (fields of
 * other managers are never taken over), then one look at its workloads. Safe to repeat.
 *
 * @param options.plan the cluster's plan; with it the cluster remembers what the add-on brought, for its removal
 * @param options.further objects that belong to the add-on and are applied elsewhere (its chart's)
 * @param options.proxy the cluster's proxy (`proxyEnvironment(plan)`), for workloads that are labelled to use it
 */
export async function installAddOn(
  client: KubernetesClient,
  addOn: ResolvedAddOn,
  options: {
    readonly proxy?: ProxyEnvironment;
    readonly plan?: ClusterPlan;
    readonly further?: readonly ObjectReference[];
  } = {},
): Promise<Outcome<{ readonly objects: number }>> {
  let objects: readonly KubernetesObject[];
  try {
    objects = applyOrder(
      addOn.manifests.flatMap((text, index) => parseManifest(text, `add-on ${addOn.name}, manifest ${index + 1}`)),
    );
  } catch (error) {
    if (error instanceof ManifestError) {
      return failed(registered('CAP-6101', error.where, error.message));
    }
    throw error;
  }
  const placed: KubernetesObject[] = [];
  const memory = options.plan === undefined ? undefined : await openMemory(client, options.plan, addOn);
  for (const object of [namespaceOf(addOn), ...objects]) {
    const key = `add-on ${addOn.name}: ${referenceKey(referenceOf(object))}`;
    try {
      const complete = await connected(client, placed, await place(client, addOn, object), options.proxy ?? {});
      await client.apply(complete);
      placed.push(complete);
    } catch (error) {
      await memory?.add(placed.map(referenceOf));
      return objectOutcome(error, key, object, objects);
    }
  }
  try {
    await memory?.add(placed.map(referenceOf));
    const unready = await firstUnready(client, placed);
    if (unready === undefined) {
      await memory?.settle([...placed.map(referenceOf), ...(options.further ?? [])]);
      return done({ objects: objects.length }, addOn.name);
    }
    const { object, readiness } = unready;
    return readiness.state === 'failed'
      ? failed(registered('CAP-6103', `add-on ${addOn.name}: ${object.kind} ${object.metadata.name}`, readiness.reason))
      : wait(5, { sentence: `${addOn.name}: ${object.kind} ${object.metadata.name} ${readiness.reason}` });
  } catch (error) {
    return errorOutcome(error, `add-on ${addOn.name}`, codes);
  }
}

/** A kind that the cluster does not serve is worth waiting for only when the add-on itself defines it. */
function objectOutcome(
  error: unknown,
  key: string,
  object: KubernetesObject,
  all: readonly KubernetesObject[],
): ReturnType<typeof errorOutcome> {
  const noKind =
    error instanceof KubernetesApiError &&
    (error.reason === 'NoKindMatch' || (error.status === 404 && !error.message.startsWith('namespaces "')));
  const defined = all.some(
    (candidate) =>
      candidate.kind === 'CustomResourceDefinition' && textField(candidate, 'spec', 'names', 'kind') === object.kind,
  );
  return noKind && !defined ? failed(registered('CAP-6102', key, error.message)) : errorOutcome(error, key, codes);
}

function namespaceOf(addOn: ResolvedAddOn): KubernetesObject {
  const labels = addOn.namespaceLabels;
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: Object.keys(labels).length === 0 ? { name: addOn.namespace } : { name: addOn.namespace, labels },
  };
}

/** The object with the proxy's variables when its own label or its namespace's asks for them. */
async function connected(
  client: KubernetesClient,
  applied: readonly KubernetesObject[],
  object: KubernetesObject,
  proxy: ProxyEnvironment,
): Promise<KubernetesObject> {
  const { namespace } = object.metadata;
  if (Object.keys(proxy).length === 0 || namespace === undefined) {
    return object;
  }
  const holder =
    applied.find((candidate) => candidate.kind === 'Namespace' && candidate.metadata.name === namespace) ??
    (await client.get({ apiVersion: 'v1', kind: 'Namespace', name: namespace }));
  return wantsProxy(object, holder?.metadata.labels) ? withProxyEnvironment(object, proxy) : object;
}

/** Namespaced objects without a namespace go into the add-on's. */
async function place(
  client: KubernetesClient,
  addOn: ResolvedAddOn,
  object: KubernetesObject,
): Promise<KubernetesObject> {
  if (
    field(object, 'metadata', 'namespace') !== undefined ||
    !(await client.isNamespaced(object.apiVersion, object.kind))
  ) {
    return object;
  }
  return { ...object, metadata: { ...object.metadata, namespace: addOn.namespace } };
}
