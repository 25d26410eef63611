import type { MachineSetObject } from './kinds.ts';

/** Counts of a rollout: what is asked for, and how the new set and the old ones stand. */
export interface RolloutCounts {
  readonly wanted: number;
  readonly current: { readonly replicas: number; readonly ready: number };
  readonly old: { readonly replicas: number; readonly ready: number };
}

/** Sizes for the next step of a rollout. */
export interface RolloutStep {
  /** Replicas of the new set. */
  readonly grown: number;
  /** How many machines the old sets may lose. */
  readonly shrink: number;
}

/** `maxSurge` and `maxUnavailable` as counts: of a percentage, surge is rounded up and unavailable down; default 1 and 0. */
export function rolloutBounds(deployment: MachineSetObject): { readonly surge: number; readonly unavailable: number } {
  const { maxSurge = 1, maxUnavailable = 0 } = deployment.spec?.rollout?.strategy?.rollingUpdate ?? {};
  const wanted = deployment.spec?.replicas ?? 1;
  const count = (value: number | string, round: (share: number) => number): number =>
    typeof value === 'number' ? value : round((Number.parseFloat(value) / 100) * wanted);
  return { surge: count(maxSurge, Math.ceil), unavailable: count(maxUnavailable, Math.floor) };
}

/**
 * One step of a rolling update: never more than `wanted + surge` machines, never fewer than `wanted - unavailable` that
 * are ready; old ones that are not ready go first.
 */
export function nextStep(
  counts: RolloutCounts,
  bounds: { readonly surge: number; readonly unavailable: number },
): RolloutStep {
  const { wanted, current, old } = counts;
  const room = wanted + bounds.surge - (current.replicas + old.replicas);
  const grown = old.replicas === 0 ? wanted : Math.min(wanted, current.replicas + Math.max(0, room));
  const needed = wanted - bounds.unavailable;
  const pending = grown - current.ready;
  const mayLose = Math.max(0, grown + old.replicas - needed - pending);
  const spare = Math.max(0, current.ready + old.ready - needed);
  const dead = Math.min(old.replicas - old.ready, mayLose);
  return { grown, shrink: Math.min(old.replicas, mayLose, dead + spare) };
}
