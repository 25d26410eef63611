import type { KubeObject } from '../contract.ts';
import { type Core, find, present, timestamp, type WriteContext } from './core.ts';
import { conflict, forbidden, notFound } from './errors.ts';
import { asObject, clone } from './json.ts';
import { bucketOf, type ResourceKind } from './kinds.ts';
import { isFinished } from './write.ts';

/** DeleteOptions as far as they are honoured. */
export interface DeleteRequest {
  readonly namespace: string;
  readonly name: string;
  readonly propagationPolicy?: string | undefined;
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

/** What a DELETE did: `removed` is false while finalizers keep the object. */
export interface DeleteResult {
  readonly object: KubeObject;
  readonly removed: boolean;
}

const PROTECTED_NAMESPACES: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

/**
 * Deletes an object, or marks it when finalizers, a foreground or orphan policy, or the content of a namespace keep it.
 * Throws 404, 403 for a protected namespace, 409 when a precondition fails, and what webhooks say.
 */
export function deleteObject(
  core: Core,
  kind: ResourceKind,
  request: DeleteRequest,
  context: WriteContext,
): DeleteResult {
  const live = find(core, kind, request.namespace, request.name);
  if (live === undefined) throw notFound(kind, request.name);
  checkPreconditions(kind, live, request);
  const isNamespace = kind.group === '' && kind.kind === 'Namespace';
  if (isNamespace && PROTECTED_NAMESPACES.has(request.name))
    throw forbidden(kind, request.name, 'this namespace may not be deleted');
  core.admission.validate({
    kind,
    subresource: '',
    operation: 'DELETE',
    object: live,
    oldObject: live,
    dryRun: context.dryRun,
  });
  const marked = mark(core, kind, live, request.propagationPolicy);
  if (isFinished(kind, marked)) {
    return { object: context.dryRun ? marked : present(kind, core.store.remove(bucketOf(kind), live)), removed: true };
  }
  if (context.dryRun || live.metadata.deletionTimestamp !== undefined) return { object: live, removed: false };
  const stored: KubeObject = { ...marked, apiVersion: storedVersion(core, kind, live) };
  return { object: present(kind, core.store.put(bucketOf(kind), stored)), removed: false };
}

function storedVersion(core: Core, kind: ResourceKind, live: KubeObject): string {
  return (
    core.store.get(bucketOf(kind), live.metadata.namespace ?? '', live.metadata.name)?.apiVersion ?? live.apiVersion
  );
}

function checkPreconditions(kind: ResourceKind, live: KubeObject, request: DeleteRequest): void {
  const { uid, resourceVersion } = live.metadata;
  if (request.uid !== undefined && request.uid !== uid) {
    throw conflict(
      kind,
      request.name,
      `Precondition failed: UID in precondition: ${request.uid}, UID in object meta: ${uid ?? ''}`,
    );
  }
  if (request.resourceVersion !== undefined && request.resourceVersion !== resourceVersion) {
    throw conflict(
      kind,
      request.name,
      `Precondition failed: ResourceVersion in precondition: ${request.resourceVersion}, ResourceVersion in object meta: ${resourceVersion ?? ''}`,
    );
  }
}

function mark(core: Core, kind: ResourceKind, live: KubeObject, policy: string | undefined): KubeObject {
  const marked = clone(live);
  const { metadata } = marked;
  if (metadata.deletionTimestamp === undefined) {
    metadata.deletionTimestamp = timestamp(core);
    metadata.deletionGracePeriodSeconds = 0;
    if (metadata.generation !== undefined) metadata.generation += 1;
  }
  const extra = policy === 'Foreground' ? ['foregroundDeletion'] : policy === 'Orphan' ? ['orphan'] : [];
  const finalizers = [...new Set([...(metadata.finalizers ?? []), ...extra])];
  if (finalizers.length > 0) metadata.finalizers = finalizers;
  if (kind.group === '' && kind.kind === 'Namespace')
    marked['status'] = { ...asObject(marked['status']), phase: 'Terminating' };
  return marked;
}
