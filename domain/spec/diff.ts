import type { ErrorCode } from '../errors/registry.ts';
import { managedEffectOf } from '../managed/effects.ts';
import type { AnyDocument } from '../managed/types.ts';
import { type Effect, effectOf, type Part } from './effects.ts';

/**
 * What a change does to a running cluster: `in place` touches no machine that stays; `rollout` replaces machines one
 * after the other; `replace pool` makes a pool's machines anew somewhere else before the old ones go; `azure tags`
 * writes tags only; `refused` is not possible at all.
 */
export type ChangeEffect = 'in place' | 'rollout' | 'replace pool' | 'azure tags' | 'refused';

/** One field in which two documents differ. */
export interface Change {
  readonly kind: 'added' | 'removed' | 'changed';
  /** e.g. `spec.workerPools[general].replicas`; pools and add-ons are named, not numbered. */
  readonly path: string;
  /** Short values only; absent for what is long or could hold a secret. */
  readonly from?: string | number | boolean;
  readonly to?: string | number | boolean;
  readonly effect: ChangeEffect;
  /** Why it is refused, or what a person should know before. */
  readonly reason?: string;
  /** Code of a refusal. */
  readonly code?: ErrorCode;
  /** Parts of the cluster that the change reaches. */
  readonly parts: readonly Part[];
}

/** A difference before it is judged. */
export interface RawChange {
  readonly path: string;
  readonly from: unknown;
  readonly to: unknown;
}

/** Everything in which `after` differs from `before`, judged for a running cluster. Pure. */
export function diffDocuments(before: AnyDocument, after: AnyDocument): readonly Change[] {
  if (before.kind !== after.kind) {
    const reason = 'self-managed clusters and AKS clusters cannot be turned into each other';
    return [{ kind: 'changed', path: 'kind', effect: 'refused', parts: [], reason, code: 'CAP-1109' }];
  }
  return compare(before, after, '').map((raw) => judge(raw, before, after));
}

/** The changes that keep the whole document from being accepted. */
export function refusedChanges(changes: readonly Change[]): readonly Change[] {
  return changes.filter((change) => change.effect === 'refused');
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

function judge(raw: RawChange, before: AnyDocument, after: AnyDocument): Change {
  const { path, from, to } = raw;
  const kind = from === undefined ? 'added' : to === undefined ? 'removed' : 'changed';
  const { effect, parts, reason, code } = judged(raw, kind, before, after);
  const [shownFrom, shownTo] = [shown(path, from), shown(path, to)];
  return {
    kind,
    path,
    ...(shownFrom === undefined ? {} : { from: shownFrom }),
    ...(shownTo === undefined ? {} : { to: shownTo }),
    effect,
    parts,
    ...(reason === undefined ? {} : { reason }),
    ...(code === undefined ? {} : { code }),
  };
}

function judged(raw: RawChange, kind: Change['kind'], before: AnyDocument, after: AnyDocument): Effect {
  if (before.kind === 'Cluster' && after.kind === 'Cluster') return effectOf(raw, kind, before, after);
  if (before.kind === 'ManagedCluster' && after.kind === 'ManagedCluster')
    return managedEffectOf(raw, kind, before, after);
  throw new Error('documents of two kinds are not compared');
}

/** Values that people may see: no manifests, no file contents, no proxy passwords, no signed query of a URL. */
function shown(path: string, value: unknown): string | number | boolean | undefined {
  if (/^spec\.(proxy|nodes|addOns|sshKeys)/.test(path)) return undefined;
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  const text = typeof value === 'string' ? value : plainList(value);
  return text === undefined || text.length > 200 ? undefined : text.replace(/\?.*$/s, '');
}

function plainList(value: unknown): string | undefined {
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value.join(', ') : undefined;
}

function compare(before: unknown, after: unknown, path: string): RawChange[] {
  if (Object.is(before, after)) return [];
  if (Array.isArray(before) && Array.isArray(after)) return compareLists(before, after, path);
  if (isRecord(before) && isRecord(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return keys.flatMap((key) => compare(before[key], after[key], path === '' ? key : `${path}.${key}`));
  }
  return [{ path, from: before, to: after }];
}

function compareLists(before: readonly unknown[], after: readonly unknown[], path: string): RawChange[] {
  const named = [...before, ...after].every((item) => isRecord(item) && typeof item['name'] === 'string');
  if (!named) return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ path, from: before, to: after }];
  const byName = (list: readonly unknown[]) =>
    new Map(list.map((item) => [String((item as Record<string, unknown>)['name']), item]));
  const [left, right] = [byName(before), byName(after)];
  const names = [...new Set([...left.keys(), ...right.keys()])].sort();
  return names.flatMap((name) => {
    const inner = `${path}[${name}]`;
    return left.has(name) && right.has(name)
      ? compare(left.get(name), right.get(name), inner)
      : [{ path: inner, from: left.get(name), to: right.get(name) }];
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
