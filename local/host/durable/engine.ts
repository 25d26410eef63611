/**
 * The durable engine: event-sourced orchestrations over one SQLite store. A message wakes its instance; an episode plays all
 * due messages at once; what it decides is committed in one transaction before anything of it happens. After a crash
 * everything that was not recorded runs again, nothing that was recorded does.
 */
import type { Log } from '../core/log.ts';
import { ActivityRunner } from './activities.ts';
import type { EpisodeContext } from './context.ts';
import type { DurableFunctions, EngineOptions, Environment, TraceContext } from './contracts.ts';
import { Effects } from './effects.ts';
import { entityParts, runEntityTurn, signalMessage } from './entities.ts';
import { runEpisode } from './episode.ts';
import { EVENT } from './events.ts';
import { ExecutionCache } from './executions.ts';
import { createInstance } from './instances.ts';
import { rewindInstance } from './rewind.ts';
import { steadyEnvironment } from './steady-clock.ts';
import { TERMINAL, type DurableStore, type InstanceRow } from './store.ts';
import { StrictCheck } from './strict.ts';
import { Traps } from './traps.ts';

/** Longest delay of a timer of the platform, in milliseconds; longer waits are armed again. */
const MAX_TIMER_MS = 2 ** 31 - 1;
const RETRY_AFTER_FAILURE_MS = 1000;
const SAME_FAILURE_MS = 5000;
/** Bounds of the wait for further results while activities of an instance are running, in milliseconds. */
const LINGER = { least: 3, most: 40, perEvents: 50 };

/** A start of an orchestration; `inputJson` null for none. */
export interface StartRequest {
  readonly name: string;
  readonly instanceId?: string | undefined;
  readonly inputJson: string | null;
  readonly version?: string | undefined;
  readonly source?: string | undefined;
  /** W3C trace context of the caller. */
  readonly trace?: TraceContext | undefined;
}

export type StartResult = { readonly ok: true; readonly id: string } | { readonly ok: false; readonly status: string };

/** Numbers for observation. */
export interface EngineState {
  readonly runningEpisodes: number;
  readonly runningActivities: number;
  readonly waitingActivities: number;
}

/** See the head of this file. */
export class DurableEngine {
  readonly store: DurableStore;
  readonly functions: DurableFunctions;
  readonly options: EngineOptions;
  readonly #environment: Environment;
  readonly #log: Log;
  readonly #context: EpisodeContext;
  readonly #activities: ActivityRunner;
  readonly #ready = new Map<string, number>();
  readonly #busy = new Set<string>();
  readonly #watchers = new Map<string, Set<() => void>>();
  #cancelTimer: (() => void) | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #pumping = false;
  #stopped = false;
  #paused = false;
  #lastFailure = { reason: '', at: 0 };

  constructor(
    store: DurableStore,
    functions: DurableFunctions,
    options: EngineOptions,
    environment: Environment,
    log: Log,
  ) {
    this.store = store;
    this.functions = functions;
    this.options = options;
    this.#environment = steadyEnvironment(environment, store.newestTime(), log);
    this.#log = log;
    this.#context = {
      store,
      functions,
      environment: this.#environment,
      options,
      traps: new Traps(log),
      executions: new ExecutionCache(store),
      strict: new StrictCheck(functions, log),
    };
    this.#activities = new ActivityRunner(
      this.#context,
      (effects) => this.#apply(effects),
      (error) => this.#failed('an activity result could not be recorded', error),
    );
  }

  /** Takes up everything that was not finished when the last host ended. */
  start(): void {
    this.#activities.add(this.store.work());
    this.#wakeDue();
  }

  /** Starts nothing new; activities that run are still recorded. */
  pause(): void {
    this.#paused = true;
    this.#activities.pause();
    this.#cancelTimer?.();
  }

  /** Ends at once; whatever still runs in the app is not recorded and runs again with the next start. */
  stop(): void {
    this.pause();
    this.#stopped = true;
    this.#activities.stop();
  }

  /** Finished orchestrations that a second replay did not confirm (option `strict`). */
  get differences(): number {
    return this.#context.strict.differences;
  }

  now(): number {
    return this.#environment.now();
  }

  state(): EngineState {
    return {
      runningEpisodes: this.#busy.size,
      runningActivities: this.#activities.running,
      waitingActivities: this.#activities.waiting,
    };
  }

  /** Records a start; it is never lost from then on. Refused while an instance of that id has not ended. */
  startInstance(request: StartRequest): StartResult {
    const id =
      request.instanceId === undefined || request.instanceId === ''
        ? this.#environment.newId(false)
        : request.instanceId;
    const existing = this.store.instance(id);
    if (existing && this.options.replaceRunning !== true && !TERMINAL.has(existing.status))
      return { ok: false, status: existing.status };
    this.#context.executions.forget(id);
    this.#commit((effects) =>
      createInstance(this.store, effects, this.#environment, {
        id,
        name: request.name,
        input: request.inputJson,
        version: request.version ?? this.options.versions.defaultVersion,
        parent: undefined,
        source: request.source ?? null,
        trace: request.trace,
      }),
    );
    return { ok: true, id };
  }

  /** Raises an external event; `inputJson` is JSON text. */
  raiseEvent(id: string, name: string, inputJson: string): void {
    this.#commit((effects) =>
      effects.post(id, null, { EventType: EVENT.EventRaised, Name: name, Input: inputJson, ParentTraceContext: null }),
    );
  }

  terminate(id: string, reason: string | null): void {
    const row = this.store.instance(id);
    if (row?.status === 'Pending' && row.parent === null && !this.#busy.has(id))
      return this.#terminateUnstarted(row, reason);
    this.#commit((effects) => effects.post(id, null, { EventType: EVENT.ExecutionTerminated, Input: reason }));
  }

  /** An instance that has never run ends at once, with an empty history (durable-recordings, 17). */
  #terminateUnstarted(row: InstanceRow, reason: string | null): void {
    this.#commit((effects) => {
      this.store.updateStatus(row.id, 'Terminated', row.custom, 0, this.#environment.now());
      this.store.setOutput(row.id, reason === null ? null : JSON.stringify(reason));
      // Its start message is still there; the next turn drops it.
      effects.ready.add(row.id);
    });
  }

  suspend(id: string, reason: string | null): void {
    this.#commit((effects) => effects.post(id, null, { EventType: EVENT.ExecutionSuspended, Reason: reason }));
  }

  resume(id: string, reason: string | null): void {
    this.#commit((effects) => effects.post(id, null, { EventType: EVENT.ExecutionResumed, Reason: reason }));
  }

  /** Takes the failures out of the history of a failed instance, and of its failed children, and runs it again. */
  rewind(row: InstanceRow, reason: string | null): void {
    this.#commit((effects) => rewindInstance(this.#context, effects, row, reason));
  }

  /** Sends an operation to an entity without waiting for it. */
  signalEntity(id: string, operation: string, inputJson: string | null): void {
    this.#commit((effects) =>
      effects.post(id, null, signalMessage(this.#environment.newId(true), operation, inputJson, undefined)),
    );
  }

  /** Removes instances or entities for good; returns how many existed. */
  purge(ids: readonly string[]): number {
    for (const id of ids) this.#context.executions.forget(id);
    return this.store.transaction(() => ids.filter((id) => this.store.purge(id)).length);
  }

  /** Calls `changed` after every episode of an instance until the result is called. */
  watch(id: string, changed: () => void): () => void {
    const set = this.#watchers.get(id) ?? new Set();
    set.add(changed);
    this.#watchers.set(id, set);
    return () => {
      set.delete(changed);
      if (set.size === 0) this.#watchers.delete(id);
    };
  }

  #commit(work: (effects: Effects) => void): void {
    const effects = new Effects(this.store, this.#environment.now());
    this.store.transaction(() => work(effects));
    this.#apply(effects);
  }

  #apply(effects: Effects): void {
    for (const id of effects.ready) this.#wake(id);
    if (effects.work.length > 0 && !this.#paused) this.#activities.add(effects.work);
    if (effects.earliest !== Number.POSITIVE_INFINITY) this.#arm(effects.earliest);
  }

  /** Logs a failure of the host; the same one (a full disk, say) not more often than every few seconds. */
  #failed(what: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    const now = performance.now();
    if (this.#lastFailure.reason === reason && now - this.#lastFailure.at < SAME_FAILURE_MS) return;
    this.#lastFailure = { reason, at: now };
    this.#log.write({
      level: 'error',
      category: 'Host.Durable',
      message: `${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    });
  }

  #wake(id: string): void {
    if (!this.#ready.has(id)) this.#ready.set(id, this.#environment.now());
    this.#pump();
  }

  #wakeDue(): void {
    const now = this.#environment.now();
    for (const id of this.store.readyInstances(now)) this.#wake(id);
    const next = this.store.nextDue(now);
    if (next !== undefined) this.#arm(next);
  }

  #arm(at: number): void {
    if (at >= this.#timerAt || this.#paused) return;
    this.#cancelTimer?.();
    this.#timerAt = at;
    const delay = Math.min(Math.max(0, at - this.#environment.now()), MAX_TIMER_MS);
    this.#cancelTimer = this.#environment.after(delay, () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      if (!this.#paused) this.#wakeDue();
    });
  }

  #pump(): void {
    if (this.#pumping || this.#paused) return;
    this.#pumping = true;
    this.#environment.soon(() => {
      this.#pumping = false;
      if (!this.#paused) this.#dispatch();
    });
  }

  #dispatch(): void {
    const now = this.#environment.now();
    let wait = Number.POSITIVE_INFINITY;
    for (const [id, since] of this.#ready) {
      if (this.#busy.size >= this.options.maxConcurrentOrchestrators) break;
      if (this.#busy.has(id)) continue;
      const left = this.#activities.pending(id) > 0 ? since + this.#linger(id) - now : 0;
      if (left > 0) {
        wait = Math.min(wait, left);
        continue;
      }
      this.#ready.delete(id);
      this.#busy.add(id);
      void this.#turn(id);
    }
    if (wait !== Number.POSITIVE_INFINITY) this.#environment.after(wait, () => this.#pump());
  }

  /** Every episode sends the whole history, so waiting a little for more results of a fan-out saves whole replays. */
  #linger(id: string): number {
    const events = this.store.instance(id)?.events ?? 0;
    return events === 0 ? 0 : Math.min(LINGER.most, LINGER.least + events / LINGER.perEvents);
  }

  async #turn(id: string): Promise<void> {
    try {
      const entity = id.startsWith('@') && entityParts(id).name !== '' && this.store.instance(id) === undefined;
      const effects = entity ? await runEntityTurn(this.#context, id) : await runEpisode(this.#context, id);
      if (effects && !this.#stopped) this.#apply(effects);
      this.#busy.delete(id);
      if (effects && !this.#paused && this.store.dueMessages(id, this.#environment.now()).length > 0) this.#wake(id);
    } catch (error) {
      this.#busy.delete(id);
      if (this.#stopped) return;
      this.#failed(`an episode of '${id}' failed and will be tried again`, error);
      this.#environment.after(RETRY_AFTER_FAILURE_MS, () => this.#wake(id));
    }
    for (const changed of this.#watchers.get(id) ?? []) changed();
    if (this.#ready.size > 0) this.#pump();
  }
}
