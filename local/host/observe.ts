import type { DurableEngine } from './durable/engine.ts';
import { EVENT, eventName, type HistoryEvent } from './durable/events.ts';
import { shownValue } from './durable/status-view.ts';
import type { InstanceView } from './durable/store.ts';
import type { QueueService } from './queue/service.ts';
import type { Invoker } from './core/invocation.ts';

/** What the doors show. */
export interface Observed {
  readonly engine: DurableEngine;
  readonly queues: QueueService;
  readonly invoker: Invoker;
}

const PAYLOADS = ['Input', 'Result', 'Details', 'Reason'] as const;
const STARTED = Date.now();

function bytes(text: string | null | undefined): number {
  return text === null || text === undefined ? 0 : Buffer.byteLength(text);
}

function instanceDocument(row: InstanceView, engine: DurableEngine): object {
  return {
    instanceId: row.id,
    name: row.name,
    version: row.version,
    runtimeStatus: row.status,
    customStatus: shownValue(row.custom),
    parentInstanceId: row.parent,
    createdTime: row.created,
    lastUpdatedTime: row.updated,
    historyEvents: row.events,
    inputBytes: bytes(row.input),
    outputBytes: bytes(row.output),
    pendingMessages: engine.store.dueMessages(row.id, Number.MAX_SAFE_INTEGER).length,
  };
}

interface Timing {
  readonly id: number;
  readonly kind: string;
  readonly name: string | null;
  readonly scheduledTime: string;
  readonly finishedTime: string | null;
  readonly durationMs: number | null;
  readonly succeeded: boolean | null;
}

const SCHEDULING: ReadonlyMap<number, string> = new Map([
  [EVENT.TaskScheduled, 'activity'],
  [EVENT.SubOrchestrationInstanceCreated, 'sub-orchestration'],
  [EVENT.TimerCreated, 'timer'],
]);
const FAILURES: ReadonlySet<number> = new Set([EVENT.TaskFailed, EVENT.SubOrchestrationInstanceFailed]);

/** One row per activity, child and timer; what has not ended has no finished time. */
function timings(events: readonly HistoryEvent[]): Timing[] {
  const ends = new Map<number, HistoryEvent>();
  for (const event of events) {
    const id = event.TaskScheduledId ?? event.TimerId;
    if (id !== undefined) ends.set(id, event);
  }
  return events.flatMap((event): Timing[] => {
    const kind = SCHEDULING.get(event.EventType);
    if (kind === undefined) return [];
    const end = ends.get(event.EventId);
    return [
      {
        id: event.EventId,
        kind,
        name: event.Name ?? null,
        scheduledTime: event.Timestamp,
        finishedTime: end?.Timestamp ?? null,
        durationMs: end ? Date.parse(end.Timestamp) - Date.parse(event.Timestamp) : null,
        succeeded: end ? !FAILURES.has(end.EventType) : null,
      },
    ];
  });
}

function historyDocument(id: string, engine: DurableEngine): object | undefined {
  const row = engine.store.view(id);
  if (!row) return undefined;
  const pieces = engine.store.history(id);
  const events = pieces.map((piece): HistoryEvent => JSON.parse(piece));
  return {
    instanceId: id,
    executionId: row.exec,
    runtimeStatus: row.status,
    bytes: pieces.reduce((sum, piece) => sum + bytes(piece), 0),
    inputBytes: bytes(row.input),
    outputBytes: bytes(row.output),
    timings: timings(events),
    events: events.map((event) => ({
      ...event,
      eventName: eventName(event.EventType),
      payloadBytes: PAYLOADS.reduce((sum, name) => sum + bytes(event[name]), 0),
    })),
  };
}

/**
 * The JSON doors below `/_host/`: `instances` (status, times in milliseconds since 1970, sizes in bytes; `?prefix=`,
 * `?status=A,B`, `?top=`), `history?id=` (stored events with payload sizes, and how long each step took), `queues` (messages
 * in work, waiting and poisoned), and `state` (what runs, memory in bytes). Undefined for any other name.
 */
export async function observe(name: string, query: URLSearchParams, observed: Observed): Promise<unknown> {
  const { engine, queues, invoker } = observed;
  switch (name) {
    case 'instances': {
      const limit = Math.max(1, Number(query.get('top') ?? 1000) || 1000);
      const statuses = query.get('status')?.split(',');
      const rows = engine.store.list({ prefix: query.get('prefix') ?? undefined, statuses, limit });
      return rows.map((row) => instanceDocument(row, engine));
    }
    case 'history':
      return historyDocument(query.get('id') ?? '', engine);
    case 'queues':
      return queues.depths();
    case 'state':
      return {
        ...engine.state(),
        runningInvocations: invoker.running,
        commits: engine.store.commits,
        strictDifferences: engine.differences,
        upMs: Date.now() - STARTED,
        memory: process.memoryUsage().rss,
        pid: process.pid,
        queues: queues.state(),
      };
    default:
      return undefined;
  }
}
