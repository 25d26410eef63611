import { createHash } from 'node:crypto';
import type { ApiClient, ApiFailure, KubeObject, OwnerReference } from '../contract.ts';

/** A kind with the TypeScript shape of its objects. `shape` exists for the type checker only. */
export interface Kind<T extends KubeObject = KubeObject> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly shape?: T;
}

/** Names one object of a known kind. */
export interface Key {
  readonly namespace: string;
  readonly name: string;
}

/** JSON without behaviour, as patches carry it. */
export type Json = Record<string, unknown>;

/** Typed access to the in-process API client, with the small write rules that every controller shares. */
export interface Kube {
  get<T extends KubeObject>(kind: Kind<T>, namespace: string, name: string): T | undefined;
  /** Objects of the kind, sorted by namespace and name; an empty list while the kind is not installed. */
  /** `where` is asked before objects are copied: much cheaper than a filter where there are many. */
  list<T extends KubeObject>(
    kind: Kind<T>,
    namespace?: string,
    labelSelector?: string,
    where?: (object: T) => boolean,
  ): T[];
  create<T extends KubeObject>(object: T): T;
  /** Merge patch of the main resource; nothing is sent when nothing would change. */
  patch<T extends KubeObject>(object: T, patch: Json): T;
  /** Merge patch of `status`; nothing is sent when nothing would change. */
  patchStatus<T extends KubeObject>(object: T, status: Json): T;
  update<T extends KubeObject>(object: T): T;
  /** Deletes the object; an absent object is fine. */
  remove(object: KubeObject): void;
  /** Records an Event about the object. */
  event(object: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string): void;
  readonly raw: ApiClient;
}

/** The HTTP status code of an API failure, or 0 for any other error. */
export function failureCode(error: unknown): number {
  const status = (error as Partial<ApiFailure> | undefined)?.status;
  return typeof status?.code === 'number' ? status.code : 0;
}

/** Text of an error without its stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** True when merging `patch` into `target` (RFC 7386) would change it. */
export function wouldChange(target: unknown, patch: unknown): boolean {
  if (!isJson(patch)) return JSON.stringify(target) !== JSON.stringify(patch);
  if (!isJson(target)) return true;
  return Object.entries(patch).some(([name, value]) =>
    value === null ? target[name] !== undefined && target[name] !== null : wouldChange(target[name], value),
  );
}

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Lower-case hexadecimal digest, deterministic, for generated names. */
export function shortHash(text: string, length = 5): string {
  const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
  const digest = createHash('sha256').update(text).digest();
  let name = '';
  for (let index = 0; index < length; index += 1) name += alphabet[(digest[index] ?? 0) % alphabet.length] ?? 'x';
  return name;
}

/** Owner reference to an object that lives in the API. */
export function ownerReference(owner: KubeObject, controller: boolean): OwnerReference {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid ?? '',
    ...(controller ? { controller: true, blockOwnerDeletion: true } : {}),
  };
}

/** The controlling owner of an object. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller === true);
}

/** Patches for metadata.ownerReferences so that `owner` is among them (by uid), or undefined when it is already as wanted. */
export function withOwner(object: KubeObject, owner: KubeObject, controller: boolean): OwnerReference[] | undefined {
  const existing = object.metadata.ownerReferences ?? [];
  const wanted = ownerReference(owner, controller);
  const current = existing.find((reference) => reference.uid === wanted.uid);
  if (current !== undefined && (current.controller ?? false) === controller) return undefined;
  return [...existing.filter((reference) => reference.uid !== wanted.uid && !sameObject(reference, wanted)), wanted];
}

function sameObject(left: OwnerReference, right: OwnerReference): boolean {
  return (
    left.kind === right.kind &&
    left.name === right.name &&
    left.apiVersion.split('/')[0] === right.apiVersion.split('/')[0]
  );
}

export function keyOf(object: KubeObject): Key {
  return { namespace: object.metadata.namespace ?? '', name: object.metadata.name };
}

/** Wraps an in-process API client. */
export function createKube(raw: ApiClient, options: { component: string; now: () => number }): Kube {
  const refOf = (object: KubeObject) => ({
    apiVersion: object.apiVersion,
    kind: object.kind,
    namespace: object.metadata.namespace,
    name: object.metadata.name,
  });
  return {
    raw,
    get: <T extends KubeObject>(kind: Kind<T>, namespace: string, name: string) => {
      try {
        const ref = {
          apiVersion: kind.apiVersion,
          kind: kind.kind,
          namespace: namespace === '' ? undefined : namespace,
          name,
        };
        return raw.get(ref) as T | undefined;
      } catch (error) {
        if (failureCode(error) === 404) return undefined;
        throw error;
      }
    },
    list: <T extends KubeObject>(
      kind: Kind<T>,
      namespace?: string,
      labelSelector?: string,
      where?: (object: T) => boolean,
    ) => listSorted<T>(raw, kind, namespace, labelSelector, where),
    create: <T extends KubeObject>(object: T) => raw.create(object) as T,
    update: <T extends KubeObject>(object: T) => raw.update(object) as T,
    patch: <T extends KubeObject>(object: T, patch: Json) =>
      wouldChange(object, patch) ? (raw.patch(refOf(object), patch) as T) : object,
    patchStatus: <T extends KubeObject>(object: T, status: Json) =>
      wouldChange(object['status'] ?? {}, status) ? (raw.patch(refOf(object), { status }, 'status') as T) : object,
    remove: (object) => {
      try {
        raw.delete(refOf(object));
      } catch (error) {
        if (failureCode(error) !== 404) throw error;
      }
    },
    event: (object, type, reason, message) => recordEvent(raw, options, object, { type, reason, message }),
  };
}

function listSorted<T extends KubeObject>(
  raw: ApiClient,
  kind: Kind<T>,
  namespace?: string,
  labelSelector?: string,
  where?: (object: T) => boolean,
): T[] {
  try {
    const found = raw.list({
      apiVersion: kind.apiVersion,
      kind: kind.kind,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(where === undefined ? {} : { where: (object: KubeObject) => where(object as T) }),
    }) as T[];
    return found.toSorted((left, right) => compareKeys(keyOf(left), keyOf(right)));
  } catch (error) {
    if (failureCode(error) === 404) return [];
    throw error;
  }
}

function compareKeys(left: Key, right: Key): number {
  const a = `${left.namespace}/${left.name}`;
  const b = `${right.namespace}/${right.name}`;
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

interface EventObject extends KubeObject {
  count?: number;
}

/** Same object, reason and message become one Event with a higher count, as client-go's event correlator does. */
function recordEvent(
  raw: ApiClient,
  options: { component: string; now: () => number },
  object: KubeObject,
  what: { type: string; reason: string; message: string },
): void {
  const namespace = object.metadata.namespace ?? 'default';
  const name = `${object.metadata.name}.${shortHash(`${object.metadata.uid ?? ''}${what.reason}${what.message}`, 12)}`;
  const at = new Date(options.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  try {
    const existing: EventObject | undefined = raw.get({ apiVersion: 'v1', kind: 'Event', namespace, name });
    if (existing !== undefined) {
      const patch = { count: (existing.count ?? 1) + 1, lastTimestamp: at };
      raw.patch({ apiVersion: 'v1', kind: 'Event', namespace, name }, patch);
      return;
    }
    raw.create({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace },
      involvedObject: {
        apiVersion: object.apiVersion,
        kind: object.kind,
        name: object.metadata.name,
        namespace: object.metadata.namespace,
        uid: object.metadata.uid,
      },
      ...what,
      source: { component: options.component },
      firstTimestamp: at,
      lastTimestamp: at,
      count: 1,
    });
  } catch {
    // Events are best effort in Kubernetes too: a namespace may be terminating, the API may be down.
  }
}
