import { AsyncLocalStorage } from 'node:async_hooks';
import type { PipelinePolicy, PipelineResponse } from '@azure/core-rest-pipeline';
import {
  type Limit,
  type LimitedCall,
  limitsOf,
  subscriptionLimit,
  subscriptionOf,
  type Verb,
  verbOf,
} from './limits.ts';

/** A call that was not sent because it would have gone over a limit of Azure. Never the outcome of a call to Azure. */
export class BudgetDeferral extends Error {
  /** Azure seconds after which there is room. */
  readonly retryAfter: number;

  constructor(retryAfter: number) {
    super(`the ARM budget has room in ${retryAfter} s`);
    this.name = 'BudgetDeferral';
    this.retryAfter = retryAfter;
  }
}

/** What a subscription's budget is divided by and measured in. */
export interface BudgetOptions {
  /** Running instances of the app that share the identity; each gets an equal part. */
  readonly instances?: number;
  /** Azure seconds per wall-clock second. */
  readonly timeScale?: number;
  /** Wall clock in milliseconds. */
  readonly now?: () => number;
}

/** What an answer of Azure says about its limits. */
export interface LimitAnswer {
  readonly status: number;
  header(name: string): string | undefined;
  readonly body?: string | null | undefined;
}

/** The calls to Azure Resource Manager that this instance of the app may make. */
export interface Budget {
  /** Takes what one call needs. @throws BudgetDeferral when the call must wait; nothing is taken then */
  take(call: LimitedCall): void;
  /** Corrects the budget by what an answer says. */
  learn(call: LimitedCall, answer: LimitAnswer): void;
  /**
   * Sets calls aside for a sequence that starts over when it is deferred (a report of many reads), so that it is
   * deferred before its first call and not in its middle.
   *
   * @throws BudgetDeferral when they are not there
   */
  reserve<Value>(
    subscriptionId: string,
    calls: Partial<Record<Verb, number>>,
    run: () => Promise<Value>,
  ): Promise<Value>;
}

/** Part of a limit that is left to whatever else uses the same identity, and to calls on their way. */
const headroom = 0.1;

interface Bucket {
  tokens: number;
  /** Wall-clock milliseconds. */
  at: number;
  /** Calls that were taken and not yet answered. */
  flying: number;
  /** Until when the calls that were deferred so far have filled the bucket; the next one is sent behind them. */
  promisedUntil: number;
  /** Azure refuses calls until then. */
  closedUntil: number;
}

type Reserved = Partial<Record<string, number>>;

class TokenBudget implements Budget {
  readonly #instances: number;
  readonly #timeScale: number;
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();
  readonly #reserved = new AsyncLocalStorage<Reserved>();

  constructor(options: BudgetOptions) {
    this.#instances = Math.max(1, options.instances ?? 1);
    this.#timeScale = options.timeScale ?? 1;
    this.#now = options.now ?? Date.now;
  }

  take(call: LimitedCall): void {
    const limits = limitsOf(call);
    const reserved = this.#reserved.getStore();
    const [first] = limits;
    const aside = first === undefined ? 0 : (reserved?.[first.key] ?? 0);
    const wanted = aside > 0 ? limits.slice(1) : limits;
    this.#takeAll(wanted.map((limit) => ({ limit, count: 1 })));
    if (aside > 0 && reserved !== undefined && first !== undefined) reserved[first.key] = aside - 1;
    for (const limit of limits) this.#bucket(limit).flying += 1;
  }

  async reserve<Value>(
    subscriptionId: string,
    calls: Partial<Record<Verb, number>>,
    run: () => Promise<Value>,
  ): Promise<Value> {
    const verbs = (['reads', 'writes', 'deletes'] as const).filter((verb) => (calls[verb] ?? 0) > 0);
    const wanted = verbs.map((verb) => {
      const limit = subscriptionLimit(subscriptionId.toLowerCase(), verb);
      return { limit, count: Math.min(calls[verb] ?? 0, this.#size(limit)) };
    });
    this.#takeAll(wanted);
    const reserved: Reserved = Object.fromEntries(wanted.map(({ limit, count }) => [limit.key, count]));
    try {
      return await this.#reserved.run(reserved, run);
    } finally {
      for (const { limit } of wanted) this.#bucket(limit).tokens += reserved[limit.key] ?? 0;
    }
  }

  learn(call: LimitedCall, answer: LimitAnswer): void {
    const verb = verbOf(call.method);
    for (const limit of limitsOf(call)) {
      const bucket = this.#bucket(limit);
      bucket.flying = Math.max(0, bucket.flying - 1);
      const left = remaining(limit, verb, answer);
      if (left !== undefined) bucket.tokens = Math.min(bucket.tokens, this.#share(limit, left) - bucket.flying);
    }
    if (answer.status !== 429 || !/Throttled|TooManyRequests/i.test(answer.body ?? '')) return;
    const limit = subscriptionLimit(subscriptionOf(call.url), verb);
    const bucket = this.#bucket(limit);
    const seconds = Number(answer.header('retry-after') ?? 1);
    bucket.tokens = Math.min(0, bucket.tokens);
    bucket.closedUntil = this.#now() + ((Number.isFinite(seconds) ? seconds : 1) * 1000) / this.#timeScale;
  }

  /** Takes all or nothing. */
  #takeAll(wanted: readonly { readonly limit: Limit; readonly count: number }[]): void {
    const waits = wanted.map(({ limit, count }) => this.#shortfall(limit, count));
    const longest = Math.max(0, ...waits);
    if (longest > 0) {
      const waited = wanted.map(({ limit, count }, index) => ((waits[index] ?? 0) > 0 ? this.#queue(limit, count) : 0));
      throw new BudgetDeferral(Math.max(1, Math.ceil(Math.max(longest, ...waited))));
    }
    for (const { limit, count } of wanted) this.#bucket(limit).tokens -= count;
  }

  /** Azure seconds until a bucket holds `count` tokens; 0 when it does. */
  #shortfall(limit: Limit, count: number): number {
    const bucket = this.#bucket(limit);
    const closed = ((bucket.closedUntil - this.#now()) / 1000) * this.#timeScale;
    return Math.max(0, closed, (count - bucket.tokens) / this.#rate(limit));
  }

  /** Lines a deferred call up behind those that were deferred before it: they do not all come back at once. */
  #queue(limit: Limit, count: number): number {
    const bucket = this.#bucket(limit);
    const now = this.#now();
    const start = Math.max(bucket.promisedUntil, now + (this.#shortfall(limit, count) * 1000) / this.#timeScale);
    bucket.promisedUntil = start + ((count / this.#rate(limit)) * 1000) / this.#timeScale;
    return ((start - now) / 1000) * this.#timeScale;
  }

  #size(limit: Limit): number {
    return limit.own === undefined
      ? Math.max(1, Math.floor((limit.size * (1 - headroom)) / this.#instances))
      : limit.size;
  }

  #rate(limit: Limit): number {
    return (limit.own === undefined ? 1 / this.#instances : 1) * limit.perSecond * (1 - headroom / 2);
  }

  /** This instance's part of what Azure says is left, with the headroom kept free. */
  #share(limit: Limit, left: number): number {
    return limit.own === undefined ? Math.floor((left - limit.size * headroom) / this.#instances) : left;
  }

  #bucket(limit: Limit): Bucket {
    const now = this.#now();
    const size = this.#size(limit);
    const known = this.#buckets.get(limit.key);
    if (known !== undefined) {
      const seconds = (Math.max(0, now - known.at) / 1000) * this.#timeScale;
      known.tokens = Math.min(size, known.tokens + seconds * this.#rate(limit));
      known.at = now;
      return known;
    }
    if (this.#buckets.size > 5000) this.#prune(now);
    const fresh = { tokens: size, at: now, flying: 0, promisedUntil: 0, closedUntil: 0 };
    this.#buckets.set(limit.key, fresh);
    return fresh;
  }

  /** Forgets buckets that nobody used for so long that they are full again. */
  #prune(now: number): void {
    const old = now - 3_600_000 / this.#timeScale;
    for (const [key, bucket] of this.#buckets) if (bucket.at < old) this.#buckets.delete(key);
  }
}

/**
 * What an answer says is left of a limit. ARM has two generations of headers, per principal and global, and often sends
 * one of them only; Compute names its buckets (azure-recordings/README.md, Throttling and headers).
 */
function remaining(limit: Limit, verb: Verb, answer: LimitAnswer): number | undefined {
  if (limit.own !== undefined) {
    const text = answer.header('x-ms-ratelimit-remaining-resource') ?? '';
    const left = new RegExp(`/${limit.own};(\\d+)`).exec(text)?.[1];
    return left === undefined ? undefined : Number(left);
  }
  if (!limit.key.endsWith(`/${verb}`)) return undefined;
  const headers = [
    `x-ms-ratelimit-remaining-subscription-${verb}`,
    `x-ms-ratelimit-remaining-subscription-global-${verb}`,
    'x-ms-ratelimit-remaining-subscription-resource-requests',
    `x-ms-ratelimit-remaining-tenant-${verb}`,
  ];
  const values = headers
    .map((name) => Number(answer.header(name) ?? Number.NaN))
    .filter((value) => !Number.isNaN(value));
  return values.length === 0 ? undefined : Math.min(...values);
}

/**
 * The budget of one instance of the app: token buckets per subscription, principal and kind of call, full at the start,
 * refilled in Azure time. Buckets are smaller than Azure's, so that the limits are kept and not discovered.
 */
export function createBudget(options: BudgetOptions = {}): Budget {
  return new TokenBudget(options);
}

/**
 * Pipeline policy of the management clients: a call without room in the budget is not sent, and fails with
 * BudgetDeferral, which becomes an ordinary "wait".
 */
export function budgetPolicy(budget: Budget): PipelinePolicy {
  return {
    name: 'capstanBudget',
    async sendRequest(request, next) {
      budget.take(request);
      let response: PipelineResponse | undefined;
      try {
        response = await next(request);
        return response;
      } finally {
        budget.learn(request, {
          status: response?.status ?? 0,
          header: (name) => response?.headers.get(name),
          body: response?.status === 429 ? response.bodyAsText : undefined,
        });
      }
    },
  };
}
