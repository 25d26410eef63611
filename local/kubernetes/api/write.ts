import { randomBytes, randomUUID } from 'node:crypto';
import type { KubeObject } from '../contract.ts';
import { trackUpdate, type Writer } from './apply/managers.ts';
import { defaultBuiltIn, initialStatus } from './built-in-defaults.ts';
import { validateBuiltIn } from './built-in-rules.ts';
import { type Core, find, present, shapeOf, timestamp, type WriteContext } from './core.ts';
import { crdStatus } from './crd-status.ts';
import { alreadyExists, badRequest, type Cause, conflict, forbidden, invalid, notFound } from './errors.ts';
import { asStrings, clone, equal, isObject, type JsonObject, textOf } from './json.ts';
import { apiVersionOf, bucketOf, type ResourceKind } from './kinds.ts';
import { validateMetadata } from './names.ts';
import { applyDefaults } from './schema/default.ts';
import { prune } from './schema/prune.ts';
import { validate } from './schema/validate.ts';

/** Turns a request body into an object of the kind. Throws 400 when it names another kind, version or namespace. */
export function decode(kind: ResourceKind, namespace: string, body: unknown): KubeObject {
  if (!isObject(body)) throw badRequest('the object provided is unrecognized (must be of type object)');
  const apiVersion = apiVersionOf(kind);
  /* Typed clients leave these out of built-in kinds; the URL says them. */
  const implied = kind.custom === undefined ? { apiVersion, kind: kind.kind } : {};
  const named = { ...implied, ...body };
  if (named.apiVersion !== apiVersion || named.kind !== kind.kind) {
    const given = `${textOf(body['apiVersion'])}, Kind=${textOf(body['kind'])}`;
    throw badRequest(
      `the API version and kind in the data (${given}) do not match the expected ones (${apiVersion}, Kind=${kind.kind})`,
    );
  }
  const object = clone(named) as unknown as KubeObject;
  if (!isObject(object.metadata)) object.metadata = { name: '' };
  if (typeof object.metadata.name !== 'string') object.metadata.name = '';
  for (const field of ['creationTimestamp', 'labels', 'annotations'] as const) {
    if ((object.metadata as unknown as JsonObject)[field] === null) delete object.metadata[field];
  }
  for (const field of ['labels', 'annotations'] as const) refuseNonStrings(kind, field, object.metadata[field]);
  if (!kind.namespaced) {
    delete object.metadata.namespace;
  } else if ((object.metadata.namespace ?? '') === '') {
    object.metadata.namespace = namespace;
  } else if (object.metadata.namespace !== namespace) {
    throw badRequest(
      `the namespace of the provided object does not match the namespace sent on the request (${object.metadata.namespace} is not ${namespace})`,
    );
  }
  return object;
}

/** Maps of ObjectMeta hold strings only: a YAML number or boolean without quotes is refused, as by the real decoder. */
function refuseNonStrings(kind: ResourceKind, field: string, map: unknown): void {
  if (map === undefined) return;
  const wrong = isObject(map) ? Object.entries(map).find(([, value]) => typeof value !== 'string') : [field, map];
  if (wrong === undefined) return;
  const given = typeof wrong[1] === 'boolean' ? 'bool' : typeof wrong[1];
  throw badRequest(
    `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: json: cannot unmarshal ${given} into Go struct field ObjectMeta.metadata.${field} of type string`,
  );
}

/** Prunes and defaults in place; unknown fields become warnings or, under Strict, a 400. */
export function normalise(kind: ResourceKind, object: KubeObject, context: WriteContext): void {
  if (kind.custom === undefined) {
    defaultBuiltIn(object);
    return;
  }
  if (kind.custom.deprecationWarning !== undefined) context.warnings.push(kind.custom.deprecationWarning);
  const unknown = prune(object, kind.custom.schema).map((path) => `unknown field "${path}"`);
  if (unknown.length > 0 && context.fieldValidation === 'Strict') {
    throw badRequest(
      `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: strict decoding error: ${unknown.join(', ')}`,
    );
  }
  if (context.fieldValidation === 'Warn') context.warnings.push(...unknown);
  applyDefaults(object, kind.custom.schema);
}

function refuseInvalid(
  kind: ResourceKind,
  object: KubeObject,
  live: KubeObject | undefined,
  more: readonly Cause[] = [],
): void {
  const causes = [...validateMetadata(kind, object), ...more];
  if (kind.custom === undefined) causes.push(...validateBuiltIn(object, live));
  else causes.push(...validate(object, kind.custom.schema));
  if (causes.length > 0) throw invalid(kind, object.metadata.name, causes);
}

function writer(core: Core, context: WriteContext, subresource: string): Writer {
  return { manager: context.fieldManager, subresource, time: timestamp(core) };
}

/**
 * Creates an object: generated name, defaults, system metadata, admission, validation, storage. Throws 404 for a missing
 * namespace, 403 for a terminating one, 409 AlreadyExists, 422 Invalid, and what webhooks say.
 */
export function createObject(
  core: Core,
  kind: ResourceKind,
  namespace: string,
  body: unknown,
  context: WriteContext,
): KubeObject {
  const object = decode(kind, namespace, body);
  return insert(core, kind, namespace, object, context, true);
}

/** The second half of a create, also used by server-side apply, which brings its own field ownership. */
export function insert(
  core: Core,
  kind: ResourceKind,
  namespace: string,
  object: KubeObject,
  context: WriteContext,
  track: boolean,
): KubeObject {
  const { metadata } = object;
  if ((metadata.resourceVersion ?? '') !== '')
    throw badRequest('resourceVersion should not be set on objects to be created');
  if (metadata.name === '' && (metadata.generateName ?? '') !== '') {
    metadata.name = `${metadata.generateName}${randomSuffix()}`;
  }
  if (kind.namespaced) requireNamespace(core, kind, namespace, metadata.name);
  if (find(core, kind, namespace, metadata.name) !== undefined) throw alreadyExists(kind, metadata.name);
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  normalise(kind, object, context);
  metadata.uid = randomUUID();
  metadata.creationTimestamp = timestamp(core);
  if (kind.hasGeneration) metadata.generation = 1;
  else delete metadata.generation;
  startStatus(core, kind, object);
  if (track) trackUpdate(undefined, object, shapeOf(kind), writer(core, context, ''));
  const request = {
    kind,
    subresource: '',
    operation: 'CREATE' as const,
    object,
    oldObject: undefined,
    dryRun: context.dryRun,
  };
  const admitted = core.admission.mutate(request);
  keepIdentity(admitted, object);
  normalise(kind, admitted, { ...context, fieldValidation: 'Ignore', warnings: [] });
  refuseInvalid(kind, admitted, undefined);
  core.admission.validate({ ...request, object: admitted });
  return context.dryRun ? admitted : save(core, kind, admitted);
}

const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

function randomSuffix(): string {
  return [...randomBytes(5)].map((byte) => ALPHABET[byte % ALPHABET.length]).join('');
}

function startStatus(core: Core, kind: ResourceKind, object: KubeObject): void {
  if (kind.group === 'apiextensions.k8s.io') {
    object['status'] = crdStatus(object, undefined, timestamp(core));
    object.metadata.finalizers = [...new Set([...(object.metadata.finalizers ?? []), CRD_FINALIZER])];
  } else if (kind.hasStatus && kind.kind !== 'Node') {
    const status = kind.custom === undefined ? initialStatus(kind.kind) : undefined;
    if (status === undefined) delete object['status'];
    else object['status'] = clone(status);
  }
}

/** Finalizer that keeps a CustomResourceDefinition until its objects are gone. */
export const CRD_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';

function requireNamespace(core: Core, kind: ResourceKind, namespace: string, name: string): void {
  const holder = core.store.get('/namespaces', '', namespace);
  if (holder === undefined) throw notFound({ group: '', plural: 'namespaces', kind: 'Namespace' }, namespace);
  if (holder.metadata.deletionTimestamp !== undefined) {
    throw forbidden(
      kind,
      name,
      `unable to create new content in namespace ${namespace} because it is being terminated`,
    );
  }
}

function keepIdentity(object: KubeObject, from: KubeObject): void {
  object.apiVersion = from.apiVersion;
  object.kind = from.kind;
  const { name, namespace, uid, creationTimestamp, generation, managedFields, resourceVersion } = from.metadata;
  const fixed = { name, namespace, uid, creationTimestamp, generation, managedFields, resourceVersion };
  Object.assign(object.metadata, Object.fromEntries(Object.entries(fixed).filter(([, value]) => value !== undefined)));
}

function save(core: Core, kind: ResourceKind, object: KubeObject): KubeObject {
  const stored: KubeObject = {
    ...object,
    apiVersion: apiVersionOf({ group: kind.group, version: kind.storageVersion }),
    metadata: { ...object.metadata },
  };
  return present(kind, core.store.put(bucketOf(kind), stored));
}

/** How an update is made from the live object. */
export interface UpdateRequest {
  readonly namespace: string;
  readonly name: string;
  readonly subresource: '' | 'status';
  /** The wanted object in the request's version, made from the live one; may be partly filled in metadata. */
  readonly change: (live: KubeObject) => KubeObject;
  /** Field ownership is already recorded in the wanted object (server-side apply). */
  readonly applied?: boolean;
  /** A full replacement has to name the resourceVersion where the kind asks for it. */
  readonly replace?: boolean;
}

/**
 * Updates an object: preconditions, subresource isolation, defaults, generation, admission, validation, storage; removes
 * it when it was waiting for its last finalizer. An update without effect is not written.
 * Throws 404, 409 Conflict, 422 Invalid, and what webhooks say.
 */
export function updateObject(
  core: Core,
  kind: ResourceKind,
  request: UpdateRequest,
  context: WriteContext,
): KubeObject {
  const live = find(core, kind, request.namespace, request.name);
  if (live === undefined) throw notFound(kind, request.name);
  const wanted = request.change(live);
  checkPreconditions(kind, live, wanted, request);
  const next = isolate(kind, live, wanted, request.subresource);
  carryMetadata(live, next);
  normalise(kind, next, context);
  if (kind.group === 'apiextensions.k8s.io') next['status'] = crdStatus(next, live, timestamp(core));
  refuseNewFinalizers(kind, live, next);
  setGeneration(kind, live, next);
  if (request.applied !== true) trackUpdate(live, next, shapeOf(kind), writer(core, context, request.subresource));
  const review = {
    kind,
    subresource: request.subresource,
    operation: 'UPDATE' as const,
    object: next,
    oldObject: live,
    dryRun: context.dryRun,
  };
  const admitted = core.admission.mutate(review);
  keepIdentity(admitted, next);
  normalise(kind, admitted, { ...context, fieldValidation: 'Ignore', warnings: [] });
  setGeneration(kind, live, admitted);
  refuseInvalid(kind, admitted, live);
  core.admission.validate({ ...review, object: admitted });
  if (equal(admitted, live)) return live;
  if (context.dryRun) return admitted;
  if (isFinished(kind, admitted)) return present(kind, core.store.remove(bucketOf(kind), admitted));
  return save(core, kind, admitted);
}

/** Whether nothing keeps a deleted object any longer. */
export function isFinished(kind: ResourceKind, object: KubeObject): boolean {
  if (object.metadata.deletionTimestamp === undefined || (object.metadata.finalizers ?? []).length > 0) return false;
  const spec = object['spec'];
  return (
    !(kind.group === '' && kind.kind === 'Namespace') || !isObject(spec) || asStrings(spec['finalizers']).length === 0
  );
}

function checkPreconditions(kind: ResourceKind, live: KubeObject, wanted: KubeObject, request: UpdateRequest): void {
  const { metadata } = wanted;
  if (metadata.name !== live.metadata.name) {
    throw badRequest(
      `the name of the object (${metadata.name}) does not match the name on the URL (${live.metadata.name})`,
    );
  }
  if (metadata.uid !== undefined && metadata.uid !== live.metadata.uid) {
    throw conflict(
      kind,
      metadata.name,
      `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${live.metadata.uid ?? ''}`,
    );
  }
  const version = metadata.resourceVersion ?? '';
  if (version === '' && request.replace === true && kind.custom !== undefined) {
    throw invalid(kind, metadata.name, [
      {
        reason: 'FieldValueInvalid',
        message: 'Invalid value: 0x0: must be specified for an update',
        field: 'metadata.resourceVersion',
      },
    ]);
  }
  if (version !== '' && version !== live.metadata.resourceVersion) {
    throw conflict(
      kind,
      metadata.name,
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  }
}

/** Main resource: status stays. Status subresource: everything but status (and the field ownership) stays. */
function isolate(kind: ResourceKind, live: KubeObject, wanted: KubeObject, subresource: '' | 'status'): KubeObject {
  if (!kind.hasStatus) return clone(wanted);
  const base = clone(subresource === 'status' ? live : wanted);
  const status = clone(subresource === 'status' ? wanted['status'] : live['status']);
  if (status === undefined) delete base['status'];
  else base['status'] = status;
  if (subresource === 'status') {
    if (wanted.metadata.managedFields === undefined) delete base.metadata.managedFields;
    else base.metadata.managedFields = clone(wanted.metadata.managedFields);
  }
  return base;
}

/** Metadata that a write never changes. */
const FIXED = [
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'generation',
  'namespace',
  'generateName',
  'resourceVersion',
] as const;

function carryMetadata(live: KubeObject, next: KubeObject): void {
  const metadata = next.metadata as unknown as JsonObject;
  for (const key of FIXED) {
    const value = live.metadata[key];
    if (value === undefined) delete metadata[key];
    else metadata[key] = value;
  }
  for (const list of ['finalizers', 'ownerReferences'])
    if (Array.isArray(metadata[list]) && metadata[list].length === 0) delete metadata[list];
}

function refuseNewFinalizers(kind: ResourceKind, live: KubeObject, next: KubeObject): void {
  if (live.metadata.deletionTimestamp === undefined) return;
  const added = (next.metadata.finalizers ?? []).filter(
    (finalizer) => !(live.metadata.finalizers ?? []).includes(finalizer),
  );
  if (added.length === 0) return;
  const list = added.map((finalizer) => JSON.stringify(finalizer)).join(', ');
  const message = `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`;
  throw invalid(kind, live.metadata.name, [{ reason: 'FieldValueForbidden', message, field: 'metadata.finalizers' }]);
}

function setGeneration(kind: ResourceKind, live: KubeObject, next: KubeObject): void {
  if (!kind.hasGeneration) return;
  const relevant = (object: KubeObject): JsonObject => {
    const { apiVersion: _a, kind: _k, metadata, status: _s, ...rest } = object;
    /* Deployments count changed annotations too (Kubernetes source, registry/apps/deployment strategy). */
    if (kind.group === 'apps' && kind.kind === 'Deployment') return { ...rest, annotations: metadata.annotations };
    return kind.hasStatus || kind.custom === undefined ? rest : { ...rest, status: object['status'] };
  };
  const before = live.metadata.generation ?? 1;
  next.metadata.generation = equal(relevant(live), relevant(next)) ? before : before + 1;
}
