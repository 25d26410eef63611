import type { TraceContext } from './contracts.ts';
import { EVENT, type HistoryEvent } from './events.ts';

/** The trace context in the start event of a history; undefined when it was started without one. */
export function traceOf(events: readonly HistoryEvent[]): TraceContext | undefined {
  const start = events.find((event) => event.EventType === EVENT.ExecutionStarted);
  const parent = start?.['ParentTraceContext'];
  if (typeof parent !== 'object' || parent === null) return undefined;
  const { TraceParent, TraceState } = parent as { TraceParent?: unknown; TraceState?: unknown };
  if (typeof TraceParent !== 'string') return undefined;
  return { traceParent: TraceParent, traceState: typeof TraceState === 'string' ? TraceState : '' };
}

/** The context as it is kept in the history, or null. */
export function parentTraceContext(trace: TraceContext | undefined): object | null {
  return trace
    ? { TraceParent: trace.traceParent, TraceState: trace.traceState || null, Id: null, SpanId: null }
    : null;
}
