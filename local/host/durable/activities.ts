/** Runs activities, first come first served, up to a limit. A result is recorded in one transaction with the end of its work item. */
import type { TraceContext } from './contracts.ts';
import type { EpisodeContext } from './context.ts';
import { Effects } from './effects.ts';
import { HTTP_ACTIVITY } from './events.ts';
import { activityResultEvent } from './failures.ts';
import { runHttpActivity } from './http-activity.ts';
import type { WorkRow } from './store.ts';
import { traceOf } from './trace.ts';

/** The activity side of the engine. */
export class ActivityRunner {
  readonly #context: EpisodeContext;
  readonly #apply: (effects: Effects) => void;
  readonly #failed: (error: unknown) => void;
  readonly #queue: WorkRow[] = [];
  readonly #perInstance = new Map<string, number>();
  #running = 0;
  #stopped = false;

  /** @param apply called with the effects of each recorded result; `failed` with errors of the store. */
  constructor(context: EpisodeContext, apply: (effects: Effects) => void, failed: (error: unknown) => void) {
    this.#context = context;
    this.#apply = apply;
    this.#failed = failed;
  }

  /** Activities of this instance that wait or run. */
  pending(instanceId: string): number {
    return this.#perInstance.get(instanceId) ?? 0;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  add(work: readonly WorkRow[]): void {
    for (const row of work) {
      this.#perInstance.set(row.inst, this.pending(row.inst) + 1);
      this.#queue.push(row);
    }
    this.#next();
  }

  /** Starts nothing more and records nothing more: what runs now will run again with the next start. */
  stop(): void {
    this.#stopped = true;
    this.#queue.length = 0;
  }

  /** Starts nothing more, but still records what is running. */
  pause(): void {
    this.#queue.length = 0;
  }

  #next(): void {
    while (!this.#stopped && this.#running < this.#context.options.maxConcurrentActivities) {
      const row = this.#queue.shift();
      if (!row) return;
      this.#running++;
      void this.#run(row);
    }
  }

  async #run(row: WorkRow): Promise<void> {
    const { functions, environment } = this.#context;
    try {
      const outcome =
        row.name === HTTP_ACTIVITY
          ? await runHttpActivity(row.input)
          : await functions.runActivity(
              functions.find('activity', row.name) ?? row.name,
              row.inst,
              row.input,
              this.#traceOf(row),
            );
      if (!this.#stopped) this.#record(row, activityResultEvent(row.name, row.task, outcome));
    } catch (error) {
      this.#failed(error);
      // The work item is still on disk; try again a little later.
      if (!this.#stopped) environment.after(1000, () => this.add([row]));
    } finally {
      this.#running--;
      const left = this.pending(row.inst) - 1;
      if (left > 0) this.#perInstance.set(row.inst, left);
      else this.#perInstance.delete(row.inst);
      this.#next();
    }
  }

  #traceOf(row: WorkRow): TraceContext | undefined {
    const { executions, store } = this.#context;
    const known = executions.known(row.inst, row.exec);
    if (known) return traceOf(known.events);
    const instance = store.instance(row.inst);
    return instance?.exec === row.exec ? traceOf(executions.load(instance).events) : undefined;
  }

  #record(row: WorkRow, event: object): void {
    const { store, environment } = this.#context;
    const effects = new Effects(store, environment.now());
    store.transaction(() => {
      if (store.removeWork(row.id)) effects.post(row.inst, row.exec, event);
    });
    this.#apply(effects);
  }
}
