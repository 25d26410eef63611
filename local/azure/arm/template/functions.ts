import { createHash } from 'node:crypto';
import { isObject, type Json, type JsonObject } from '../engine/json.ts';
import { invalidTemplate } from './expression.ts';

type Pure = (...values: readonly Json[]) => Json;

function fail(message: string): never {
  throw invalidTemplate(message);
}

function text(value: Json | undefined): string {
  if (typeof value === 'string') return value;
  return fail(`a string is expected, got ${JSON.stringify(value ?? null)}`);
}

function whole(value: Json | undefined): number {
  if (typeof value === 'number') return value;
  return fail(`an integer is expected, got ${JSON.stringify(value ?? null)}`);
}

function listOf(value: Json | undefined): readonly Json[] {
  if (Array.isArray(value)) return value as readonly Json[];
  return fail(`an array is expected, got ${JSON.stringify(value ?? null)}`);
}

function same(a: Json | undefined, b: Json | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function shown(value: Json | undefined): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return JSON.stringify(value ?? null);
}

function concat(...values: readonly Json[]): Json {
  return Array.isArray(values[0])
    ? values.flatMap((value) => listOf(value))
    : values.map((value) => (isObject(value) ? fail('concat takes strings or arrays') : shown(value))).join('');
}

function format(pattern: Json | undefined, ...values: readonly Json[]): string {
  return text(pattern).replaceAll(/\{(\d+)(?::[^}]*)?\}/gu, (_, index: string) => shown(values[Number(index)]));
}

function lengthOf(value: Json | undefined): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length;
  return isObject(value) ? Object.keys(value).length : fail('length takes a string, an array or an object');
}

function isEmpty(value: Json | undefined): boolean {
  return value === null || value === undefined || lengthOf(value) === 0;
}

function has(container: Json | undefined, item: Json | undefined): boolean {
  if (typeof container === 'string') return container.includes(shown(item));
  if (isObject(container)) return Object.keys(container).some((key) => key.toLowerCase() === text(item).toLowerCase());
  return listOf(container).some((entry) => same(entry, item));
}

function part(value: Json | undefined, from: number, to?: number): Json {
  return typeof value === 'string' ? value.slice(from, to) : listOf(value).slice(from, to);
}

function substring(value: Json | undefined, start: Json | undefined, length: Json | undefined): string {
  const [source, from] = [text(value), whole(start)];
  const count = length === undefined ? source.length - from : whole(length);
  if (from < 0 || count < 0 || from + count > source.length)
    fail('the index and length of substring must lie within the string');
  return source.slice(from, from + count);
}

function merged(a: Json | undefined, b: Json | undefined): Json {
  if (Array.isArray(a)) {
    const all = [...listOf(a), ...listOf(b)];
    return all.filter((item, index) => all.findIndex((other) => same(other, item)) === index);
  }
  if (!isObject(a) || !isObject(b)) return b ?? null;
  const entries = Object.entries(b).map(([name, value]) => [
    name,
    isObject(value) && isObject(a[name]) ? merged(a[name], value) : value,
  ]);
  return { ...a, ...(Object.fromEntries(entries) as JsonObject) };
}

function object(...values: readonly Json[]): JsonObject {
  const entries: [string, Json][] = [];
  for (let index = 0; index < values.length; index += 2) entries.push([text(values[index]), values[index + 1] ?? null]);
  return Object.fromEntries(entries);
}

function parseJson(value: Json | undefined): Json {
  try {
    return JSON.parse(text(value)) as Json;
  } catch {
    return fail('the argument of json is not JSON');
  }
}

function integer(value: Json | undefined): number {
  const result = Number(value);
  return Number.isInteger(result) ? result : fail(`int cannot convert ${JSON.stringify(value ?? null)}`);
}

function ordered(a: Json | undefined, b: Json | undefined): number {
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : Number(a > b);
  return whole(a) - whole(b);
}

/** Name-based uuid (RFC 4122, version 5) in the name space of the deployment engine. */
function guid(...values: readonly Json[]): string {
  const space = Buffer.from('11fb06fb712d4ddd98c7e71bbd588830', 'hex');
  const hash = createHash('sha1').update(space).update(values.map(shown).join('-')).digest();
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x50;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  const hex = hash.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}

/** Thirteen letters and digits that depend on the arguments alone. Azure's own hash is not published: the values differ. */
function uniqueString(...values: readonly Json[]): string {
  const hash = createHash('sha256').update(values.map(shown).join('-')).digest();
  const letters = 'abcdefghijklmnopqrstuvwxyz234567';
  return [...hash.subarray(0, 13)].map((byte) => letters[byte % 32]).join('');
}

function flag(value: Json | undefined): boolean {
  if (typeof value === 'boolean') return value;
  return fail(`a boolean is expected, got ${JSON.stringify(value ?? null)}`);
}

function split(value: Json | undefined, by: Json | undefined): Json {
  const marks = typeof by === 'string' ? [by] : listOf(by).map(text);
  return marks.reduce<string[]>((parts, mark) => parts.flatMap((item) => item.split(mark)), [text(value)]);
}

/** Functions of the template language that depend on their arguments alone, by lower-case name. */
export const PURE_FUNCTIONS: Readonly<Record<string, Pure>> = {
  concat,
  format,
  tolower: (value) => text(value).toLowerCase(),
  toupper: (value) => text(value).toUpperCase(),
  trim: (value) => text(value).trim(),
  replace: (value, from, to) => text(value).replaceAll(text(from), text(to)),
  split,
  join: (values, by) => listOf(values).map(shown).join(text(by)),
  substring,
  startswith: (value, start) => text(value).toLowerCase().startsWith(text(start).toLowerCase()),
  endswith: (value, end) => text(value).toLowerCase().endsWith(text(end).toLowerCase()),
  indexof: (value, item) =>
    typeof value === 'string'
      ? value.toLowerCase().indexOf(text(item).toLowerCase())
      : listOf(value).findIndex((entry) => same(entry, item)),
  padleft: (value, width, fill) => shown(value).padStart(whole(width), fill === undefined ? ' ' : text(fill)),
  length: lengthOf,
  empty: isEmpty,
  contains: has,
  first: (value) => (typeof value === 'string' ? value.slice(0, 1) : (listOf(value)[0] ?? null)),
  last: (value) => (typeof value === 'string' ? value.slice(-1) : (listOf(value).at(-1) ?? null)),
  take: (value, count) => part(value, 0, whole(count)),
  skip: (value, count) => part(value, whole(count)),
  union: (first, ...rest) => rest.reduce<Json>((all, item) => merged(all, item), first ?? null),
  intersection: (first, ...rest) => listOf(first).filter((item) => rest.every((other) => has(other, item))),
  createarray: (...values) => [...values],
  createobject: object,
  array: (value) => (Array.isArray(value) ? value : [value ?? null]),
  range: (start, count) => Array.from({ length: whole(count) }, (_, index) => whole(start) + index),
  string: shown,
  int: integer,
  bool: (value) => (typeof value === 'string' ? value.toLowerCase() === 'true' : Boolean(value)),
  json: parseJson,
  base64: (value) => Buffer.from(text(value)).toString('base64'),
  base64tostring: (value) => Buffer.from(text(value), 'base64').toString('utf8'),
  uricomponent: (value) => encodeURIComponent(text(value)),
  uri: (base, path) => (URL.canParse(text(path), text(base)) ? new URL(text(path), text(base)).href : fail('bad uri')),
  equals: (a, b) => (typeof a === 'string' && typeof b === 'string' ? a.toLowerCase() === b.toLowerCase() : same(a, b)),
  not: (value) => !flag(value),
  coalesce: (...values) => values.find((value) => value !== null) ?? null,
  null: () => null,
  true: () => true,
  false: () => false,
  less: (a, b) => ordered(a, b) < 0,
  lessorequals: (a, b) => ordered(a, b) <= 0,
  greater: (a, b) => ordered(a, b) > 0,
  greaterorequals: (a, b) => ordered(a, b) >= 0,
  add: (a, b) => whole(a) + whole(b),
  sub: (a, b) => whole(a) - whole(b),
  mul: (a, b) => whole(a) * whole(b),
  div: (a, b) => (whole(b) === 0 ? fail('division by zero') : Math.trunc(whole(a) / whole(b))),
  mod: (a, b) => (whole(b) === 0 ? fail('division by zero') : whole(a) % whole(b)),
  min: (...values) =>
    Math.min(...values.flatMap((value) => (Array.isArray(value) ? listOf(value) : [value])).map(whole)),
  max: (...values) =>
    Math.max(...values.flatMap((value) => (Array.isArray(value) ? listOf(value) : [value])).map(whole)),
  guid,
  uniquestring: uniqueString,
};
