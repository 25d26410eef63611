import { asObject, isObject, type JsonObject } from '../json.ts';
import {
  isEmbeddedResource,
  isIntOrString,
  itemSchema,
  memberSchema,
  OBJECT_META_FIELDS,
  preservesUnknown,
} from './structural.ts';

/**
 * Removes in place what a structural schema does not declare, at any depth, and returns the removed paths in the
 * notation of the API server (`spec.foo`, `spec.list[0].bar`). Source of the rules: Kubernetes documentation, "Extend
 * the Kubernetes API with CustomResourceDefinitions", field pruning.
 */
export function prune(object: JsonObject, schema: JsonObject): string[] {
  const removed: string[] = [];
  pruneResource(object, schema, '', removed);
  return removed;
}

function pruneResource(object: JsonObject, schema: JsonObject, path: string, removed: string[]): void {
  const metadata = object['metadata'];
  if (isObject(metadata)) {
    for (const key of Object.keys(metadata)) {
      if (OBJECT_META_FIELDS.has(key)) continue;
      delete metadata[key];
      removed.push(join(join(path, 'metadata'), key));
    }
  }
  pruneMembers(object, schema, path, removed, new Set(['apiVersion', 'kind', 'metadata']));
}

function pruneMembers(
  object: JsonObject,
  schema: JsonObject,
  path: string,
  removed: string[],
  exempt: ReadonlySet<string>,
): void {
  for (const key of Object.keys(object)) {
    if (exempt.has(key)) continue;
    const member = memberSchema(schema, key);
    if (member === undefined) {
      if (preservesUnknown(schema)) continue;
      delete object[key];
      removed.push(join(path, key));
      continue;
    }
    pruneValue(object[key], member, join(path, key), removed);
  }
}

function pruneValue(value: unknown, schema: JsonObject, path: string, removed: string[]): void {
  if (isIntOrString(schema)) return;
  if (Array.isArray(value)) {
    const items = itemSchema(schema);
    value.forEach((item, index) => pruneValue(item, items, `${path}[${index}]`, removed));
    return;
  }
  if (!isObject(value)) return;
  if (isEmbeddedResource(schema)) pruneResource(value, schema, path, removed);
  else pruneMembers(value, asObject(schema), path, removed, NOTHING);
}

const NOTHING: ReadonlySet<string> = new Set();

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}
