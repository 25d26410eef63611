import type { VersionRules } from './contracts.ts';

const DOTTED = /^\d+(\.\d+){1,3}$/;

/** Compares versions: empty is lowest, dotted numbers by number (a missing part is lower than 0), anything else as text without case. */
export function compareVersions(left: string | null, right: string | null): number {
  const a = left ?? '';
  const b = right ?? '';
  if (a === b) return 0;
  if (a === '') return -1;
  if (b === '') return 1;
  if (DOTTED.test(a) && DOTTED.test(b)) {
    const x = a.split('.').map(Number);
    const y = b.split('.').map(Number);
    for (let index = 0; index < 4; index++) {
      const difference = (x[index] ?? -1) - (y[index] ?? -1);
      if (difference !== 0) return difference;
    }
    return 0;
  }
  const lowA = a.toUpperCase();
  const lowB = b.toUpperCase();
  return lowA === lowB ? 0 : lowA < lowB ? -1 : 1;
}

/** What to do with an instance of this version: run it, leave it in the queue, or fail it (durable-recordings, 17 to 17c). */
export function judgeVersion(rules: VersionRules, version: string | null): 'run' | 'reject' | 'fail' {
  if (rules.matchStrategy === 'None') return 'run';
  const matches =
    rules.matchStrategy === 'Strict'
      ? (version ?? '') === (rules.defaultVersion ?? '')
      : compareVersions(version, rules.defaultVersion) <= 0;
  if (matches) return 'run';
  return rules.failureStrategy === 'Fail' ? 'fail' : 'reject';
}
