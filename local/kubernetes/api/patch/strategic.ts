import { isPatchMergeSet, patchMergeKey } from '../apply/built-in-shape.ts';
import { badRequest } from '../errors.ts';
import { asArray, clone, equal, isObject, type JsonObject, textOf } from '../json.ts';

/*
 * Strategic merge patch (Kubernetes community, "Strategic Merge Patch": lists with a merge key unite by it; directives
 * $patch, $retainKeys, $setElementOrder, $deleteFromPrimitiveList).
 */
const ORDER = '$setElementOrder/';
const DELETE_PRIMITIVE = '$deleteFromPrimitiveList/';

/** Applies a strategic merge patch to an object of a built-in kind; neither argument is changed. */
export function strategicMergePatch(target: JsonObject, patch: JsonObject): JsonObject {
  return mergeMap(target, patch, '');
}

function mergeMap(target: JsonObject, patch: JsonObject, name: string): JsonObject {
  const directive = patch['$patch'];
  if (directive === 'replace') return strip(patch);
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge')
    throw badRequest(`Unknown patch type found: ${textOf(directive)}`);
  const result: JsonObject = { ...target };
  retainKeys(result, patch);
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$')) continue;
    if (value === null) delete result[key];
    else result[key] = mergeMember(result[key], value, key, name);
  }
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(DELETE_PRIMITIVE)) {
      const list = key.slice(DELETE_PRIMITIVE.length);
      const gone = asArray(value);
      result[list] = asArray(result[list]).filter((item) => !gone.some((candidate) => equal(candidate, item)));
    } else if (key.startsWith(ORDER)) {
      const list = key.slice(ORDER.length);
      if (result[list] !== undefined)
        result[list] = inOrder(asArray(result[list]), asArray(value), patchMergeKey(list, name));
    }
  }
  return result;
}

function retainKeys(result: JsonObject, patch: JsonObject): void {
  const retained = patch['$retainKeys'];
  if (!Array.isArray(retained)) return;
  for (const key of Object.keys(result)) if (!retained.includes(key)) delete result[key];
}

function mergeMember(current: unknown, value: unknown, key: string, parent: string): unknown {
  if (isObject(value)) return mergeMap(isObject(current) ? current : {}, value, key);
  if (!Array.isArray(value)) return value;
  if (isPatchMergeSet(key)) {
    const existing = asArray(current);
    return [...existing, ...value.filter((item) => !existing.some((candidate) => equal(candidate, item)))];
  }
  const mergeKey = patchMergeKey(key, parent);
  return mergeKey === undefined ? clone(value) : mergeList(asArray(current), value, mergeKey, key);
}

function mergeList(current: readonly unknown[], patch: readonly unknown[], mergeKey: string, name: string): unknown[] {
  if (patch.some((item) => isObject(item) && item['$patch'] === 'replace')) {
    return patch.filter((item) => !(isObject(item) && item['$patch'] === 'replace')).map(clone);
  }
  let result = current.filter(isObject);
  for (const item of patch) {
    if (!isObject(item)) throw badRequest(`map: list ${name} holds something that is no object`);
    const key = item[mergeKey];
    if (key === undefined)
      throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`);
    if (item['$patch'] === 'delete') {
      result = result.filter((candidate) => !equal(candidate[mergeKey], key));
      continue;
    }
    const index = result.findIndex((candidate) => equal(candidate[mergeKey], key));
    if (index < 0) result = [...result, mergeMap({}, item, name)];
    else result = result.with(index, mergeMap(result[index] ?? {}, item, name));
  }
  return result;
}

/** Puts the listed items into the listed order; others keep their place relative to what stands before them. */
function inOrder(items: readonly unknown[], order: readonly unknown[], mergeKey: string | undefined): unknown[] {
  const identity = (item: unknown): unknown => (mergeKey === undefined || !isObject(item) ? item : item[mergeKey]);
  const wanted = order.map(identity);
  const rank = (item: unknown): number => wanted.findIndex((candidate) => equal(candidate, identity(item)));
  const listed = items.filter((item) => rank(item) >= 0).sort((left, right) => rank(left) - rank(right));
  let next = 0;
  return items.map((item) => (rank(item) < 0 ? item : listed[next++]));
}

function strip(value: JsonObject): JsonObject {
  const { $patch: _patch, ...rest } = value;
  return clone(rest);
}
