import type { Condition } from './kinds.ts';

/** What a controller says of one condition; the transition time is worked out here. */
export interface ConditionUpdate {
  readonly type: string;
  readonly status: boolean | 'Unknown';
  readonly reason: string;
  readonly message?: string;
  readonly severity?: string;
}

/** Timestamp as metav1.Time prints it. */
export function timestamp(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Sets conditions by type; `lastTransitionTime` changes only with the status. Order of types is kept stable. */
export function setConditions(
  existing: readonly Condition[] | undefined,
  updates: readonly ConditionUpdate[],
  now: number,
): Condition[] {
  const byType = new Map((existing ?? []).map((condition) => [condition.type, condition]));
  for (const update of updates) {
    const status = update.status === 'Unknown' ? 'Unknown' : update.status ? 'True' : 'False';
    const previous = byType.get(update.type);
    byType.set(update.type, {
      type: update.type,
      status,
      reason: update.reason,
      message: update.message ?? '',
      lastTransitionTime: previous?.status === status ? previous.lastTransitionTime : timestamp(now),
      ...(update.severity === undefined ? {} : { severity: update.severity }),
    });
  }
  return [...byType.values()].toSorted((left, right) => (left.type < right.type ? -1 : 1));
}

/**
 * Conditions of the v1beta1 contract (CAPZ): `reason`, `message` and `severity` are absent where there is nothing to say,
 * because the CRD demands at least one character.
 */
export function setLegacyConditions(
  existing: readonly Condition[] | undefined,
  updates: readonly ConditionUpdate[],
  now: number,
): object[] {
  return setConditions(existing, updates, now).map(({ type, status, reason, message, severity, lastTransitionTime }) =>
    Object.assign(
      { type, status, lastTransitionTime },
      status === 'True' || reason === '' || reason === undefined ? {} : { reason },
      message === '' || message === undefined ? {} : { message },
      severity === undefined || status === 'True' ? {} : { severity },
    ),
  );
}

export function isTrue(conditions: readonly Condition[] | undefined, type: string): boolean {
  return conditions?.find((condition) => condition.type === type)?.status === 'True';
}
