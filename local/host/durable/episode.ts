/** One orchestrator episode: the due messages of an instance, one call of the function, one transaction. */
import {
  customStatusError,
  hostFailure,
  orchestrationFailure,
  nonDeterminismFailure,
  unknownFunction,
  versionMismatch,
  type OrchestrationFailure,
} from './failures.ts';
import { ACTION, EVENT, isoTime, type Action, type HistoryEvent, type OrchestratorState } from './events.ts';
import { NonDeterminismError, replay, type ReplayResult } from './replay.ts';
import type { OrchestratorPayload, OrchestratorReply } from './contracts.ts';
import type { EpisodeContext } from './context.ts';
import { EpisodeWriter, HELD } from './episode-writer.ts';
import { Effects } from './effects.ts';
import { freshlyHanded, handedEvent, type LiveExecution } from './executions.ts';
import { createInstance } from './instances.ts';
import { TERMINAL, type InboxRow, type InstanceRow } from './store.ts';
import { timeSpanText } from '../core/invocation.ts';
import { traceOf } from './trace.ts';
import { judgeVersion } from './versions.ts';

const DEFAULT_HTTP_POLL_MS = 30_000;
const LONG_TIMERS = { maximumMs: 6 * 86_400_000, intervalMs: 3 * 86_400_000 };

/** How the orchestrator's reply is to be recorded. */
type Verdict =
  | { readonly kind: 'terminated'; readonly reason: string | null }
  | {
      readonly kind: 'failed';
      readonly failure: OrchestrationFailure;
      readonly replayed?: ReplayResult;
      readonly custom?: string | null;
    }
  | {
      readonly kind: 'replayed';
      readonly state: OrchestratorState;
      readonly thrown: string | undefined;
      readonly replayed: ReplayResult;
      readonly custom: string | null;
    };

/**
 * Runs one episode of an instance and commits it. Returns what to do next, or undefined when there was nothing to do.
 * Throws when the host itself failed (disk, unreadable reply): nothing has been recorded then.
 */
export async function runEpisode(context: EpisodeContext, id: string): Promise<Effects | undefined> {
  const { store, environment } = context;
  const now = environment.now();
  const rows = store.dueMessages(id, now);
  if (rows.length === 0) return undefined;
  const row = store.instance(id);
  const messages = row ? reconcile(row, rows, context) : [];
  if (!row || messages.length === 0) {
    const effects = new Effects(store, now);
    store.transaction(() => {
      store.removeMessages(rows);
      if (row && TERMINAL.has(row.status)) startHeldChild(context, effects, row, rows);
    });
    return effects;
  }
  const terminate = messages.find((event) => event.EventType === EVENT.ExecutionTerminated);
  const judgement = terminate ? 'run' : judgeVersion(context.options.versions, row.version);
  if (judgement === 'reject') {
    const own = context.options.versions.defaultVersion ?? 'none';
    context.traps.warn(
      'version-rejected',
      id,
      `version '${row.version ?? ''}' does not match the host's (${own}): it stays ${row.status}. Set defaultVersion and the strategies in host.json`,
    );
    return undefined;
  }
  const live = context.executions.load(row);
  const started: HistoryEvent = {
    EventType: EVENT.OrchestratorStarted,
    EventId: -1,
    IsPlayed: false,
    Timestamp: isoTime(Math.max(now, live.lastTime)),
  };
  const fresh = [started, ...messages];
  let verdict: Verdict;
  if (terminate) verdict = { kind: 'terminated', reason: terminate.Input ?? null };
  else if (judgement === 'fail')
    verdict = {
      kind: 'failed',
      failure: versionMismatch(),
    };
  else {
    verdict = await askOrchestrator(context, row, live, fresh);
    if (context.options.strict === true && hasEnded(verdict))
      await context.strict.confirm(row, payloadText(context, row, live, fresh), verdict);
  }
  return commit(context, { row, live, rows, fresh, verdict });
}

/** A second start with the id of a child that was still waiting is played once that child has ended. */
function startHeldChild(context: EpisodeContext, effects: Effects, row: InstanceRow, rows: readonly InboxRow[]): void {
  let started = false;
  for (const message of rows) {
    const event: HistoryEvent = JSON.parse(message.event);
    if (event.EventType !== EVENT.ExecutionStarted || message.exec === row.exec) continue;
    if (started) {
      // One after the other: the next one waits for the end of this one.
      effects.post(row.id, message.exec, event, HELD);
      continue;
    }
    started = true;
    context.executions.forget(row.id);
    const parent = event.ParentInstance;
    createInstance(context.store, effects, context.environment, {
      id: row.id,
      name: event.Name ?? '',
      input: event.Input ?? null,
      version: event.Version ?? null,
      source: null,
      parent: parent
        ? {
            id: parent.OrchestrationInstance.InstanceId,
            exec: parent.OrchestrationInstance.ExecutionId,
            name: parent.Name,
            task: parent.TaskScheduleId,
            version: parent.Version,
          }
        : undefined,
    });
  }
}

/** Drops what belongs to another execution, a second start, and everything for an instance that has ended. */
function reconcile(row: InstanceRow, rows: readonly InboxRow[], context: EpisodeContext): HistoryEvent[] {
  if (TERMINAL.has(row.status)) return [];
  let hasStart = row.events > 0;
  const result: HistoryEvent[] = [];
  for (const message of rows) {
    if (message.exec !== null && message.exec !== row.exec) continue;
    const event: HistoryEvent = JSON.parse(message.event);
    if (event.EventType === EVENT.ExecutionStarted) {
      if (hasStart) continue;
      hasStart = true;
    }
    result.push(event);
  }
  if (!hasStart) {
    context.traps.warn('no-history', row.id, 'messages for an instance that has no start event were dropped');
    return [];
  }
  return result;
}

/** The fields of the payload besides history and input, in the recorded order (durable-recordings/README.md, 2). */
function payloadFields({ options }: EpisodeContext, row: InstanceRow, live: LiveExecution) {
  const limits = options.longTimers ?? LONG_TIMERS;
  return {
    instanceId: row.id,
    isReplaying: live.events.length > 0,
    parentInstanceId: row.parent,
    sourceInstanceId: row.source,
    upperSchemaVersion: 1,
    upperSchemaVersionNew: 3,
    longRunningTimerIntervalDuration: timeSpanText(limits.intervalMs),
    maximumShortTimerDuration: timeSpanText(limits.maximumMs),
    defaultHttpAsyncRequestSleepTimeMillseconds: options.httpPollMs ?? DEFAULT_HTTP_POLL_MS,
  };
}

function payloadText(
  context: EpisodeContext,
  row: InstanceRow,
  live: LiveExecution,
  fresh: readonly HistoryEvent[],
): string {
  const pieces = [...context.store.history(row.id), ...fresh.map((event) => JSON.stringify(event))];
  const rest = JSON.stringify(payloadFields(context, row, live));
  return `{"history":[${pieces.join(',')}],"input":${context.store.input(row.id) ?? 'null'},${rest.slice(1)}`;
}

/** The payload as an object whose history is not copied. */
function payloadObject(
  context: EpisodeContext,
  row: InstanceRow,
  live: LiveExecution,
  fresh: readonly HistoryEvent[],
): OrchestratorPayload {
  const history = [
    ...live.handed.map(freshlyHanded),
    ...fresh.map((event) => freshlyHanded(handedEvent(event, event.IsPlayed))),
  ];
  const input: unknown = JSON.parse(context.store.input(row.id) ?? 'null');
  const payload = { history, input, ...payloadFields(context, row, live) };
  // The SDK walks all enumerable values for times to convert; those of the history are converted already.
  return Object.defineProperty(payload, 'history', { enumerable: false });
}

async function callFunction(
  context: EpisodeContext,
  name: string,
  row: InstanceRow,
  live: LiveExecution,
  fresh: readonly HistoryEvent[],
): Promise<OrchestratorReply> {
  const { functions } = context;
  const trace = traceOf([...live.events.slice(0, 2), ...fresh]);
  const direct = await functions.runOrchestratorDirectly?.(name, payloadObject(context, row, live, fresh), trace);
  return direct ?? functions.runOrchestrator(name, payloadText(context, row, live, fresh), trace);
}

async function askOrchestrator(
  context: EpisodeContext,
  row: InstanceRow,
  live: LiveExecution,
  fresh: readonly HistoryEvent[],
): Promise<Verdict> {
  const { functions } = context;
  const name = functions.find('orchestrator', row.name);
  if (name === undefined) {
    return {
      kind: 'failed',
      failure: hostFailure(row.name, unknownFunction('orchestrator', row.name, functions.names('orchestrator'))),
    };
  }
  const { state, thrown } = await callFunction(context, name, row, live, fresh);
  // Without a state the extension has no actions to run: a history that holds some is called non-deterministic.
  const actionLists = state?.actions ?? [[]];
  const custom = state?.customStatus === undefined ? null : JSON.stringify(state.customStatus);
  const tooLarge = customStatusError(custom);
  if (tooLarge !== undefined) return { kind: 'failed', failure: hostFailure(row.name, tooLarge) };
  const [actions, ...further] = actionLists;
  if (!actions || further.length > 0) {
    const text = `The orchestrator returned ${actionLists.length} action lists instead of one.`;
    return { kind: 'failed', failure: hostFailure(row.name, text) };
  }
  try {
    const options = {
      refuse: (action: Action) => refusal(context, row, action),
      httpPollMs: context.options.httpPollMs ?? DEFAULT_HTTP_POLL_MS,
      ...(context.options.longTimers ?? LONG_TIMERS),
    };
    const replayed = replay(row.id, row.exec, actions, [...live.events, ...fresh], options);
    if (!state) return { kind: 'failed', failure: hostFailure(row.name, thrown ?? 'the function returned nothing') };
    return { kind: 'replayed', state, thrown, replayed, custom };
  } catch (error) {
    if (!(error instanceof NonDeterminismError)) throw error;
    context.traps.warn('non-determinism', row.id, thrown === undefined ? error.message : `${thrown} ${error.message}`);
    return { kind: 'failed', failure: nonDeterminismFailure(error.message), custom };
  }
}

/** Why the extension would not schedule an action; it swallows the error then. */
function refusal(context: EpisodeContext, row: InstanceRow, action: Action): string | undefined {
  const { functions } = context;
  const missing = (kind: 'activity' | 'orchestrator' | 'entity', name: string): string | undefined =>
    functions.find(kind, name) === undefined ? `there is no ${kind} function of that name` : undefined;
  switch (action.actionType) {
    case ACTION.CallActivity:
    case ACTION.CallActivityWithRetry:
      return missing('activity', action.functionName ?? '');
    case ACTION.CallSubOrchestrator:
    case ACTION.CallSubOrchestratorWithRetry: {
      const child = action.instanceId ?? '';
      if (child.startsWith('@')) return 'instance ids must not start with @';
      const same = [row.id, row.parent].some((id) => id?.toLowerCase() === child.toLowerCase());
      if (same) return 'the child has the id of its own parent';
      return missing('orchestrator', action.functionName ?? '');
    }
    case ACTION.CallEntity:
    case ACTION.SignalEntity:
    case ACTION.ScheduledSignalEntity:
      return missing('entity', (action.instanceId ?? '').split('@')[1] ?? '');
    case ACTION.LockEntities:
      return (action.lockSet ?? [])
        .map((entity) => missing('entity', entity.name))
        .find((reason) => reason !== undefined);
    default:
      return undefined;
  }
}

/** True when the function has ended and nothing that it started is open any more. */
function hasEnded(verdict: Verdict): verdict is Extract<Verdict, { kind: 'replayed' }> {
  if (verdict.kind !== 'replayed') return false;
  const { replayed, state, thrown } = verdict;
  return !replayed.suspended && replayed.openTasks === 0 && replayed.finished && (state.isDone || thrown !== undefined);
}

interface Outcome {
  readonly row: InstanceRow;
  readonly live: LiveExecution;
  readonly rows: readonly InboxRow[];
  readonly fresh: readonly HistoryEvent[];
  readonly verdict: Verdict;
}

function commit(context: EpisodeContext, { row, live, rows, fresh, verdict }: Outcome): Effects {
  const { store, environment } = context;
  const effects = new Effects(store, environment.now());
  try {
    store.transaction(() => {
      // The instance may have been purged or replaced while the function ran; its messages are gone with it.
      if (store.instance(row.id)?.exec !== row.exec) return context.executions.forget(row.id);
      store.removeMessages(rows);
      const writer = new EpisodeWriter(context, row, live, effects);
      writer.append(fresh);
      if (verdict.kind === 'terminated') return writer.terminate(verdict.reason);
      if (verdict.kind === 'failed') return writer.fail(verdict.failure, verdict.custom ?? null, undefined);
      writer.recordNewActions(verdict.replayed);
      const { state, replayed, custom } = verdict;
      if (!hasEnded(verdict)) return writer.goOn(replayed, state, custom, fresh);
      if (replayed.continueAsNew && state.isDone) return writer.continueAsNew(replayed, custom);
      if (state.isDone) return writer.complete(state, custom, replayed);
      if (state.error === undefined || state.error === '')
        context.traps.warn(
          'error-without-text',
          row.id,
          'it threw something without a message (a text, a number, null): its output is hard to read',
        );
      return writer.fail(orchestrationFailure(row.name, state, verdict.thrown ?? ''), custom, replayed);
    });
  } catch (error) {
    // Memory may be ahead of the disk now.
    context.executions.forget(row.id);
    throw error;
  }
  return effects;
}
