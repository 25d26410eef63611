import { namespaceOf, wellKnown } from '#domain/cluster-api/names.ts';
import { referenceOf } from '#domain/cluster-api/object.ts';
import type { KubernetesObject } from '#domain/cluster-api/object.ts';
import { fingerprintOf, renamed } from '#domain/cluster-api/templates.ts';
import type { OwnedContext } from './owned.ts';
import { applyOwned } from './owned.ts';

/**
 * Finds or makes the template with this content and returns it. A template that machines were made from is never
 * changed in what they would have to be replaced for; what may change without that (labels and taints of nodes) is put
 * into the template in use.
 *
 * @param document the template under its first name
 * @param uids uids of possible owners
 */
export async function ensureTemplate(
  context: OwnedContext,
  document: KubernetesObject,
  uids: ReadonlyMap<string, string>,
): Promise<KubernetesObject> {
  const first = await context.client.get(referenceOf(document));
  const usable = first === undefined || isSame(first, document);
  return applyOwned(context, usable ? document : renamed(document), uids);
}

/** Deletes templates that were made for `owner` and are no longer in use; the first one stays. */
export async function pruneTemplates(
  { client, plan }: OwnedContext,
  owner: string,
  kind: Pick<KubernetesObject, 'apiVersion' | 'kind'>,
  keep: readonly string[],
): Promise<void> {
  const made = await client.list({
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    namespace: namespaceOf(plan),
    labelSelector: `${wellKnown.templateFor}=${owner}`,
  });
  for (const template of made) {
    const { name } = template.metadata;
    if (!keep.includes(name) && template.metadata.annotations?.[wellKnown.fingerprint] !== undefined)
      await client.delete(referenceOf({ ...template, apiVersion: kind.apiVersion, kind: kind.kind }));
  }
}

/** A template without a fingerprint was made by somebody else, or had it removed: its content tells. */
function isSame(existing: KubernetesObject, wanted: KubernetesObject): boolean {
  return (existing.metadata.annotations?.[wellKnown.fingerprint] ?? fingerprintOf(existing)) === fingerprintOf(wanted);
}
