/** Timer triggers: never two runs at once, missed runs are caught up once, status is kept (host-recordings/README.md, Timer). */
import type { FunctionApp, RegisteredFunction } from '../core/function-app.ts';
import type { Invoker } from '../core/invocation.ts';
import type { Log } from '../core/log.ts';
import { textOption, type TypedData } from '../core/protocol.ts';
import { invokeWithRetry } from '../core/retry.ts';
import type { DurableStore, TimerStatusRow } from '../durable/store.ts';
import { resolveSettings } from '../queue/service.ts';
import { parseSchedule, type Schedule } from './schedule.ts';

/** What the service works with. */
export interface TimerServiceOptions {
  readonly app: FunctionApp;
  readonly invoker: Invoker;
  readonly settings: NodeJS.ProcessEnv;
  readonly store: DurableStore;
  readonly log: Log;
  readonly clientInputs: (fn: RegisteredFunction) => { name: string; data: TypedData }[];
}

/** Longest single wait; longer ones are split. */
const MAX_WAIT_MS = 24 * 86_400_000;
const NEVER = '0001-01-01T00:00:00+00:00';

function offsetTime(ms: number): string {
  return new Date(ms)
    .toISOString()
    .replace(/\.000Z$/, 'Z')
    .replace(/Z$/, '+00:00');
}

/** See the head of this file. */
export class TimerService {
  readonly #options: TimerServiceOptions;
  readonly #timers: FunctionTimer[] = [];

  constructor(options: TimerServiceOptions) {
    this.#options = options;
  }

  /** Arms all timers. A function whose schedule cannot be read is left out with an error. */
  start(): void {
    const { app, settings, log } = this.#options;
    for (const fn of app.functions.values()) {
      if (fn.trigger.type.toLowerCase() !== 'timertrigger') continue;
      try {
        const text = resolveSettings(textOption(fn.trigger, 'schedule'), settings);
        const schedule = parseSchedule(text, settings['WEBSITE_TIME_ZONE'] ?? 'UTC');
        const timer = new FunctionTimer(this.#options, fn, schedule);
        this.#timers.push(timer);
        timer.start();
      } catch (error) {
        log.write({
          level: 'error',
          category: 'Host.Timer',
          message: `The '${fn.name}' function is in error: ${error instanceof Error ? error.message : String(error)}`,
        });
      }
    }
  }

  /** Arms nothing more; a run under way goes on. */
  stop(): void {
    for (const timer of this.#timers) timer.stop();
  }
}

class FunctionTimer {
  readonly #options: TimerServiceOptions;
  readonly #fn: RegisteredFunction;
  readonly #schedule: Schedule;
  readonly #monitored: boolean;
  #handle: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: TimerServiceOptions, fn: RegisteredFunction, schedule: Schedule) {
    this.#options = options;
    this.#fn = fn;
    this.#schedule = schedule;
    this.#monitored = fn.trigger['useMonitor'] !== false && !schedule.frequent;
  }

  start(): void {
    const now = Date.now();
    const stored = this.#monitored ? this.#options.store.timerStatus(this.#fn.name) : undefined;
    const isPastDue = stored !== undefined && Date.parse(stored.next) < now;
    const status = stored ?? { last: NEVER, next: offsetTime(this.#schedule.next(now)), last_updated: NEVER };
    if (isPastDue || this.#fn.trigger['runOnStartup'] === true) void this.#run(isPastDue, status);
    else this.#arm(status, stored ? Date.parse(stored.next) : this.#schedule.next(now));
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#handle);
  }

  #arm(status: TimerStatusRow, at: number): void {
    if (this.#stopped) return;
    const left = at - Date.now();
    this.#handle = setTimeout(
      () => {
        if (left > MAX_WAIT_MS || Date.now() < at) this.#arm(status, at);
        else void this.#run(false, status);
      },
      Math.min(Math.max(0, left), MAX_WAIT_MS),
    );
  }

  async #run(isPastDue: boolean, status: TimerStatusRow): Promise<void> {
    const { invoker, store, log, clientInputs } = this.#options;
    const started = Date.now();
    const shown = this.#monitored ? { Last: status.last, Next: status.next, LastUpdated: status.last_updated } : null;
    const json = JSON.stringify({
      Schedule: { AdjustForDST: this.#schedule.adjustForDST },
      ScheduleStatus: shown,
      IsPastDue: isPastDue,
    });
    await invokeWithRetry(
      invoker,
      this.#fn,
      { triggerData: { json }, extraInputs: clientInputs(this.#fn) },
      () => this.#stopped,
    );
    if (this.#stopped) return;
    const next = this.#schedule.next(started);
    const now: TimerStatusRow = {
      last: offsetTime(started),
      next: offsetTime(next),
      last_updated: offsetTime(started),
    };
    try {
      if (this.#monitored) store.putTimerStatus(this.#fn.name, now);
    } catch (error) {
      log.write({
        level: 'error',
        category: 'Host.Timer',
        message: `The status of timer '${this.#fn.name}' could not be stored: ${String(error)}`,
      });
    }
    this.#arm(now, next);
  }
}
