/** Status documents of the HTTP API (durable-recordings, 01, 13, 16). */
import { EVENT, eventName, type HistoryEvent } from './events.ts';
import type { EntityRow, InstanceView } from './store.ts';

/** The value of a JSON text; a text that is no JSON is shown as it is. */
export function shownValue(json: string | null | undefined): unknown {
  if (json === null || json === undefined) return null;
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}

/** Milliseconds as `2026-11-20T22:05:20Z`. */
function secondsText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** One instance as the status endpoints show it. */
export function statusDocument(row: InstanceView, showInput: boolean): Record<string, unknown> {
  return {
    name: row.name,
    instanceId: row.id,
    runtimeStatus: row.status,
    input: showInput ? shownValue(row.input) : null,
    customStatus: shownValue(row.custom),
    output: shownValue(row.output),
    createdTime: secondsText(row.created),
    lastUpdatedTime: secondsText(row.updated),
    ...(row.version === null || row.version === '' ? {} : { version: row.version }),
  };
}

/** An entity as the listing of instances shows it; its input is the state of the scheduler, as far as there is one here. */
export function entityAsInstance(row: EntityRow, showInput: boolean): Record<string, unknown> {
  const waiting = JSON.parse(row.queue) as unknown[];
  const lock = row.locked_by === null ? {} : { lockedBy: row.locked_by };
  const exists = row.present === 1;
  const input = {
    ...(exists ? { exists } : {}),
    ...(row.state === null ? {} : { state: row.state }),
    ...(waiting.length > 0 ? { queue: waiting } : {}),
    ...lock,
    sorter: {},
  };
  return {
    name: row.id,
    instanceId: row.id,
    runtimeStatus: 'Running',
    input: showInput ? input : null,
    customStatus: {
      ...(exists ? { entityExists: true } : {}),
      ...(waiting.length > 0 ? { queueSize: waiting.length } : {}),
      ...lock,
    },
    output: null,
    createdTime: secondsText(row.created),
    lastUpdatedTime: secondsText(row.updated),
  };
}

const HIDDEN: ReadonlySet<number> = new Set([EVENT.OrchestratorStarted, EVENT.OrchestratorCompleted]);
const SCHEDULING: ReadonlySet<number> = new Set([EVENT.TaskScheduled, EVENT.SubOrchestrationInstanceCreated]);
const DROPPED_FIELDS = new Set([
  'EventId',
  'IsPlayed',
  'OrchestrationInstance',
  'ParentInstance',
  'TaskScheduledId',
  'TimerId',
  'Version',
  'Tags',
  'EventType',
  'Timestamp',
  'Name',
  'Result',
  'OrchestrationStatus',
]);
const STATUS_TEXT: Readonly<Record<number, string>> = { 1: 'Completed', 3: 'Failed', 5: 'Terminated' };

/**
 * History as `showHistory` shows it: scheduling rows are folded into the rows of their results, times of scheduling and
 * function names added; what has no result yet has a row of its own. Results and inputs of results are shown only with `showOutput`.
 */
export function historyDocument(events: readonly HistoryEvent[], showOutput: boolean): Record<string, unknown>[] {
  const scheduled = new Map<number, HistoryEvent>();
  for (const event of events) {
    if (SCHEDULING.has(event.EventType)) scheduled.set(event.EventId, event);
  }
  const answered = new Set(events.map((event) => event.TaskScheduledId));
  const shown = (event: HistoryEvent): boolean =>
    !HIDDEN.has(event.EventType) && !(scheduled.get(event.EventId) === event && answered.has(event.EventId));
  return events.filter(shown).map((event) => historyRow(event, scheduled, showOutput));
}

function historyRow(
  event: HistoryEvent,
  scheduled: ReadonlyMap<number, HistoryEvent>,
  showOutput: boolean,
): Record<string, unknown> {
  const row: Record<string, unknown> = { EventType: eventName(event.EventType) };
  if (event.OrchestrationStatus !== undefined)
    row['OrchestrationStatus'] = STATUS_TEXT[event.OrchestrationStatus] ?? 'Unknown';
  if ('Result' in event && showOutput) row['Result'] = shownValue(event.Result);
  for (const [name, value] of Object.entries(event)) if (!DROPPED_FIELDS.has(name)) row[name] = value;
  if (event.Name !== undefined && event.EventType !== EVENT.ExecutionStarted) row['Name'] = event.Name;
  if (SCHEDULING.has(event.EventType)) row['Tags'] = null;
  row['Timestamp'] = event.Timestamp;
  if (event.EventType === EVENT.ExecutionStarted) row['FunctionName'] = event.Name;
  const origin = event.TaskScheduledId === undefined ? undefined : scheduled.get(event.TaskScheduledId);
  if (origin) {
    row['ScheduledTime'] = origin.Timestamp.replace(/Z$/, '+00:00');
    row['FunctionName'] = origin.Name;
    if (origin.InstanceId !== undefined) row['InstanceId'] = origin.InstanceId;
    row['Input'] = null;
  }
  return row;
}
