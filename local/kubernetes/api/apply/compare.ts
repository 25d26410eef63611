import { equal, isObject } from '../json.ts';
import { emptySet, type FieldSet, fieldsOf, isEmpty, union } from './field-set.ts';
import { isGranularList, isGranularMap, itemElement, type Shape } from './shape.ts';

/** Difference between two states of one object as sets of field paths. */
export interface Comparison {
  /** Added or changed. */
  readonly changed: FieldSet;
  readonly removed: FieldSet;
}

/** Compares two values under a shape; atomic parts count as one field. */
export function compare(before: unknown, after: unknown, shape: Shape): Comparison {
  if (before === undefined && after === undefined) return { changed: emptySet(), removed: emptySet() };
  if (before === undefined) return { changed: fieldsOf(after, shape, true), removed: emptySet() };
  if (after === undefined) return { changed: emptySet(), removed: fieldsOf(before, shape, true) };
  if (isGranularMap(before, shape) && isGranularMap(after, shape)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return compareChildren([...keys].map((key) => [`f:${key}`, before[key], after[key], shape.member(key)] as const));
  }
  if (isGranularList(before, shape) && isGranularList(after, shape)) return compareLists(before, after, shape);
  if (equal(before, after)) return { changed: emptySet(), removed: emptySet() };
  const changed = fieldsOf(after, shape, true);
  changed.member = true;
  return { changed, removed: emptySet() };
}

function compareLists(before: readonly unknown[], after: readonly unknown[], shape: Shape): Comparison {
  const old = new Map(before.map((item) => [itemElement(item, shape), item]));
  const current = new Map(after.map((item) => [itemElement(item, shape), item]));
  const items = shape.items();
  return compareChildren(
    [...new Set([...old.keys(), ...current.keys()])].map(
      (element) => [element, old.get(element), current.get(element), items] as const,
    ),
  );
}

function compareChildren(
  children: readonly (readonly [element: string, before: unknown, after: unknown, shape: Shape | undefined])[],
): Comparison {
  const changed = emptySet();
  const removed = emptySet();
  for (const [element, before, after, shape] of children) {
    if (shape === undefined) continue;
    const below = compare(before, after, shape);
    if (!isEmpty(below.changed)) changed.children.set(element, below.changed);
    if (!isEmpty(below.removed)) removed.children.set(element, below.removed);
  }
  return { changed, removed };
}

/** Both sets of a comparison together. */
export function touched(comparison: Comparison): FieldSet {
  return union(comparison.changed, comparison.removed);
}

/** First declared path of a value that the shape does not know, e.g. `.spec.foo`; `undefined` when there is none. */
export function undeclaredPath(value: unknown, shape: Shape, path = ''): string | undefined {
  if (isObject(value)) {
    for (const [key, item] of Object.entries(value)) {
      const member = shape.member(key);
      const found = member === undefined ? `${path}.${key}` : undeclaredPath(item, member, `${path}.${key}`);
      if (found !== undefined) return found;
    }
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const found = undeclaredPath(item, shape.items(), `${path}[${index}]`);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}
