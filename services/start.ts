import type { ClusterHead, ClusterRef, OperationKind, Phase } from '#domain/record.ts';
import { orchestratorOf, type ServiceDependencies } from './dependencies.ts';

/** The reference that every orchestration and activity of an operation carries. */
export function refOf(head: ClusterHead, timeScale: number): ClusterRef {
  return { name: head.name, uid: head.uid, generation: head.generation, operationId: head.operation.id, timeScale };
}

/**
 * Starts the recorded operation of a cluster, once: the head row is the only judge of what was started. Safe to call
 * again after a crash between the two writes; the sweep timer does.
 */
export async function startRecorded({ store, starter, config }: ServiceDependencies, name: string): Promise<void> {
  const row = await store.clusters.head(name);
  if (row === undefined || row.value.operation.state !== 'recorded') return;
  const { operation } = row.value;
  await starter.start(orchestratorOf(row.value), operation.id, refOf(row.value, config.timeScale));
  for (let attempt = 0; attempt < 5; attempt++) {
    const current = await store.clusters.head(name);
    if (
      current === undefined ||
      current.value.operation.id !== operation.id ||
      current.value.operation.state !== 'recorded'
    )
      return;
    const startedAt = new Date().toISOString();
    const started: ClusterHead = {
      ...current.value,
      phase: phaseOf(operation.kind),
      operation: { ...current.value.operation, state: 'started', startedAt },
      updatedAt: startedAt,
    };
    if (await store.clusters.replaceHead(started, current.etag)) return;
  }
}

function phaseOf(kind: OperationKind): Phase {
  if (kind === 'provision') return 'Provisioning';
  return kind === 'delete' ? 'Deleting' : 'Updating';
}
