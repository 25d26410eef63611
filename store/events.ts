import type { ClusterEvent } from '#domain/record.ts';
import type { StorageClients } from './clients.ts';
import { sha256 } from './documents.ts';
import { insertRow, putRow, queryRows, readRow } from './table.ts';

/** An event with the position it is listed at. */
export interface StoredEvent extends ClusterEvent {
  /** Opaque position; ask for what came after it. */
  readonly cursor: string;
}

/** The table `clusterevents`, newest first, and the queue `cluster-events` for subscribers. */
export interface EventTable {
  /** Records an event once, however often it is reported. @returns whether it was new */
  append(cluster: string, event: ClusterEvent): Promise<boolean>;
  /** Newest first; with `after`, only what is newer than that cursor. */
  list(cluster: string, options: { after?: string | undefined; limit: number }): Promise<readonly StoredEvent[]>;
}

const farFuture = 9_999_999_999_999;

/** Row keys descend with time, so that the newest event is the first row. */
function position(at: string, id: string): string {
  return `e:${String(farFuture - Date.parse(at)).padStart(13, '0')}:${sha256(id).slice(0, 12)}`;
}

/** Opens the event table. */
export function createEventTable(clients: StorageClients): EventTable {
  const table = () => clients.table('clusterevents');
  let queueReady: Promise<unknown> | undefined;
  const publish = async (cluster: string, event: ClusterEvent): Promise<void> => {
    const queue = (await clients.queues()).getQueueClient('cluster-events');
    queueReady ??= queue.createIfNotExists();
    await queueReady;
    const cloudEvent = {
      specversion: '1.0',
      id: event.id,
      source: `/clusters/${cluster}`,
      type: `dev.capstan.${event.type}`,
      time: event.at,
      subject: cluster,
      datacontenttype: 'application/json',
      data: event,
    };
    await queue.sendMessage(JSON.stringify(cloudEvent));
  };
  return {
    async append(cluster, event) {
      const rows = await table();
      // The guard row fixes the time of the first report, so a repeated one overwrites the same event row.
      const guard = `id:${sha256(event.id)}`;
      const isNew = await insertRow(rows, cluster, guard, { at: event.at });
      const at = isNew ? event.at : ((await readRow<{ at: string }>(rows, cluster, guard))?.value.at ?? event.at);
      await putRow(rows, cluster, position(at, event.id), { ...event, at });
      if (isNew) await publish(cluster, { ...event, at });
      return isNew;
    },
    async list(cluster, { after, limit }) {
      const until = after === undefined || !/^e:\d{13}:[0-9a-f]{12}$/.test(after) ? 'e;' : after;
      const found: StoredEvent[] = [];
      const filter = `PartitionKey eq '${cluster}' and RowKey ge 'e:' and RowKey lt '${until}'`;
      for await (const row of queryRows<ClusterEvent>(await table(), filter)) {
        found.push({ ...row.value, cursor: row.row });
        if (found.length >= limit) break;
      }
      return found;
    },
  };
}
