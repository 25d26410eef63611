/** Reading and comparing JSON documents whose shape is only known from recordings. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** The value as an object, empty when it is none. */
export function object(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

/** The value as a list, empty when it is none. */
export function list(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}

/** The value as text: strings as they are, everything else as JSON. */
export function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null);
}

/** Applies `change` to every value, inner ones first; undefined leaves the member out. */
export function mapJson(
  value: Json,
  change: (value: Json, key: string | undefined) => Json | undefined,
  key?: string,
): Json | undefined {
  let inner: Json = value;
  if (Array.isArray(value)) inner = value.flatMap((item) => mapJson(item, change) ?? []);
  else if (typeof value === 'object' && value !== null) {
    const members: JsonObject = {};
    for (const [name, member] of Object.entries(value)) {
      const changed = mapJson(member, change, name);
      if (changed !== undefined) members[name] = changed;
    }
    inner = members;
  }
  return change(inner, key);
}

/** JSON text with the members of objects in the order of their names. */
export function canonical(value: Json | undefined): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const names = Object.keys(value).sort();
    return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'undefined';
}

/** A list without order: every item as canonical text, sorted. */
export function bag(items: readonly Json[]): Json {
  return items.map((item) => canonical(item)).sort();
}

function shorten(value: Json | undefined): string {
  const full = value === undefined ? '(absent)' : canonical(value);
  return full.length > 300 ? `${full.slice(0, 300)}… (${full.length} characters)` : full;
}

/** Where two values differ: one line per place, `path: recorded … here …`. */
export function differences(recorded: Json | undefined, here: Json | undefined, path = ''): string[] {
  if (Array.isArray(recorded) && Array.isArray(here) && recorded.length === here.length)
    return recorded.flatMap((item, index) => differences(item, here[index], `${path}[${index}]`));
  if (isPlain(recorded) && isPlain(here)) {
    const names = [...new Set([...Object.keys(recorded), ...Object.keys(here)])].sort();
    return names.flatMap((name) => differences(recorded[name], here[name], path === '' ? name : `${path}.${name}`));
  }
  if (canonical(recorded) === canonical(here)) return [];
  return [`${path || 'value'}: recorded ${shorten(recorded)} here ${shorten(here)}`];
}

function isPlain(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
