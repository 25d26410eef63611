import { asObject, isObject, type JsonObject } from '../json.ts';
import { isGranularList, isGranularMap, itemElement, type Shape } from './shape.ts';

/**
 * A set of field paths as a tree, the content of one `fieldsV1`. Keys are path elements: `f:name`, `k:{…}`, `v:…`.
 * `member` tells whether the path up to here is in the set itself.
 */
export interface FieldSet {
  member: boolean;
  readonly children: Map<string, FieldSet>;
}

export function emptySet(): FieldSet {
  return { member: false, children: new Map() };
}

export function isEmpty(set: FieldSet): boolean {
  return !set.member && [...set.children.values()].every(isEmpty);
}

/** Reads `fieldsV1`. */
export function parseFieldSet(fields: unknown): FieldSet {
  const set = emptySet();
  for (const [element, below] of Object.entries(asObject(fields))) {
    if (element === '.') {
      set.member = true;
      continue;
    }
    const child = parseFieldSet(below);
    if (Object.keys(asObject(below)).length === 0) child.member = true;
    set.children.set(element, child);
  }
  return set;
}

/** Writes `fieldsV1`; members in sorted order. */
export function formatFieldSet(set: FieldSet): JsonObject {
  const result: JsonObject = {};
  const children = [...set.children.entries()].filter(([, child]) => !isEmpty(child));
  if (set.member && children.length > 0) result['.'] = {};
  for (const [element, child] of children.sort(([a], [b]) => (a < b ? -1 : 1))) result[element] = formatFieldSet(child);
  return result;
}

/** Fields that a value sets under a shape: leaves, items of keyed lists, and empty containers. */
export function fieldsOf(value: unknown, shape: Shape, containers: boolean): FieldSet {
  const set = emptySet();
  if (isGranularMap(value, shape)) {
    const keys = Object.keys(value).filter((key) => value[key] !== undefined);
    set.member = containers || keys.length === 0;
    for (const key of keys) {
      const member = shape.member(key);
      if (member !== undefined) set.children.set(`f:${key}`, fieldsOf(value[key], member, containers));
    }
  } else if (isGranularList(value, shape)) {
    set.member = containers || value.length === 0;
    for (const item of value) {
      const child = shape.listType === 'map' && isObject(item) ? fieldsOf(item, shape.items(), containers) : emptySet();
      child.member = true;
      set.children.set(itemElement(item, shape), child);
    }
  } else {
    set.member = true;
  }
  return set;
}

/** Union of two sets. */
export function union(left: FieldSet, right: FieldSet): FieldSet {
  const result: FieldSet = { member: left.member || right.member, children: new Map(left.children) };
  for (const [element, child] of right.children) {
    const other = left.children.get(element);
    result.children.set(element, other === undefined ? child : union(other, child));
  }
  return result;
}

/** Paths of `left` that are not in `right`. */
export function difference(left: FieldSet, right: FieldSet): FieldSet {
  const result: FieldSet = { member: left.member && !right.member, children: new Map() };
  for (const [element, child] of left.children) {
    const other = right.children.get(element);
    const rest = other === undefined ? child : difference(child, other);
    if (!isEmpty(rest)) result.children.set(element, rest);
  }
  return result;
}

/** Paths that are in both. */
export function intersection(left: FieldSet, right: FieldSet): FieldSet {
  const result: FieldSet = { member: left.member && right.member, children: new Map() };
  for (const [element, child] of left.children) {
    const other = right.children.get(element);
    if (other === undefined) continue;
    const common = intersection(child, other);
    if (!isEmpty(common)) result.children.set(element, common);
  }
  return result;
}

/** Paths of a set in the notation of conflict messages, e.g. `.spec.ports[port=80].name`. */
export function pathsOf(set: FieldSet, prefix = ''): string[] {
  const paths = set.member && prefix !== '' ? [prefix] : [];
  for (const [element, child] of set.children) paths.push(...pathsOf(child, prefix + elementText(element)));
  return paths;
}

function elementText(element: string): string {
  const text = element.slice(2);
  if (element.startsWith('f:')) return `.${text}`;
  if (element.startsWith('v:')) return `[=${text}]`;
  const keys = Object.entries(asObject(JSON.parse(text))).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return `[${keys.join(',')}]`;
}
