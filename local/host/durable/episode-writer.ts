/** Writes the outcome of one episode; everything happens inside the caller's transaction. */
import {
  EVENT,
  RELEASE_TYPE,
  isoTime,
  type FailureDetails,
  type HistoryEvent,
  type NewAction,
  type OrchestratorState,
} from './events.ts';
import { playedPiece, type Effects } from './effects.ts';
import type { EpisodeContext } from './context.ts';
import { handedEvent, type LiveExecution } from './executions.ts';
import type { OrchestrationFailure } from './failures.ts';
import { createInstance, executionStarted } from './instances.ts';
import type { ReplayResult } from './replay.ts';
import { TERMINAL, type InstanceRow, type RuntimeStatus } from './store.ts';
import { traceOf } from './trace.ts';

/** Due time of a message that waits for the end of an instance rather than for a time. */
export const HELD = 8_640_000_000_000_000;
const ORCHESTRATION_STATUS = { Completed: 1, Failed: 3, Terminated: 5 } as const;

/** See {@link runEpisode} in episode.ts for the order of the calls. */
export class EpisodeWriter {
  readonly #context: EpisodeContext;
  readonly #row: InstanceRow;
  readonly #live: LiveExecution;
  readonly #effects: Effects;
  readonly #time: string;
  readonly #now: number;

  constructor(context: EpisodeContext, row: InstanceRow, live: LiveExecution, effects: Effects) {
    this.#context = context;
    this.#row = row;
    this.#live = live;
    this.#effects = effects;
    this.#now = context.environment.now();
    this.#time = isoTime(this.#now);
  }

  /** Appends the events an episode began with; messages are stored as played. */
  append(fresh: readonly HistoryEvent[]): void {
    for (const event of fresh) {
      const own = event.EventType === EVENT.OrchestratorStarted;
      if (own) this.#live.lastTime = Date.parse(event.Timestamp);
      this.#add(event, !own);
    }
  }

  #add(event: HistoryEvent, isPlayed: boolean): void {
    const piece = isPlayed ? playedPiece(event) : JSON.stringify(event);
    this.#context.store.appendHistory(this.#row.id, this.#live.events.length, piece);
    this.#live.events.push(event);
    this.#live.handed.push(handedEvent(event, isPlayed));
    this.#context.executions.grew(1);
  }

  #addOwn(fields: { EventType: number } & Record<string, unknown>, eventId: number): void {
    const event: HistoryEvent = { ...fields, EventId: eventId, IsPlayed: false, Timestamp: this.#time };
    this.#add(event, false);
  }

  /** Writes the scheduling events, in id order, with the work, timers, children and messages behind them. */
  recordNewActions(replayed: ReplayResult): void {
    for (const { trap, message } of replayed.traps) this.#context.traps.warn(trap, this.#row.id, message);
    for (const action of replayed.newActions) this.#record(action);
  }

  #record(action: NewAction): void {
    const { store } = this.#context;
    const { id, exec } = this.#row;
    switch (action.kind) {
      case 'activity': {
        if (typeof action.input === 'boolean')
          this.#context.traps.warn(
            'boolean-input',
            id,
            `the activity '${action.name}' was called with ${action.input}: its handler receives the text "${action.input ? 'True' : 'False'}"`,
          );
        this.#addOwn(
          {
            EventType: EVENT.TaskScheduled,
            Name: action.name,
            Version: '',
            Input: null,
            ParentTraceContext: null,
            Tags: null,
          },
          action.id,
        );
        this.#effects.work.push(
          store.addWork({ inst: id, exec, task: action.id, name: action.name, input: activityInputJson(action.input) }),
        );
        return;
      }
      case 'timer': {
        const FireAt = isoTime(action.fireAt);
        this.#addOwn({ EventType: EVENT.TimerCreated, FireAt }, action.id);
        this.#effects.post(
          id,
          exec,
          { EventType: EVENT.TimerFired, TimerId: action.id, FireAt },
          this.#timerDue(action.fireAt),
        );
        return;
      }
      case 'send': {
        const Input = JSON.stringify(action.payload);
        this.#addOwn({ EventType: EVENT.EventSent, InstanceId: action.target, Name: action.name, Input }, action.id);
        this.#effects.post(action.target, null, { EventType: EVENT.EventRaised, Name: action.name, Input });
        return;
      }
      case 'sub':
        this.#recordChild(action);
    }
  }

  /** When a timer is delivered; the real engine cuts the delay to whole seconds. */
  #timerDue(fireAt: number): number {
    if (this.#context.options.faithfulTimers !== true) return Math.max(1, Math.ceil(fireAt));
    // Some of the asked time has always passed before the real engine computes the delay: a whole second becomes none.
    const due = this.#now + Math.max(0, Math.floor((fireAt - this.#now - 1) / 1000) * 1000);
    if (due < fireAt)
      this.#context.traps.warn(
        'retry-and-early-timers',
        this.#row.id,
        'a timer or retry fires up to a second before its time',
      );
    return due;
  }

  #recordChild(action: Extract<NewAction, { kind: 'sub' }>): void {
    const { store, environment, options, traps } = this.#context;
    const { id, exec, name } = this.#row;
    const child = action.instanceId ?? `${exec}:${action.id}`;
    const version = action.version ?? options.versions.defaultVersion;
    const event = {
      EventType: EVENT.SubOrchestrationInstanceCreated,
      Name: action.name,
      Version: version,
      InstanceId: child,
      Input: null,
      ClientSpanId: null,
      Tags: null,
    };
    this.#addOwn(event, action.id);
    const existing = store.instance(child);
    const input = action.input === undefined || action.input === null ? null : JSON.stringify(action.input);
    if (existing?.status === 'Pending' && existing.parent === id && existing.parent_exec === exec) {
      // Two children of one episode with the same id: the second start is played after the end of the first.
      const own = { InstanceId: id, ExecutionId: exec };
      const parent = { Name: name, OrchestrationInstance: own, TaskScheduleId: action.id, Version: this.#row.version };
      const next = environment.newId(false);
      const start = executionStarted({
        id: child,
        exec: next,
        name: action.name,
        version,
        input,
        parent,
        generation: null,
      });
      traps.warn(
        'same-child-id',
        id,
        `two children with the id '${child}' at once: the second runs after the first has ended`,
      );
      return this.#effects.post(child, next, start, HELD);
    }
    if (existing && !TERMINAL.has(existing.status)) {
      traps.warn(
        'child-id-in-use',
        id,
        `the child id '${child}' belongs to a ${existing.status} instance: the start is dropped and this instance waits for ever`,
      );
      return;
    }
    this.#context.executions.forget(child);
    createInstance(store, this.#effects, environment, {
      id: child,
      name: action.name,
      input,
      version,
      parent: { id, exec, name, task: action.id, version: this.#row.version },
      source: null,
      trace: traceOf(this.#live.events),
    });
  }

  /** The instance goes on: it waits for something, or it is suspended. */
  goOn(replayed: ReplayResult, state: OrchestratorState, custom: string | null, fresh: readonly HistoryEvent[]): void {
    this.#addOwn({ EventType: EVENT.OrchestratorCompleted }, -1);
    this.#warnOfWaits(replayed, state);
    const paused = fresh.findLast(
      (event) => event.EventType === EVENT.ExecutionSuspended || event.EventType === EVENT.ExecutionResumed,
    );
    if (paused)
      this.#context.store.setOutput(
        this.#row.id,
        paused.Reason === undefined || paused.Reason === null ? null : JSON.stringify(paused.Reason),
      );
    this.#update(replayed.suspended ? 'Suspended' : 'Running', custom);
  }

  /** One side alone may be through with its part. */
  #warnOfWaits(replayed: ReplayResult, state: OrchestratorState): void {
    const { traps } = this.#context;
    if (replayed.suspended) return;
    if (state.isDone)
      traps.warn(
        'open-tasks',
        this.#row.id,
        replayed.openTasks > 0
          ? 'the code has returned, but tasks are still open (an un-cancelled timer or a losing activity): the instance stays Running until they end'
          : 'the code has returned, but the engine still waits for an event or the answer of an entity: the instance stays Running until it comes',
      );
    else if (replayed.finished && replayed.openTasks === 0)
      traps.warn(
        'waits-for-ever',
        this.#row.id,
        'the engine has nothing left to wait for, but the code has not ended: the instance stays Running unless an event wakes it',
      );
  }

  /** The function returned. */
  complete(state: OrchestratorState, custom: string | null, replayed: ReplayResult): void {
    const output = state.output === undefined || state.output === null ? null : JSON.stringify(state.output);
    this.#end('Completed', { output, result: output, custom, replayed });
    this.#tellParent({ EventType: EVENT.SubOrchestrationInstanceCompleted, Result: output });
  }

  /** The function threw, or the host could not go on with it. */
  fail(failure: OrchestrationFailure, custom: string | null, replayed: ReplayResult | undefined): void {
    const { output, result, failureDetails } = failure;
    this.#warnOfLocks();
    this.#end('Failed', { output: JSON.stringify(output), result, custom, replayed, failureDetails });
    this.#tellParent({
      EventType: EVENT.SubOrchestrationInstanceFailed,
      Reason: result,
      Details: failure.details,
      FailureDetails: failure.structuredForParent === true ? failureDetails : null,
    });
  }

  /** Somebody ended the instance; activities and children go on, their results are dropped. */
  terminate(reason: string | null): void {
    if (this.#row.parent !== null) {
      this.#context.traps.warn(
        'terminated-child',
        this.#row.id,
        `its parent '${this.#row.parent}' cannot read this and fails with a non-determinism text`,
      );
    }
    this.#warnOfLocks();
    const left = unfinished(this.#live.events);
    if (left > 0)
      this.#context.traps.warn(
        'terminate-leaves-children',
        this.#row.id,
        `${left} activities or children that it started go on; their results are dropped`,
      );
    this.#end('Terminated', {
      output: reason === null ? null : JSON.stringify(reason),
      result: reason,
      custom: this.#row.custom,
      replayed: undefined,
    });
    this.#tellParent({
      EventType: EVENT.SubOrchestrationInstanceFailed,
      Reason: reason,
      Details: null,
      FailureDetails: null,
    });
  }

  /** A new execution takes the place of this one; buffered events are lost, those of this batch after the call go along. */
  continueAsNew(replayed: ReplayResult, custom: string | null): void {
    const { store, environment, executions, traps } = this.#context;
    const { id, name, version } = this.#row;
    if (replayed.dropped > 0)
      traps.warn(
        'continue-as-new-drops-events',
        id,
        `${replayed.dropped} buffered external event(s) were dropped by continueAsNew`,
      );
    const given = replayed.continueAsNew?.input;
    if (typeof given === 'string')
      traps.warn(
        'continue-as-new-text',
        id,
        'continueAsNew was called with a text: the next execution gets it in quotes. Pass an object',
      );
    this.#releaseLocks(replayed, replayed.nextId);
    const exec = environment.newId(false);
    const input = given === undefined || given === null ? null : JSON.stringify(given);
    store.removeWorkOf(id);
    store.continueAsNew(id, exec, input, custom, this.#now);
    executions.forget(id);
    const start = this.#live.events.find((event) => event.EventType === EVENT.ExecutionStarted);
    this.#effects.post(
      id,
      exec,
      executionStarted({
        id,
        exec,
        name,
        version,
        input,
        parent: start?.ParentInstance ?? null,
        generation: null,
        trace: traceOf(this.#live.events),
      }),
    );
    for (const event of replayed.carryOver) this.#effects.post(id, exec, { ...event, IsPlayed: false });
  }

  #end(
    status: 'Completed' | 'Failed' | 'Terminated',
    end: {
      output: string | null;
      result: string | null;
      custom: string | null;
      replayed: ReplayResult | undefined;
      failureDetails?: FailureDetails | undefined;
    },
  ): void {
    const first = end.replayed?.nextId ?? -1;
    const id = status === 'Completed' && end.replayed ? this.#releaseLocks(end.replayed, first) : first;
    this.#addOwn(
      {
        EventType: EVENT.ExecutionCompleted,
        OrchestrationStatus: ORCHESTRATION_STATUS[status],
        Result: end.result,
        FailureDetails: end.failureDetails ?? null,
      },
      id,
    );
    this.#addOwn({ EventType: EVENT.OrchestratorCompleted }, -1);
    this.#context.store.setOutput(this.#row.id, end.output);
    this.#update(status, end.custom);
    if (this.#context.store.releaseHeld(this.#row.id, HELD, this.#now)) this.#effects.ready.add(this.#row.id);
    this.#context.executions.forget(this.#row.id);
  }

  #warnOfLocks(): void {
    const kept = this.#context.store.lockedBy(this.#row.id);
    if (kept.length > 0)
      this.#context.traps.warn(
        'lock-kept',
        this.#row.id,
        `it ended while it held the lock of ${kept.join(', ')}: nobody releases it, everybody else waits for ever`,
      );
  }

  /** What the code has not released is released when it returns; `id` is the next free event id, and so is the result. */
  #releaseLocks({ locks }: ReplayResult, id: number): number {
    let next = id;
    for (const target of locks?.entities ?? []) {
      const Input = JSON.stringify({ $type: RELEASE_TYPE, parent: this.#row.id, id: locks?.requestId });
      this.#addOwn({ EventType: EVENT.EventSent, InstanceId: target, Name: 'release', Input }, next++);
      this.#effects.post(target, null, { EventType: EVENT.EventRaised, Name: 'release', Input });
    }
    return next;
  }

  #update(status: RuntimeStatus, custom: string | null): void {
    if (this.#row.custom !== null && custom === null && (status === 'Running' || status === 'Completed'))
      this.#context.traps.warn(
        'custom-status-cleared',
        this.#row.id,
        "the custom status is null again: a falsy status (0, '', false, null) is not sent and erases the old one",
      );
    this.#context.store.updateStatus(this.#row.id, status, custom, this.#live.events.length, this.#now);
  }

  #tellParent(event: object): void {
    const { parent, parent_exec, parent_task } = this.#row;
    if (parent !== null) this.#effects.post(parent, parent_exec, { ...event, TaskScheduledId: parent_task });
  }
}

/** Number of activities and children that have no result yet. */
function unfinished(events: readonly HistoryEvent[]): number {
  const answered = new Set(events.map((event) => event.TaskScheduledId));
  return events.filter(
    (event) =>
      (event.EventType === EVENT.TaskScheduled || event.EventType === EVENT.SubOrchestrationInstanceCreated) &&
      !answered.has(event.EventId),
  ).length;
}

/** JSON of an activity's input: the SDK has already made a JSON text of a string (functions-host-protocol.md, 2.5). */
function activityInputJson(input: unknown): string | null {
  if (input === undefined || input === null) return null;
  return typeof input === 'string' ? input : JSON.stringify(input);
}
