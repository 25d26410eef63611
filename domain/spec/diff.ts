import type { ClusterDocument } from './types.ts';

/** What a second apply asks for, compared with the first. */
export interface DocumentDiff {
  /** Paths that differ, e.g. `spec.workerPools[general].replicas`. */
  readonly changed: readonly string[];
  /** Those of them that this version can bring about in a running cluster: replica counts. */
  readonly replicas: readonly string[];
  /** The Kubernetes version asked for is older. */
  readonly downgrade: boolean;
}

/** Compares two validated documents of one cluster. Pools and add-ons are matched by name, not by position. */
export function diffDocuments(before: ClusterDocument, after: ClusterDocument): DocumentDiff {
  const changed = compare(before, after, '');
  const replicas = changed.filter((path) => /^spec\.(controlPlane|workerPools\[[^\]]+\])\.replicas$/.test(path));
  return { changed, replicas, downgrade: isOlder(after.spec.kubernetes.version, before.spec.kubernetes.version) };
}

/** Whether version `a` (v1.33.4) is older than `b`. */
export function isOlder(a: string, b: string): boolean {
  const parts = (version: string) => version.replace(/^v/, '').split('.').map(Number);
  const [left, right] = [parts(a), parts(b)];
  for (let index = 0; index < 3; index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function compare(before: unknown, after: unknown, path: string): string[] {
  if (Object.is(before, after)) return [];
  if (Array.isArray(before) && Array.isArray(after)) return compareLists(before, after, path);
  if (isRecord(before) && isRecord(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return keys.flatMap((key) => compare(before[key], after[key], path === '' ? key : `${path}.${key}`));
  }
  return [path];
}

function compareLists(before: readonly unknown[], after: readonly unknown[], path: string): string[] {
  const named = [...before, ...after].every((item) => isRecord(item) && typeof item['name'] === 'string');
  if (!named) return JSON.stringify(before) === JSON.stringify(after) ? [] : [path];
  const byName = (list: readonly unknown[]) =>
    new Map(list.map((item) => [String((item as Record<string, unknown>)['name']), item]));
  const [left, right] = [byName(before), byName(after)];
  const names = [...new Set([...left.keys(), ...right.keys()])].sort();
  return names.flatMap((name) => {
    const inner = `${path}[${name}]`;
    return left.has(name) && right.has(name) ? compare(left.get(name), right.get(name), inner) : [inner];
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
