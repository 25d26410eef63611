/**
 * Host side of the orchestrator protocol: the action list that the SDK returned is executed again against the history, the
 * way the Durable extension does (functions-host-protocol.md, 2.4; durable-recordings/README.md, section 2). Ids are not
 * transmitted; both sides count them, so the order in which actions are issued here decides which result reaches which call.
 */
import {
  ACTION,
  EVENT,
  RELEASE_TYPE,
  entityId,
  type Action,
  type HistoryEvent,
  type NewAction,
  type RetryOptions,
} from './events.ts';
import { awaitHttp } from './replay-http.ts';
import {
  NonDeterminismError,
  nonDeterminismText,
  normalEntityId,
  describe,
  MAX_RETRY_INTERVAL_MS,
  retryDelay,
  retryOptionsOf,
  taskKey,
  type ReplayOptions,
  type ReplayResult,
} from './replay-types.ts';
import { deterministicUuid, sevenDigitTime } from './uuid.ts';

type Listener = (ok: boolean, event?: HistoryEvent) => void;

/** A node of the awaited tree: an action, or a compound of actions. */
interface TaskNode {
  done: boolean;
  ok: boolean;
  listener: (() => void) | undefined;
}

const DAY_MS = 86_400_000;
const REQUEST_TYPE =
  'Microsoft.Azure.WebJobs.Extensions.DurableTask.RequestMessage, Microsoft.Azure.WebJobs.Extensions.DurableTask';
const ENTITY_ID_TYPE =
  'Microsoft.Azure.WebJobs.Extensions.DurableTask.EntityId, Microsoft.Azure.WebJobs.Extensions.DurableTask';
const DEFAULT_HTTP_POLL_MS = 30_000;

type Unnumbered = NewAction extends infer A ? (A extends NewAction ? Omit<A, 'id'> : never) : never;

/** One replay of one execution; use {@link replay}. */
class Replay {
  readonly #instanceId: string;
  readonly #executionId: string;
  readonly #actions: readonly Action[];
  readonly #options: ReplayOptions;
  #nextId = 0;
  #now = 0;
  #startedAt = '';
  #requests = 0;
  #cursor = 0;
  #finished = false;
  #suspended = false;
  #continueAsNew: { input: unknown } | undefined;
  #locks: { entities: string[]; requestId: string } | undefined;
  readonly #open = new Map<number, Listener>();
  readonly #scheduled = new Map<number, NewAction>();
  readonly #waiters = new Map<string, ((event: HistoryEvent) => void)[]>();
  readonly #buffered = new Map<string, HistoryEvent[]>();
  readonly #carryOver: HistoryEvent[] = [];
  readonly #held: HistoryEvent[] = [];
  readonly #traps: { trap: string; message: string }[] = [];
  /** Unfinished tasks of an earlier Task.any, by what they are. */
  readonly #losers = new Map<string, TaskNode>();
  /** Task.all compounds that the SDK has left at a first failure while the host still waits for the rest. */
  #leftEarly = 0;
  #drifted = false;

  constructor(instanceId: string, executionId: string, actions: readonly Action[], options: ReplayOptions) {
    this.#instanceId = instanceId;
    this.#executionId = executionId;
    this.#actions = actions;
    this.#options = options;
  }

  /** Time of the current episode, milliseconds since 1970. */
  get now(): number {
    return this.#now;
  }

  /** Feeds the history, in order. Throws NonDeterminismError. */
  run(history: readonly HistoryEvent[]): ReplayResult {
    for (const event of history) this.#process(event);
    const dropped = this.#continueAsNew ? [...this.#buffered.values()].flat().length : 0;
    return {
      newActions: this.#suspended ? [] : [...this.#scheduled.values()].sort((a, b) => a.id - b.id),
      openTasks: this.#open.size,
      finished: this.#finished,
      continueAsNew: this.#continueAsNew,
      carryOver: this.#carryOver,
      dropped,
      suspended: this.#suspended,
      nextId: this.#nextId,
      locks: this.#locks,
      traps: this.#traps,
    };
  }

  /** Issues a task: gives it the next id; `listener` is called when its result comes. */
  issue(action: Unnumbered, listener: Listener): number {
    const id = this.#nextId++;
    this.#scheduled.set(id, { ...action, id });
    this.#open.set(id, listener);
    return id;
  }

  /** Issues a timer. */
  timer(fireAt: number, listener: Listener): number {
    return this.issue({ kind: 'timer', fireAt }, listener);
  }

  #settle(node: TaskNode, ok: boolean): void {
    if (node.done) return;
    node.done = true;
    node.ok = ok;
    node.listener?.();
  }

  #send(target: string, name: string, payload: object): void {
    const id = this.#nextId++;
    this.#scheduled.set(id, { kind: 'send', id, target, name, payload });
  }

  #waitForEvent(name: string, listener: (event: HistoryEvent) => void): void {
    const key = name.toLowerCase();
    const hear = (event: HistoryEvent): void => {
      if (event.Name !== name)
        this.trap(
          'event-case',
          `the event '${event.Name ?? ''}' was consumed by the waiter for '${name}': the engine ignores case, the SDK does not and waits on`,
        );
      listener(event);
    };
    const queue = this.#buffered.get(key);
    const first = queue?.shift();
    if (queue?.length === 0) this.#buffered.delete(key);
    if (first) return hear(first);
    const list = this.#waiters.get(key);
    if (list) list.push(hear);
    else this.#waiters.set(key, [hear]);
  }

  /** Long timers run in slices; while one is in long mode every slice is at most one interval (durable-recordings/README.md, 2.4). */
  #createTimer(action: Action, node: TaskNode): void {
    const fireAt = typeof action.fireAt === 'number' ? action.fireAt : Date.parse(action.fireAt ?? '');
    const interval = this.#options.intervalMs ?? 3 * DAY_MS;
    let id: number | undefined;
    const slice = (): void => {
      const left = fireAt - this.#now;
      if (left <= 0) return this.#settle(node, true);
      id = this.timer(left > interval ? this.#now + interval : fireAt, slice);
    };
    if (fireAt - this.#now > (this.#options.maximumMs ?? 6 * DAY_MS)) slice();
    else id = this.timer(fireAt, () => this.#settle(node, true));
    if (action.isCanceled === true) {
      if (id !== undefined) this.#open.delete(id);
      this.#settle(node, false);
    }
  }

  #withRetry(node: TaskNode, retry: RetryOptions, issue: (listener: Listener) => void): void {
    const first = this.#now;
    let attempt = 0;
    const run = (): void =>
      issue((ok, event) => {
        if (ok) return this.#settle(node, true);
        attempt++;
        if (this.#leftEarly > 0) this.#drifted = true;
        const isFinal = event?.FailureDetails?.IsNonRetriable === true;
        // One more timer, due at once, follows the last attempt; the SDK waits for exactly that timer before it throws.
        if (!isFinal && attempt >= retry.maxNumberOfAttempts) {
          this.timer(this.#now, () => this.#settle(node, false));
          return;
        }
        const delay = isFinal ? 0 : retryDelay(retry, attempt, this.#now - first);
        if (delay > 0) return void this.timer(this.#now + delay, run);
        this.trap('retry-timeout', 'the engine gives up without the timer that the SDK waits for: it stays Running');
        this.#settle(node, false);
      });
    run();
  }

  /** Notes a named warning. */
  trap(trap: string, message: string): void {
    this.#traps.push({ trap, message });
  }

  #refused(action: Action): boolean {
    const retry = action.retryOptions;
    let reason = this.#options.refuse?.(action);
    if (
      retry &&
      (retry.maxNumberOfAttempts < 1 ||
        Math.max(retry.firstRetryIntervalInMilliseconds, retry.maxRetryIntervalInMilliseconds ?? 0) >
          MAX_RETRY_INTERVAL_MS)
    ) {
      reason = 'its retry options are invalid (at least one attempt, intervals up to six days)';
    }
    if (reason === undefined) return false;
    this.trap(
      'not-scheduled',
      `'${action.functionName ?? action.instanceId ?? ''}' was not scheduled: ${reason}. The real engine swallows this and the instance stays Running`,
    );
    return true;
  }

  #build(action: Action): TaskNode {
    const node: TaskNode = { done: false, ok: true, listener: undefined };
    if (this.#refused(action)) return { done: true, ok: false, listener: undefined };
    const listener: Listener = (ok) => this.#settle(node, ok);
    switch (action.actionType) {
      case ACTION.CallActivity:
        this.#issueActivity(action, listener);
        break;
      case ACTION.CallActivityWithRetry:
        this.#withRetry(node, retryOptionsOf(action), (next) => this.#issueActivity(action, next));
        break;
      case ACTION.CallSubOrchestrator:
        this.#issueChild(action, listener);
        break;
      case ACTION.CallSubOrchestratorWithRetry:
        this.#withRetry(node, retryOptionsOf(action), (next) => this.#issueChild(action, next));
        break;
      case ACTION.CreateTimer:
        this.#createTimer(action, node);
        break;
      case ACTION.WaitForExternalEvent:
        this.#waitForEvent(action.externalEventName ?? '', () => this.#settle(node, true));
        break;
      case ACTION.CallHttp:
        awaitHttp(this, action, this.#options.httpPollMs ?? DEFAULT_HTTP_POLL_MS, listener);
        break;
      case ACTION.ContinueAsNew:
        // The first of several calls wins (durable-recordings, 07).
        this.#continueAsNew ??= { input: action.input };
        this.#settle(node, true);
        break;
      case ACTION.WhenAll:
      case ACTION.WhenAny:
        this.#compound(action, node);
        break;
      default:
        this.#buildEntityAction(action, node);
    }
    return node;
  }

  #issueActivity(action: Action, listener: Listener): void {
    this.issue({ kind: 'activity', name: action.functionName ?? '', input: action.input }, listener);
  }

  #issueChild(action: Action, listener: Listener): void {
    const asked = action.instanceId ?? '';
    const instanceId = asked.trim() === '' ? undefined : asked;
    const version = action.version ?? undefined;
    this.issue({ kind: 'sub', name: action.functionName ?? '', input: action.input, instanceId, version }, listener);
  }

  #compound(action: Action, node: TaskNode): void {
    const list = action.compoundActions ?? [];
    this.#checkReuse(list);
    const children = list.map((child) => this.#build(child));
    if (action.actionType === ACTION.WhenAny) {
      for (const [index, child] of children.entries()) if (!child.done) this.#losers.set(taskKey(list[index]), child);
      if (children.some((child) => child.done)) return this.#settle(node, true);
      for (const child of children) child.listener = () => this.#settle(node, true);
      return;
    }
    let left = children.filter((child) => !child.done).length;
    const finish = (): void =>
      this.#settle(
        node,
        children.every((child) => child.ok),
      );
    if (left === 0) return finish();
    let leftEarly = false;
    for (const child of children) {
      if (child.done) continue;
      child.listener = () => {
        left--;
        if (!child.ok && !leftEarly) {
          leftEarly = true;
          this.#leftEarly++;
        }
        if (left > 0) return;
        if (leftEarly) this.#leftEarly--;
        finish();
      };
    }
  }

  /** A task that lost a Task.any and is part of another compound is scheduled again (durable-recordings/README.md, 6). */
  #checkReuse(list: readonly Action[]): void {
    if (this.#losers.size === 0) return;
    for (const action of list) {
      const before = this.#losers.get(taskKey(action));
      if (before?.done === false && action.actionType !== ACTION.WaitForExternalEvent)
        this.trap(
          'task-used-twice',
          `${describe(action)} was part of an earlier Task.any and seems to be yielded again in another compound: it is scheduled a second time and results may go to the wrong calls`,
        );
    }
  }

  #requestId(): string {
    return deterministicUuid(`${this.#instanceId}_${sevenDigitTime(this.#startedAt)}_${this.#requests++}`);
  }

  #request(id: string, fields: object): object {
    return {
      $type: REQUEST_TYPE,
      ...fields,
      id,
      parent: this.#instanceId,
      parentExecution: this.#executionId,
      Timestamp: this.#startedAt,
      Predecessor: '0001-01-01T00:00:00',
    };
  }

  #buildEntityAction(action: Action, node: TaskNode): void {
    const input = action.input === undefined || action.input === null ? {} : { input: JSON.stringify(action.input) };
    switch (action.actionType) {
      case ACTION.CallEntity: {
        const id = this.#requestId();
        const target = normalEntityId(action.instanceId);
        const giveBack = this.#useLock(target);
        this.#send(target, 'op', this.#request(id, { op: action.operation, ...input }));
        return this.#waitForEvent(id, () => {
          giveBack();
          this.#settle(node, true);
        });
      }
      case ACTION.SignalEntity:
      case ACTION.ScheduledSignalEntity:
        this.#send(
          normalEntityId(action.instanceId),
          'op',
          this.#request(this.#requestId(), { op: action.operation, signal: true, ...input }),
        );
        return this.#settle(node, true);
      case ACTION.LockEntities: {
        const id = this.#requestId();
        const ids = [...new Set((action.lockSet ?? []).map((entity) => entityId(entity.name, entity.key)))].sort();
        const lockset = ids.map((text) => ({
          $type: ENTITY_ID_TYPE,
          name: text.slice(1, text.indexOf('@', 1)),
          key: text.slice(text.indexOf('@', 1) + 1),
        }));
        this.#send(ids[0] ?? '', 'op', { ...this.#request(id, { op: null }), lockset });
        return this.#waitForEvent(id, () => {
          this.#locks = { entities: ids, requestId: id };
          this.#settle(node, true);
        });
      }
      case ACTION.ReleaseEntities:
        for (const target of this.#locks?.entities ?? [])
          this.#send(target, 'release', { $type: RELEASE_TYPE, parent: this.#instanceId, id: this.#locks?.requestId });
        this.#locks = undefined;
        return this.#settle(node, true);
      default:
        throw new Error(`The orchestrator returned an action of unknown type ${action.actionType}.`);
    }
  }

  /** A locked entity that is being called goes to the end of the list; locks are released in that order (durable-recordings, 11b). */
  #useLock(target: string): () => void {
    const held = this.#locks?.entities;
    const at = held?.indexOf(target) ?? -1;
    if (!held || at < 0) return () => {};
    held.splice(at, 1);
    return () => void held.push(target);
  }

  #runNext(): void {
    for (let action = this.#actions[this.#cursor]; action; action = this.#actions[this.#cursor]) {
      // Nothing that follows continueAsNew is looked at (durable-recordings, 07).
      if (this.#continueAsNew) break;
      if (this.#drifted) {
        this.#drifted = false;
        this.trap(
          'retry-in-all',
          'Task.all was left at a failure while a sibling was still retrying: the ids of both sides drift apart and the next call may get the result of that retry',
        );
      }
      this.#cursor++;
      const node = this.#build(action);
      if (!node.done) {
        node.listener = () => this.#runNext();
        return;
      }
    }
    this.#finished = true;
  }

  #confirm(event: HistoryEvent, kind: NewAction['kind']): void {
    const issued = this.#scheduled.get(event.EventId);
    const named = issued && 'name' in issued ? issued.name : undefined;
    const same = issued?.kind === kind && (kind === 'timer' || named?.toLowerCase() === event.Name?.toLowerCase());
    if (!same) throw new NonDeterminismError(nonDeterminismText(event, kind, issued));
    this.#scheduled.delete(event.EventId);
  }

  #complete(id: number | undefined, ok: boolean, event: HistoryEvent): void {
    const listener = id === undefined ? undefined : this.#open.get(id);
    if (id === undefined || !listener) return;
    this.#open.delete(id);
    listener(ok, event);
  }

  #raise(event: HistoryEvent): void {
    if (this.#continueAsNew) {
      this.#carryOver.push(event);
      return;
    }
    const key = (event.Name ?? '').toLowerCase();
    // Waiters of one name are a stack, the last one is served first (durable-recordings, 08).
    const list = this.#waiters.get(key);
    if ((list?.length ?? 0) > 1)
      this.trap(
        'event-order',
        `several waiters for '${event.Name ?? ''}': the one that was created last gets the event`,
      );
    const waiter = list?.pop();
    if (list?.length === 0) this.#waiters.delete(key);
    if (waiter) return waiter(event);
    const queue = this.#buffered.get(key);
    if (queue) queue.push(event);
    else this.#buffered.set(key, [event]);
  }

  #process(event: HistoryEvent): void {
    if (event.EventType === EVENT.OrchestratorStarted) {
      this.#now = Date.parse(event.Timestamp);
      this.#startedAt = event.Timestamp;
      return;
    }
    if (this.#suspended && event.EventType !== EVENT.ExecutionResumed) {
      if (event.EventType !== EVENT.ExecutionSuspended) this.#held.push(event);
      return;
    }
    switch (event.EventType) {
      case EVENT.ExecutionStarted:
        return this.#runNext();
      case EVENT.TaskScheduled:
        return this.#confirm(event, 'activity');
      case EVENT.TimerCreated:
        return this.#confirm(event, 'timer');
      case EVENT.SubOrchestrationInstanceCreated:
        return this.#confirm(event, 'sub');
      case EVENT.EventSent:
        return this.#confirm(event, 'send');
      case EVENT.TaskCompleted:
      case EVENT.SubOrchestrationInstanceCompleted:
        return this.#complete(event.TaskScheduledId, true, event);
      case EVENT.TaskFailed:
      case EVENT.SubOrchestrationInstanceFailed:
        return this.#complete(event.TaskScheduledId, false, event);
      case EVENT.TimerFired:
        return this.#complete(event.TimerId, true, event);
      case EVENT.EventRaised:
        return this.#raise(event);
      case EVENT.ExecutionSuspended:
        this.#suspended = true;
        return;
      case EVENT.ExecutionResumed:
        this.#suspended = false;
        for (const held of this.#held.splice(0)) this.#process(held);
        return;
      default:
    }
  }
}

/**
 * Works out what an orchestrator's reply means. `history` is the whole history of the execution, with the new events.
 * Throws NonDeterminismError when a scheduling event in the history has no counterpart in the actions.
 */
export function replay(
  instanceId: string,
  executionId: string,
  actions: readonly Action[],
  history: readonly HistoryEvent[],
  options: ReplayOptions = {},
): ReplayResult {
  return new Replay(instanceId, executionId, actions, options).run(history);
}

export { NonDeterminismError, type ReplayResult } from './replay-types.ts';
