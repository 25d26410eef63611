import { sameId } from './arm-id.ts';

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Elements are the same thing when their names agree, or their ids where they have no name. */
function counterpart(list: readonly unknown[], wanted: unknown): unknown {
  if (!isObject(wanted)) return list.find((candidate) => covers(candidate, wanted));
  const { name, id } = wanted;
  if (typeof name === 'string') {
    return list.find((item) => isObject(item) && String(item['name']).toLowerCase() === name.toLowerCase());
  }
  if (typeof id === 'string') return list.find((item) => isObject(item) && sameId(String(item['id']), id));
  return list.find((candidate) => covers(candidate, wanted));
}

/**
 * Whether `actual` has everything that `wanted` asks for. Only the fields of `wanted` are compared: what others added
 * (policies, the cluster's own controllers) is not ours to undo. Ids and regions are compared without letter case.
 */
export function covers(actual: unknown, wanted: unknown): boolean {
  if (wanted === undefined) return true;
  if (Array.isArray(wanted)) {
    const list: readonly unknown[] = Array.isArray(actual) ? actual : [];
    return wanted.every((item) => covers(counterpart(list, item), item));
  }
  if (isObject(wanted)) {
    return isObject(actual) && Object.entries(wanted).every(([key, value]) => covers(actual[key], value));
  }
  if (typeof wanted === 'string' && typeof actual === 'string') {
    return wanted === actual || (wanted.startsWith('/') && sameId(wanted, actual));
  }
  return wanted === actual;
}

/** `securityRules[allow_apiserver]` for a named element, `tags[Name]` for a tag, `sku.name` for the rest. */
function below(path: string, key: string): string {
  if (path === '') return key;
  return path === 'tags' || !/^\w+$/.test(key) ? `${path}[${key}]` : `${path}.${key}`;
}

/**
 * Paths of the fields of `wanted` that `actual` lacks or has otherwise, for people: the plan's `~`. Empty exactly when
 * `covers` holds.
 */
export function differences(actual: unknown, wanted: unknown, path = ''): readonly string[] {
  if (covers(actual, wanted)) return [];
  if (Array.isArray(wanted)) {
    const list: readonly unknown[] = Array.isArray(actual) ? actual : [];
    const named = wanted.flatMap((item: unknown) => {
      const name = isObject(item) ? (item['name'] ?? item['id']) : undefined;
      if (typeof name !== 'string') return [];
      const element = `${path}[${name.split('/').at(-1) ?? name}]`;
      const other = counterpart(list, item);
      return other === undefined ? [element] : differences(other, item, element);
    });
    return named.length === 0 ? [path] : named;
  }
  if (isObject(wanted) && isObject(actual)) {
    return Object.entries(wanted).flatMap(([key, value]) => differences(actual[key], value, below(path, key)));
  }
  return [path];
}

/**
 * `actual` changed as far as `wanted` asks: named elements of lists are merged, what is not mentioned stays.
 * Simple lists (addresses, prefixes) are replaced.
 */
export function merged(actual: unknown, wanted: unknown): unknown {
  if (wanted === undefined) return actual;
  if (Array.isArray(wanted)) {
    if (!wanted.some((item) => isObject(item))) return wanted;
    const list: readonly unknown[] = Array.isArray(actual) ? actual : [];
    const matched = wanted.map((item) => ({ item, old: counterpart(list, item) }));
    const kept = list.filter((item) => !matched.some((pair) => pair.old === item));
    return [...kept, ...matched.map((pair) => merged(pair.old, pair.item))];
  }
  if (isObject(wanted)) {
    const result: Record<string, unknown> = isObject(actual) ? { ...actual } : {};
    for (const [key, value] of Object.entries(wanted)) result[key] = merged(result[key], value);
    return result;
  }
  return wanted;
}
