import type { EpisodeContext } from './context.ts';
import type { Effects } from './effects.ts';
import { EVENT, type HistoryEvent } from './events.ts';
import type { InstanceRow } from './store.ts';

function neutral(event: HistoryEvent): string {
  const { EventId, IsPlayed, Timestamp } = event;
  return JSON.stringify({ Data: null, EventType: EVENT.GenericEvent, EventId, IsPlayed, Timestamp });
}

/**
 * Rewinds a failed instance in place: failed activities, their scheduling rows, failed children and the end of the execution
 * become generic events; failed children are rewound first and then wake their parent (durable-recordings, 13b). Inside the
 * caller's transaction.
 */
export function rewindInstance(
  context: EpisodeContext,
  effects: Effects,
  row: InstanceRow,
  reason: string | null,
): void {
  const { store, executions, environment } = context;
  const events = store.history(row.id).map((piece): HistoryEvent => JSON.parse(piece));
  const failed = new Set(
    events.filter((event) => event.EventType === EVENT.TaskFailed).map((event) => event.TaskScheduledId),
  );
  const failedChildren = new Set(
    events
      .filter((event) => event.EventType === EVENT.SubOrchestrationInstanceFailed)
      .map((event) => event.TaskScheduledId),
  );
  let childrenRewound = false;
  for (const [seq, event] of events.entries()) {
    const scheduled = event.EventType === EVENT.TaskScheduled && failed.has(event.EventId);
    const ended =
      event.EventType === EVENT.TaskFailed ||
      event.EventType === EVENT.SubOrchestrationInstanceFailed ||
      event.EventType === EVENT.ExecutionCompleted;
    if (scheduled || ended) store.replaceHistory(row.id, seq, neutral(event));
    if (event.EventType !== EVENT.SubOrchestrationInstanceCreated || !failedChildren.has(event.EventId)) continue;
    const child = store.instance(event.InstanceId ?? '');
    if (child?.status !== 'Failed') continue;
    childrenRewound = true;
    rewindInstance(context, effects, child, reason);
  }
  executions.forget(row.id);
  store.updateStatus(row.id, 'Running', row.custom, row.events, environment.now());
  store.setOutput(row.id, null);
  if (!childrenRewound) effects.post(row.id, null, { EventType: EVENT.GenericEvent, Data: reason });
}
