import type { DurableEngine } from './durable/engine.ts';
import { shownValue } from './durable/status-view.ts';
import type { QueueService } from './queue/service.ts';

/** What the doors show. */
export interface Observed {
  readonly engine: DurableEngine;
  readonly queues: QueueService;
}

/**
 * The JSON doors below `/_host/`: `instances` (status, times in milliseconds, number of history events; `?prefix=`, `?top=`),
 * `history?id=` (stored events) and `state` (what runs). Undefined for any other name.
 */
export function observe(name: string, query: URLSearchParams, { engine, queues }: Observed): unknown {
  switch (name) {
    case 'instances': {
      const limit = Math.max(1, Number(query.get('top') ?? 1000) || 1000);
      const rows = engine.store.list({ prefix: query.get('prefix') ?? undefined, limit });
      return rows.map((row) => ({
        instanceId: row.id,
        name: row.name,
        version: row.version,
        runtimeStatus: row.status,
        customStatus: shownValue(row.custom),
        parentInstanceId: row.parent,
        createdTime: row.created,
        lastUpdatedTime: row.updated,
        historyEvents: row.events,
        pendingMessages: engine.store.dueMessages(row.id, Number.MAX_SAFE_INTEGER).length,
      }));
    }
    case 'history': {
      const id = query.get('id') ?? '';
      const row = engine.store.instance(id);
      if (!row) return undefined;
      const pieces = engine.store.history(id);
      return {
        instanceId: id,
        executionId: row.exec,
        bytes: pieces.reduce((sum, piece) => sum + piece.length, 0),
        events: pieces.map((piece): unknown => JSON.parse(piece)),
      };
    }
    case 'state':
      return { ...engine.state(), commits: engine.store.commits, queues: queues.state() };
    default:
      return undefined;
  }
}
