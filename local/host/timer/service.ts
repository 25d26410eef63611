/** Timer triggers: never two runs at once, missed runs are caught up once, status is kept (host-recordings/README.md, Timer). */
import type { FunctionApp, RegisteredFunction } from '../core/function-app.ts';
import type { InvocationInput, Invoker } from '../core/invocation.ts';
import type { Log } from '../core/log.ts';
import { textOption, type TypedData } from '../core/protocol.ts';
import { invokeWithRetry } from '../core/retry.ts';
import type { DurableStore, TimerStatusRow } from '../durable/store.ts';
import { resolveSettings } from '../queue/service.ts';
import { parseSchedule, ScheduleError, type Schedule } from './schedule.ts';
import { timerZone, type Zone } from './zone.ts';

/** What the service works with. */
export interface TimerServiceOptions {
  readonly app: FunctionApp;
  readonly invoker: Invoker;
  readonly settings: NodeJS.ProcessEnv;
  readonly store: DurableStore;
  readonly log: Log;
  readonly clientInputs: (fn: RegisteredFunction) => { name: string; data: TypedData }[];
  /** True when only the worker process is new: `runOnStartup` means the start of the host. */
  readonly restarted: boolean;
}

/** Longest single wait; longer ones are split. */
const MAX_WAIT_MS = 24 * 86_400_000;
const NEVER = '0001-01-01T00:00:00+00:00';

/** The zone of the timers. Throws ScheduleError. */
function zoneOf(settings: NodeJS.ProcessEnv): Zone {
  try {
    return timerZone(settings);
  } catch (error) {
    const name = settings['WEBSITE_TIME_ZONE'];
    throw new ScheduleError(
      `'${name}' is not a time zone. Give WEBSITE_TIME_ZONE an IANA name such as Europe/Berlin.`,
      { cause: error },
    );
  }
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
        const zone = zoneOf(settings);
        const timer = new FunctionTimer(this.#options, fn, parseSchedule(text, zone), zone);
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

  /** Runs the function once, outside of its schedule. Throws what it throws. */
  async call(fn: RegisteredFunction): Promise<void> {
    await this.#timers.find((timer) => timer.fn === fn)?.call();
  }

  /** Arms nothing more; a run under way goes on. */
  stop(): void {
    for (const timer of this.#timers) timer.stop();
  }
}

class FunctionTimer {
  readonly #options: TimerServiceOptions;
  readonly fn: RegisteredFunction;
  readonly #schedule: Schedule;
  readonly #zone: Zone;
  readonly #monitored: boolean;
  #handle: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: TimerServiceOptions, fn: RegisteredFunction, schedule: Schedule, zone: Zone) {
    this.#options = options;
    this.#zone = zone;
    this.fn = fn;
    this.#schedule = schedule;
    this.#monitored = fn.trigger['useMonitor'] !== false && !schedule.frequent;
  }

  start(): void {
    const now = Date.now();
    const stored = this.#monitored ? this.#options.store.timerStatus(this.fn.name) : undefined;
    const status = stored ? this.#current(stored, now) : this.#first(now);
    const isPastDue = stored !== undefined && Date.parse(status.next) < now;
    const runsNow = this.fn.trigger['runOnStartup'] === true && !this.#options.restarted;
    if (isPastDue || runsNow) void this.#run(isPastDue, status);
    else this.#arm(status, Date.parse(status.next));
  }

  async call(): Promise<void> {
    const status = this.#monitored ? this.#options.store.timerStatus(this.fn.name) : undefined;
    await this.#options.invoker.invoke(this.fn, this.#input(false, status));
  }

  /** A timer that is seen for the first time: what it waits for is recorded, so that it can be missed. */
  #first(now: number): TimerStatusRow {
    const next = this.#zone.text(this.#schedule.next(now));
    if (this.#monitored) this.#store({ last: NEVER, next, last_updated: this.#zone.text(now) });
    return { last: NEVER, next, last_updated: NEVER };
  }

  /** The stored status; when the schedule is another one now, it begins anew, and nothing counts as missed. */
  #current(stored: TimerStatusRow, now: number): TimerStatusRow {
    const base = [stored.last, stored.last_updated].find((time) => time !== NEVER);
    let from = base === undefined ? now : Date.parse(base);
    if (this.#schedule.next(from) === Date.parse(stored.next)) return stored;
    if (this.#schedule.next(from) < now) from = now;
    const status = {
      last: NEVER,
      next: this.#zone.text(this.#schedule.next(from)),
      last_updated: this.#zone.text(from),
    };
    this.#store(status);
    return status;
  }

  #store(status: TimerStatusRow): void {
    try {
      this.#options.store.putTimerStatus(this.fn.name, status);
    } catch (error) {
      this.#options.log.write({
        level: 'error',
        category: 'Host.Timer',
        message: `The status of timer '${this.fn.name}' could not be stored: ${String(error)}`,
      });
    }
  }

  #input(isPastDue: boolean, status: TimerStatusRow | undefined): InvocationInput {
    const shown = status &&
      this.#monitored && { Last: status.last, Next: status.next, LastUpdated: status.last_updated };
    const json = JSON.stringify({
      Schedule: { AdjustForDST: this.#schedule.adjustForDST },
      ScheduleStatus: shown || null,
      IsPastDue: isPastDue,
    });
    return { triggerData: { json }, extraInputs: this.#options.clientInputs(this.fn) };
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
    const started = Date.now();
    const input = this.#input(isPastDue, status);
    const succeeded = await invokeWithRetry(this.#options.invoker, this.fn, input, () => this.#stopped);
    // A stop between two tries leaves the status alone: the run is made up for at the next start.
    if (this.#stopped && !succeeded) return;
    const next = this.#schedule.next(started);
    const now: TimerStatusRow = {
      last: this.#zone.text(started),
      next: this.#zone.text(next),
      last_updated: this.#zone.text(started),
    };
    if (this.#monitored) this.#store(now);
    this.#arm(now, next);
  }
}
