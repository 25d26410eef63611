import type { CheckReport, FindingKind } from '#domain/check/types.ts';
import type { ClusterHead } from '#domain/record.ts';

/** A condition in Kubernetes' own shape. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
}

/** Conditions of a cluster as the record knows them: Ready and Progressing. */
export function conditionsOf(head: ClusterHead, check?: CheckReport): readonly Condition[] {
  const { operation } = head;
  const progressing = operation.state !== 'finished';
  const ended = operation.endedAt ?? operation.startedAt ?? operation.recordedAt;
  const ready = head.phase === 'Ready' || (head.phase === 'Updating' && head.observedGeneration > 0);
  return [
    {
      type: 'Ready',
      status: ready ? 'True' : 'False',
      reason: head.phase,
      message:
        operation.error === undefined
          ? `Cluster is ${head.phase}`
          : `${operation.error.code}: ${operation.error.message}`,
      lastTransitionTime: head.phase === 'Ready' ? ended : head.createdAt,
    },
    {
      type: 'Progressing',
      status: progressing ? 'True' : 'False',
      reason: progressing ? operation.kind : 'Idle',
      message: progressing ? `Operation ${operation.id} is ${operation.state}` : `Operation ${operation.id} has ended`,
      lastTransitionTime: progressing ? operation.recordedAt : ended,
    },
    ...(check === undefined ? [] : checkConditions(check)),
  ];
}

/** What the last look at the running cluster found, one condition per question. */
function checkConditions({ api, checkedAt, findings }: CheckReport): readonly Condition[] {
  const about = (type: string, bad: string, good: string, kinds: readonly FindingKind[]): Condition => {
    const mine = findings.filter(({ kind }) => kinds.includes(kind));
    const more = mine.length > 3 ? ` (and ${mine.length - 3} more)` : '';
    const unknown = !api.reachable && mine.length === 0 && type !== 'CredentialsValid';
    return {
      type,
      status: unknown ? 'Unknown' : mine.length === 0 ? 'True' : 'False',
      reason: unknown ? 'Unreachable' : mine.length === 0 ? good : bad,
      message:
        mine.length === 0
          ? ''
          : `${mine
              .slice(0, 3)
              .map(({ sentence }) => sentence)
              .join('; ')}${more}`,
      lastTransitionTime: checkedAt,
    };
  };
  return [
    {
      type: 'Reachable',
      status: api.reachable ? 'True' : 'False',
      reason: api.reachable ? 'Answers' : 'NoAnswer',
      message: api.reachable ? 'The API server answers' : `No answer since ${api.since}: ${api.problem ?? ''}`,
      lastTransitionTime: api.since,
    },
    about('InSync', 'Drift', 'AsWritten', ['drift', 'missing', 'foreign', 'orphaned']),
    about('Healing', 'Impaired', 'Healthy', ['down', 'paused', 'unhealthy']),
    about('CredentialsValid', 'Expiring', 'Valid', ['expiring']),
  ];
}
