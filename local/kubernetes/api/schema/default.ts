import { asObject, clone, isObject, type JsonObject } from '../json.ts';
import { isIntOrString, itemSchema, memberSchema } from './structural.ts';

/**
 * Drops in place every null whose field is not nullable and fills what the schema defaults, as the API server does before
 * validation (Kubernetes documentation, CustomResourceDefinitions, "Defaulting and Nullable").
 */
export function applyDefaults(value: unknown, schema: JsonObject): void {
  if (isIntOrString(schema)) return;
  if (Array.isArray(value)) {
    const items = itemSchema(schema);
    for (const item of value) applyDefaults(item, items);
    return;
  }
  if (!isObject(value)) return;
  const properties = asObject(schema['properties']);
  for (const [name, raw] of Object.entries(properties)) {
    const member = asObject(raw);
    if (value[name] === null && member['nullable'] !== true) delete value[name];
    if (value[name] === undefined && Object.hasOwn(member, 'default')) value[name] = clone(member['default']);
  }
  for (const key of Object.keys(value)) {
    const member = memberSchema(schema, key);
    if (member !== undefined) applyDefaults(value[key], member);
  }
}
