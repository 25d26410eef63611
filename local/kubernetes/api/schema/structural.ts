import { asObject, isObject, type JsonObject } from '../json.ts';

/** Whether unknown members below this schema are kept (x-kubernetes-preserve-unknown-fields). */
export function preservesUnknown(schema: JsonObject): boolean {
  return schema['x-kubernetes-preserve-unknown-fields'] === true;
}

/** Whether an integer or a string is allowed (x-kubernetes-int-or-string). */
export function isIntOrString(schema: JsonObject): boolean {
  return schema['x-kubernetes-int-or-string'] === true;
}

/** Whether the value is a whole object with its own apiVersion, kind and metadata (x-kubernetes-embedded-resource). */
export function isEmbeddedResource(schema: JsonObject): boolean {
  return schema['x-kubernetes-embedded-resource'] === true;
}

/** Schema of a named member; `undefined` when the schema does not declare it. */
export function memberSchema(schema: JsonObject, name: string): JsonObject | undefined {
  const properties = asObject(schema['properties']);
  if (Object.hasOwn(properties, name)) return asObject(properties[name]);
  const additional = schema['additionalProperties'];
  if (isObject(additional)) return additional;
  if (additional === true) return { 'x-kubernetes-preserve-unknown-fields': true };
  return undefined;
}

/** Schema of the items of an array. */
export function itemSchema(schema: JsonObject): JsonObject {
  return asObject(schema['items']);
}

/** Members of ObjectMeta (Kubernetes API reference, ObjectMeta); anything else in metadata is unknown. */
export const OBJECT_META_FIELDS: ReadonlySet<string> = new Set([
  'name',
  'generateName',
  'namespace',
  'selfLink',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'labels',
  'annotations',
  'ownerReferences',
  'finalizers',
  'managedFields',
]);
