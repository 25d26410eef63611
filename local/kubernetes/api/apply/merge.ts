import { clone, isObject, type JsonObject } from '../json.ts';
import { type FieldSet, isEmpty } from './field-set.ts';
import { isGranularList, isGranularMap, itemElement, type Shape } from './shape.ts';

/**
 * Merges an applied configuration over the live value: maps and keyed lists member by member, everything else replaced.
 * Items of keyed lists stand in the order of the configuration, with live-only items at their old place among them.
 */
export function mergeApplied(live: unknown, applied: unknown, shape: Shape): unknown {
  if (applied === undefined) return clone(live);
  if (isGranularMap(live, shape) && isGranularMap(applied, shape)) {
    const result: JsonObject = clone(live);
    for (const [key, value] of Object.entries(applied)) {
      const member = shape.member(key);
      if (member !== undefined && value !== undefined) result[key] = mergeApplied(live[key], value, member);
    }
    return result;
  }
  if (isGranularList(live, shape) && isGranularList(applied, shape)) return mergeLists(live, applied, shape);
  return clone(applied);
}

function mergeLists(live: readonly unknown[], applied: readonly unknown[], shape: Shape): unknown[] {
  const wanted = new Map(applied.map((item) => [itemElement(item, shape), item]));
  const existing = new Map(live.map((item) => [itemElement(item, shape), item]));
  const items = shape.items();
  const result: unknown[] = [];
  const liveOrder = [...existing.keys()];
  const done = new Set<string>();
  let position = 0;
  /* Live-only items that stand before the next common item come first. */
  const takeLive = (): void => {
    for (; position < liveOrder.length; position += 1) {
      const element = liveOrder[position] ?? '';
      if (!wanted.has(element)) result.push(clone(existing.get(element)));
      else if (!done.has(element)) return;
    }
  };
  for (const [element, item] of wanted) {
    takeLive();
    result.push(shape.listType === 'set' ? clone(item) : mergeApplied(existing.get(element), item, items));
    done.add(element);
  }
  takeLive();
  return result;
}

/**
 * Removes in place the fields of `abandoned` unless the path, or for containers anything below it, is in `kept`.
 * Containers that become empty by it go too.
 */
export function removeAbandoned(value: JsonObject, abandoned: FieldSet, kept: readonly FieldSet[], shape: Shape): void {
  for (const [element, below] of abandoned.children) {
    if (!element.startsWith('f:')) continue;
    const key = element.slice(2);
    const member = shape.member(key);
    if (value[key] === undefined || member === undefined) continue;
    const keptBelow = kept.flatMap((set) => set.children.get(element) ?? []);
    const rest = reduce(value[key], below, keptBelow, member);
    if (rest === undefined) delete value[key];
    else value[key] = rest;
  }
}

/** What is left of a value; `undefined` when nothing is. */
function reduce(value: unknown, abandoned: FieldSet, kept: readonly FieldSet[], shape: Shape): unknown {
  const isKept = kept.some((set) => !isEmpty(set));
  if (abandoned.member && !isKept && abandoned.children.size === 0) return undefined;
  if (isGranularMap(value, shape) && isObject(value)) {
    const before = Object.keys(value).length;
    removeAbandoned(value, abandoned, kept, shape);
    const emptied = before > 0 && Object.keys(value).length === 0;
    return (emptied || abandoned.member) && !isKept && Object.keys(value).length === 0 ? undefined : value;
  }
  if (isGranularList(value, shape)) {
    const rest = value.flatMap((item) => reduceItem(item, abandoned, kept, shape));
    return rest.length === 0 && value.length > 0 && !kept.some((set) => set.member) ? undefined : rest;
  }
  return abandoned.member && !isKept ? undefined : value;
}

function reduceItem(item: unknown, abandoned: FieldSet, kept: readonly FieldSet[], shape: Shape): unknown[] {
  const element = itemElement(item, shape);
  const below = abandoned.children.get(element);
  if (below === undefined) return [item];
  const keptBelow = kept.flatMap((set) => set.children.get(element) ?? []);
  const isKept = keptBelow.some((set) => !isEmpty(set));
  if (below.member && !isKept) return [];
  if (isObject(item)) {
    const keys = new Map(shape.listKeys.map((key) => [key, item[key]]));
    removeAbandoned(item, below, keptBelow, shape.items());
    for (const [key, value] of keys) if (value !== undefined) item[key] = value;
  }
  return [item];
}
