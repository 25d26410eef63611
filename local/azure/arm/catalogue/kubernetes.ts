/** Kubernetes versions on offer in the simulated AKS: patches per minor, oldest first. */
export const KUBERNETES: Readonly<Record<string, readonly string[]>> = {
  '1.32': ['1.32.8', '1.32.9'],
  '1.33': ['1.33.4', '1.33.5'],
  '1.34': ['1.34.1', '1.34.2'],
  '1.35': ['1.35.5'],
};

/** What a cluster gets that names no version. */
export const DEFAULT_MINOR = '1.34';

/** How many minors a pool may be behind its control plane (AKS, supported version policy). */
export const POOL_SKEW = 3;

/** The patch that a wish such as `1.33` or `1.33.5` leads to, undefined when it is not on offer. */
export function patchOf(wish: string): string | undefined {
  const minor = minorOf(wish);
  const patches = KUBERNETES[minor] ?? [];
  return wish === minor ? patches.at(-1) : patches.find((patch) => patch === wish);
}

/** `1.33` of `1.33.5`. */
export function minorOf(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}

/** Negative when `a` is older than `b`. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  for (const index of [0, 1, 2]) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** How many minors `newer` is ahead of `older`. */
export function minorsBetween(older: string, newer: string): number {
  return Number(newer.split('.')[1]) - Number(older.split('.')[1]);
}

/** Versions that a control plane can go to: newer patches of its minor, and the next minor. */
export function upgradesOf(version: string): readonly string[] {
  return Object.values(KUBERNETES)
    .flat()
    .filter((other) => compareVersions(other, version) > 0 && minorsBetween(version, other) <= 1);
}
