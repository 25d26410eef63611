import { explained } from '#domain/errors/explain.ts';
import type { ClusterHead, StepRecord } from '#domain/record.ts';
import type { ClusterRows } from '#store/clusters.ts';
import type { StepDefinition } from '#domain/steps.ts';

/** Steps of a provision are continued by the next one; other operations begin anew. */
export function isCurrent(record: StepRecord, head: ClusterHead): boolean {
  return head.operation.kind === 'provision' || record.operationId === head.operation.id;
}

/**
 * The operation as the status shows it.
 *
 * @param seconds Azure seconds it takes, when there is a plan
 */
export function operationView(head: ClusterHead, seconds: number | undefined, timeScale: number): object {
  const { id, kind, state, startedAt, endedAt, requestId } = head.operation;
  const about =
    startedAt === undefined || seconds === undefined || endedAt !== undefined
      ? {}
      : { endsAbout: new Date(Date.parse(startedAt) + (seconds * 1000) / timeScale).toISOString() };
  return {
    id,
    kind,
    state,
    requestId,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(endedAt === undefined ? {} : { endedAt }),
    ...about,
  };
}

/** One step as the status shows it. */
export function stepView(
  step: StepDefinition,
  record: StepRecord | undefined,
  expected: { readonly expectedSeconds?: number },
): object {
  const { id, title, needs } = step;
  if (record === undefined) return { id, title, needs, ...expected, state: 'pending' };
  const { state, startedAt, endedAt, sentence, progress, error } = record;
  return {
    id,
    title,
    needs,
    ...expected,
    state,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(sentence === undefined ? {} : { sentence }),
    ...(progress === undefined ? {} : { progress }),
    ...(error === undefined ? {} : { error: explained(error) }),
  };
}

/** What the last check found, as the status shows it. */
export function checkView({ check }: ClusterRows): object {
  if (check === undefined) return {};
  const { checkedAt, findings, certificates, more } = check;
  return { certificates, check: { checkedAt, findings, ...(more === undefined ? {} : { more }) } };
}
