import { ownerReference, referenceKey, referenceOf } from '#domain/cluster-api/object.ts';
import type { KubernetesObject } from '#domain/cluster-api/object.ts';
import { ownershipOf } from '#domain/cluster-api/owners.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import type { KubernetesClient } from '../client/client.ts';

/** What documents of the cluster are written with. */
export interface OwnedContext {
  readonly client: KubernetesClient;
  readonly plan: ClusterPlan;
}

/**
 * Applies a document with the owner it has by Cluster API's table, as far as the owner's uid is known. Fields that
 * Capstan set before and no longer sets vanish; fields of others are taken over, because the document says what they are.
 *
 * @param uids uids of possible owners by `referenceKey`
 */
export async function applyOwned(
  { client, plan }: OwnedContext,
  document: KubernetesObject,
  uids: ReadonlyMap<string, string>,
): Promise<KubernetesObject> {
  const ownership = ownershipOf(plan, referenceOf(document));
  const uid = ownership === undefined ? undefined : uids.get(referenceKey(ownership.owner));
  const owners =
    ownership === undefined || uid === undefined
      ? {}
      : { ownerReferences: [ownerReference(ownership.owner, uid, { controller: ownership.controller })] };
  return client.apply({ ...document, metadata: { ...document.metadata, ...owners } }, { force: true });
}

/** An object's uid under its key, for `applyOwned`. */
export function uidOf(object: KubernetesObject): readonly [string, string] {
  return [referenceKey(referenceOf(object)), object.metadata.uid ?? ''];
}
