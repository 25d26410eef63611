import type { KubeObject } from '../../contract.ts';
import { applyConflict, plainFailure } from '../errors.ts';
import { asArray, asString, clone, equal, isObject, type JsonObject } from '../json.ts';
import { compare, touched, undeclaredPath } from './compare.ts';
import {
  difference,
  type FieldSet,
  fieldsOf,
  formatFieldSet,
  intersection,
  isEmpty,
  parseFieldSet,
  pathsOf,
  union,
} from './field-set.ts';
import { mergeApplied, removeAbandoned } from './merge.ts';
import type { Shape } from './shape.ts';

/** One entry of `metadata.managedFields`. */
interface Manager {
  readonly name: string;
  readonly operation: 'Apply' | 'Update';
  readonly subresource: string;
  readonly apiVersion: string;
  readonly time: string;
  readonly set: FieldSet;
}

/** Who writes, and when (RFC 3339). */
export interface Writer {
  readonly manager: string;
  readonly subresource: string;
  readonly time: string;
}

/** Fields that no manager owns (Kubernetes documentation, "Server-Side Apply", field management). */
const UNTRACKED_METADATA = [
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'selfLink',
  'managedFields',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'generateName',
];

function tracked(object: KubeObject): JsonObject {
  const { apiVersion: _apiVersion, kind: _kind, ...rest } = object;
  const metadata: JsonObject = { ...object.metadata };
  for (const field of UNTRACKED_METADATA) delete metadata[field];
  return { ...rest, metadata };
}

function withoutRoot(set: FieldSet): FieldSet {
  set.member = false;
  const metadata = set.children.get('f:metadata');
  if (metadata !== undefined) metadata.member = false;
  return set;
}

function readManagers(object: KubeObject | undefined): Manager[] {
  return asArray(object?.metadata.managedFields)
    .filter(isObject)
    .map((entry) => ({
      name: asString(entry['manager']) ?? '',
      operation: entry['operation'] === 'Apply' ? 'Apply' : 'Update',
      subresource: asString(entry['subresource']) ?? '',
      apiVersion: asString(entry['apiVersion']) ?? '',
      time: asString(entry['time']) ?? '',
      set: parseFieldSet(entry['fieldsV1']),
    }));
}

function writeManagers(object: KubeObject, managers: readonly Manager[], previous: KubeObject | undefined): void {
  const old = asArray(previous?.metadata.managedFields).filter(isObject);
  const entries = managers
    .filter((manager) => !isEmpty(manager.set))
    .map((manager): JsonObject => {
      const entry: JsonObject = {
        manager: manager.name,
        operation: manager.operation,
        apiVersion: manager.apiVersion,
        fieldsType: 'FieldsV1',
        fieldsV1: formatFieldSet(manager.set),
        ...(manager.subresource === '' ? {} : { subresource: manager.subresource }),
      };
      const same = old.find((candidate) => equal({ ...candidate, time: undefined }, entry));
      return { ...entry, time: same?.['time'] ?? manager.time };
    });
  if (entries.length > 0) object.metadata.managedFields = entries;
  else delete object.metadata.managedFields;
}

function isSame(manager: Manager, writer: Writer, operation: Manager['operation'], apiVersion: string): boolean {
  return (
    manager.name === writer.manager &&
    manager.operation === operation &&
    manager.subresource === writer.subresource &&
    (operation === 'Apply' || manager.apiVersion === apiVersion)
  );
}

/**
 * Records in `next.metadata.managedFields` who owns what after a write that is not an apply: the writer owns what it
 * added or changed, others lose what was changed or removed. An explicit empty list in `next` resets the ownership.
 */
export function trackUpdate(live: KubeObject | undefined, next: KubeObject, shape: Shape, writer: Writer): void {
  const reset = Array.isArray(next.metadata.managedFields) && next.metadata.managedFields.length === 0;
  const source = next.metadata.managedFields === undefined || live === undefined ? live : next;
  const managers = reset ? [] : readManagers(source);
  const comparison = compare(live === undefined ? {} : tracked(live), tracked(next), shape);
  const changed = withoutRoot(comparison.changed);
  const lost = touched(comparison);
  const others = managers.map((manager) => {
    const own = isSame(manager, writer, 'Update', next.apiVersion);
    const kept = difference(manager.set, own ? comparison.removed : lost);
    return own
      ? { ...manager, set: union(kept, changed), time: isEmpty(changed) ? manager.time : writer.time }
      : { ...manager, set: kept };
  });
  if (!others.some((manager) => isSame(manager, writer, 'Update', next.apiVersion)) && !isEmpty(changed)) {
    others.push({
      name: writer.manager,
      operation: 'Update',
      subresource: writer.subresource,
      apiVersion: next.apiVersion,
      time: writer.time,
      set: changed,
    });
  }
  writeManagers(next, reset && live !== undefined ? [] : others, live);
}

/**
 * Server-side apply: merges `applied` into `live`, removes what this manager applied before and gave up, and records the
 * ownership. Throws 409 with one cause per field that another manager owns with another value, unless `force`.
 */
export function apply(
  live: KubeObject | undefined,
  applied: KubeObject,
  shape: Shape,
  writer: Writer,
  force: boolean,
): KubeObject {
  const unknown = undeclaredPath(applied, shape);
  if (unknown !== undefined) {
    const subject = `${applied.metadata.namespace ?? ''}/${applied.metadata.name}; ${applied.apiVersion}, Kind=${applied.kind}`;
    throw plainFailure(
      500,
      '',
      `failed to create typed patch object (${subject}): ${unknown}: field not declared in schema`,
    );
  }
  const managers = readManagers(live);
  const config = withoutRoot(fieldsOf(tracked(applied), shape, false));
  const before = managers.find((manager) => isSame(manager, writer, 'Apply', applied.apiVersion));
  const others = managers.filter((manager) => manager !== before);
  const start: KubeObject = live ?? {
    apiVersion: applied.apiVersion,
    kind: applied.kind,
    metadata: { name: applied.metadata.name },
  };
  const merged = mergeApplied(start, withLiveIdentity(applied, live), shape) as KubeObject;
  if (before !== undefined) {
    const abandoned = difference(before.set, config);
    removeAbandoned(merged, abandoned, [config, ...others.map((manager) => manager.set)], shape);
  }
  const changed = compare(live === undefined ? {} : tracked(live), tracked(merged), shape);
  const contested = intersection(config, changed.changed);
  if (!force) refuseConflicts(others, contested);
  const lost = union(contested, changed.removed);
  const kept = others.map((manager) => ({ ...manager, set: difference(manager.set, lost) }));
  const own: Manager = {
    name: writer.manager,
    operation: 'Apply',
    subresource: writer.subresource,
    apiVersion: applied.apiVersion,
    time: writer.time,
    set: config,
  };
  writeManagers(merged, [...kept, own], live);
  return merged;
}

function withLiveIdentity(applied: KubeObject, live: KubeObject | undefined): KubeObject {
  const copy = clone(applied);
  delete copy.metadata.managedFields;
  if (live !== undefined) {
    for (const field of ['uid', 'creationTimestamp', 'generation'] as const) delete copy.metadata[field];
  }
  return copy;
}

function refuseConflicts(others: readonly Manager[], contested: FieldSet): void {
  const causes = others.flatMap((manager) => {
    const where = manager.subresource === '' ? '' : ` with subresource "${manager.subresource}"`;
    const how = manager.operation === 'Apply' ? '' : ` using ${manager.apiVersion}`;
    const message = `conflict with "${manager.name}"${where}${how}`;
    return pathsOf(intersection(manager.set, contested)).map((field) => ({
      reason: 'FieldManagerConflict',
      message,
      field,
    }));
  });
  if (causes.length > 0) throw applyConflict(causes);
}

/** Takes out of an object the parts that a subresource owns alone: `status` on the main resource, all but it there. */
export function onlySubresource(object: KubeObject, subresource: string): KubeObject {
  if (subresource === 'status') {
    const { apiVersion, kind, metadata, status } = object;
    const { name, namespace, resourceVersion, uid } = metadata;
    const identity = {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(uid === undefined ? {} : { uid }),
    };
    return { apiVersion, kind, metadata: identity, ...(status === undefined ? {} : { status }) };
  }
  const { status: _status, ...rest } = object;
  return { ...rest, apiVersion: object.apiVersion, kind: object.kind, metadata: object.metadata };
}
