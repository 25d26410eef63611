/** JSON as it travels over the wire of Azure Resource Manager. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/** A JSON object; absent properties read as undefined. */
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** A JSON object under construction. */
export type MutableJsonObject = { [key: string]: Json | undefined };

/** True for a JSON object (no array, no null). */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value as an object; anything else reads as an empty one. */
export function object(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}

/** The value as a list; anything else reads as an empty one. */
export function list(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}

/** The elements of a list that are objects. */
export function objects(value: Json | undefined): readonly JsonObject[] {
  return list(value).filter(isObject);
}

/** The elements of a list that are strings. */
export function strings(value: Json | undefined): readonly string[] {
  return list(value).filter((item): item is string => typeof item === 'string');
}

/** The value as text, undefined when it is none. */
export function text(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** The value as a number, undefined when it is none. */
export function number(value: Json | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

/** The `id` of a reference such as `{ "id": "/subscriptions/..." }`. */
export function idOf(value: Json | undefined): string | undefined {
  return text(object(value)['id']);
}

/** Reads a nested value: `at(body, 'properties', 'osProfile')`. */
export function at(value: Json | undefined, ...path: readonly string[]): Json | undefined {
  let current: Json | undefined = value;
  for (const key of path) current = object(current)[key];
  return current;
}

/** The entries whose value is neither null nor undefined: ARM treats null as absent. */
export function withoutNulls(value: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== null && item !== undefined));
}
