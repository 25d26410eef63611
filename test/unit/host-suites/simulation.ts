/**
 * Deterministic simulation of the durable engine: virtual time, seeded order and delays, crashes right after a commit or at any
 * other moment, clock jumps. The engine, its store (SQLite in memory) and the SDK are the real ones; activities are played.
 */
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { FunctionApp } from '../../../local/host/core/function-app.ts';
import { Invoker } from '../../../local/host/core/invocation.ts';
import { createLog, type Log } from '../../../local/host/core/log.ts';
import type {
  ActivityOutcome,
  DurableFunctions,
  EntityReply,
  Environment,
  OrchestratorReply,
} from '../../../local/host/durable/contracts.ts';
import { DurableEngine } from '../../../local/host/durable/engine.ts';
import { AppDurableFunctions } from '../../../local/host/durable/functions.ts';
import { DurableStore } from '../../../local/host/durable/store.ts';
import { Random } from './random.ts';

const APP = path.resolve(import.meta.dirname, '../../fixtures/host-suites/sim-app');
const EPOCH = Date.UTC(2026, 0, 1);
const OPTIONS = {
  versions: { defaultVersion: null, matchStrategy: 'CurrentOrOlder', failureStrategy: 'Reject' },
  maxConcurrentActivities: 4,
  maxConcurrentOrchestrators: 3,
  maxEntityBatch: 3,
} as const;

let loaded: Promise<AppDurableFunctions> | undefined;

/** The functions of the fixture app, loaded once per process; they keep no state. */
async function appFunctions(): Promise<AppDurableFunctions> {
  loaded ??= (async () => {
    const app = new FunctionApp(
      APP,
      createLog(() => {}),
    );
    await app.load();
    return new AppDurableFunctions(new Invoker(app, undefined), () => []);
  })();
  return loaded;
}

/** How unsteady the world is; all delays in virtual milliseconds. */
export interface Weather {
  /** Longest delay before the engine's own next step and before an orchestrator's reply. */
  readonly replyMs: number;
  readonly activityMs: number;
}

export const STEADY: Weather = { replyMs: 0, activityMs: 1 };
export const ROUGH: Weather = { replyMs: 30, activityMs: 5000 };

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** Everything that one life of the host process could still do; a crash takes it all away. */
interface Life {
  alive: boolean;
}

const NEVER = new Promise<never>(() => {});

/** See the head of this file. */
export class Simulation {
  readonly store = new DurableStore(':memory:');
  readonly random: Random;
  readonly log: string[] = [];
  /** Error lines of living engines: there must be none. */
  readonly errors: string[] = [];
  /** Runs of activities by instance, execution-independent key and name; recorded ones only count in `recorded`. */
  readonly started = new Map<string, number>();
  readonly recorded = new Map<string, number>();
  crashes = 0;
  engine!: DurableEngine;
  /** Virtual time since the start. */
  time = 0;
  /** What the machine's clock is off. */
  skew = 0;
  readonly #weather: Weather;
  readonly #functions: DurableFunctions;
  #queue: Pending[] = [];
  #order = 0;
  #ids = 0;
  #calls = 0;
  #life: Life = { alive: false };
  #crashAtCommit = Number.POSITIVE_INFINITY;

  private constructor(seed: number, weather: Weather, functions: DurableFunctions) {
    this.random = new Random(seed);
    this.#weather = weather;
    this.#functions = functions;
    this.store.onCommit = (commits) => {
      if (commits === this.#crashAtCommit) this.crash(`right after commit ${commits}`);
    };
    this.boot();
  }

  static async create(seed: number, weather: Weather): Promise<Simulation> {
    return new Simulation(seed, weather, await appFunctions());
  }

  note(line: string): void {
    this.log.push(`${this.time} ${line}`);
  }

  now(): number {
    return Math.floor(EPOCH + this.time + this.skew);
  }

  get alive(): boolean {
    return this.#life.alive;
  }

  /** Runs `run` after a virtual delay, whatever happens to the host. */
  schedule(delay: number, run: () => void): void {
    this.#queue.push({ at: this.time + Math.max(0, delay), order: this.#order++, run });
  }

  /** The host process dies at once and comes back after a while. */
  crash(why: string, downMs = this.random.below(3000)): void {
    if (!this.#life.alive) return;
    this.#life.alive = false;
    this.crashes++;
    this.note(`crash ${why}`);
    this.schedule(downMs, () => this.boot());
  }

  /** Crashes right after the given number of further commits. */
  crashAfterCommits(commits: number): void {
    this.#crashAtCommit = this.store.commits + commits;
  }

  boot(): void {
    const life: Life = { alive: true };
    this.#life = life;
    this.note('boot');
    const environment = this.#environment(life);
    this.engine = new DurableEngine(
      this.#storeOf(life),
      this.#functionsOf(life),
      OPTIONS,
      environment,
      this.#logOf(life),
    );
    this.engine.start();
  }

  /** Plays until nothing is left to do, or until the virtual time. True when nothing is left. */
  async run(untilMs = Number.POSITIVE_INFINITY): Promise<boolean> {
    for (;;) {
      await this.#settle();
      let next: Pending | undefined;
      for (const item of this.#queue)
        if (!next || item.at < next.at || (item.at === next.at && item.order < next.order)) next = item;
      if (!next || next.at > untilMs) {
        if (Number.isFinite(untilMs)) this.time = Math.max(this.time, untilMs);
        return next === undefined;
      }
      const chosen = next;
      this.#queue = this.#queue.filter((item) => item !== chosen);
      this.time = Math.max(this.time, chosen.at);
      chosen.run();
    }
  }

  close(): void {
    this.#life.alive = false;
    this.store.close();
  }

  async #settle(): Promise<void> {
    do await turn();
    while (this.#calls > 0);
  }

  #environment(life: Life): Environment {
    const later = (delay: number, work: () => void): (() => void) => {
      let wanted = true;
      this.schedule(delay, () => {
        if (wanted && life.alive) work();
      });
      return () => {
        wanted = false;
      };
    };
    return {
      now: () => this.now(),
      after: later,
      soon: (work) => void later(this.random.below(this.#weather.replyMs / 3 + 1), work),
      newId: (dashed) => {
        const digits = (this.#ids++).toString(16).padStart(32, '0');
        return dashed ? digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5') : digits;
      },
    };
  }

  /** The store as one life of the host sees it: a dead process commits nothing. */
  #storeOf(life: Life): DurableStore {
    return new Proxy(this.store, {
      get: (store, name) => {
        const member: unknown = Reflect.get(store, name, store);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) => {
          if (!life.alive) throw new Error('this process is dead');
          return Reflect.apply(member, store, args);
        };
      },
    });
  }

  #logOf(life: Life): Log {
    return {
      enabled: () => true,
      write: (record) => {
        if (record.level === 'error' && life.alive) this.errors.push(record.message);
      },
    };
  }

  #functionsOf(life: Life): DurableFunctions {
    return {
      names: (kind) => this.#functions.names(kind),
      find: (kind, name) => this.#functions.find(kind, name),
      runOrchestrator: async (name, payload) =>
        this.#answered<OrchestratorReply>(
          life,
          `episode of ${name}`,
          async () => this.#functions.runOrchestrator(name, payload),
          (reply) => JSON.stringify(reply).length,
        ),
      runEntity: async (name, payload) =>
        // Its results carry the wall time of each operation, which is no part of the simulation.
        this.#answered<EntityReply>(
          life,
          `entity ${name}`,
          async () => this.#functions.runEntity(name, payload),
          (reply) => `${reply.results.length} ${reply.entityState}`,
        ),
      runActivity: async (name, instance, input) => this.#activity(life, name, instance, input),
    };
  }

  /** A call into the app whose answer comes a little later in virtual time. */
  async #answered<T>(life: Life, what: string, call: () => Promise<T>, shown: (reply: T) => unknown): Promise<T> {
    if (!life.alive) return NEVER;
    this.#calls++;
    const reply = await call().finally(() => this.#calls--);
    this.note(`${what} ${String(shown(reply))}`);
    return this.#delivered(life, this.random.below(this.#weather.replyMs + 1), reply);
  }

  async #delivered<T>(life: Life, delay: number, reply: T): Promise<T> {
    return new Promise((resolve) => {
      this.schedule(delay, () => {
        if (life.alive) resolve(reply);
      });
    });
  }

  async #activity(life: Life, name: string, instance: string, input: string | null): Promise<ActivityOutcome> {
    if (!life.alive) return NEVER;
    const key = `${instance} ${name} ${input}`;
    this.started.set(key, (this.started.get(key) ?? 0) + 1);
    this.note(`activity ${key}`);
    const delay = 1 + this.random.below(this.#weather.activityMs);
    await this.#delivered(life, delay, undefined);
    const earlier = this.recorded.get(key) ?? 0;
    this.recorded.set(key, earlier + 1);
    const { value, fails } = JSON.parse(input ?? '{}');
    if (name === 'broken' || (name === 'flaky' && earlier < fails))
      return { ok: false, message: `failure ${earlier + 1}`, stack: '' };
    return { ok: true, resultJson: JSON.stringify({ value: value ?? earlier + 1 }) };
  }
}
