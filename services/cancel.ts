import { CapstanFailure } from '#domain/errors/error.ts';
import type { Operation } from '#domain/record.ts';
import type { Store } from '#store/store.ts';

/** Cluster of an operation id: `<cluster>-<first eight of the uid>-<count>`. */
export function clusterOfOperation(id: string): string | undefined {
  const name = /^([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)-[0-9a-f]{8}-\d+$/.exec(id)?.[1];
  return name !== undefined && name.length <= 44 ? name : undefined;
}

/** Reads an operation, the running one or an earlier one. */
export async function readOperation(
  store: Store,
  id: string,
): Promise<(Operation & { readonly cluster: string; readonly phase?: string }) | undefined> {
  const cluster = clusterOfOperation(id);
  if (cluster === undefined) return undefined;
  const head = (await store.clusters.head(cluster))?.value;
  if (head?.operation.id === id) return { ...head.operation, cluster, phase: head.phase };
  const earlier = await store.clusters.operation(cluster, id);
  return earlier === undefined ? undefined : { ...earlier, cluster };
}

/**
 * Asks a running operation to stop: a flag in the head row that every activity reads. `keep` leaves what exists,
 * `delete` removes it afterwards.
 *
 * @throws CapstanFailure CAP-1013 when there is no such operation, CAP-1017 when it has ended or is a deletion
 */
export async function cancelOperation(store: Store, id: string, then: 'keep' | 'delete'): Promise<Operation> {
  const cluster = clusterOfOperation(id);
  for (let attempt = 0; attempt < 10; attempt++) {
    const row = cluster === undefined ? undefined : await store.clusters.head(cluster);
    if (row === undefined || row.value.operation.id !== id) {
      throw new CapstanFailure({ code: 'CAP-1013', message: `There is no running operation ${id}` });
    }
    const { operation } = row.value;
    if (operation.state === 'finished') {
      throw new CapstanFailure({
        code: 'CAP-1017',
        message: `Operation ${id} has ended already`,
        where: `operation ${id}`,
      });
    }
    if (operation.kind === 'delete') {
      throw new CapstanFailure({
        code: 'CAP-1017',
        message: 'A deletion cannot be cancelled',
        where: `operation ${id}`,
        remedy: 'Wait until it has ended; the name is free then.',
      });
    }
    const cancelled = { ...operation, cancel: then };
    if (
      await store.clusters.replaceHead(
        { ...row.value, operation: cancelled, updatedAt: new Date().toISOString() },
        row.etag,
      )
    )
      return cancelled;
  }
  throw new Error(`the record of operation ${id} is changed by others all the time`);
}
