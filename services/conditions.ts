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
export function conditionsOf(head: ClusterHead): readonly Condition[] {
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
  ];
}
