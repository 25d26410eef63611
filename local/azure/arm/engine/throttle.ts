import type { Clock } from '../../clock.ts';
import { ArmError } from './errors.ts';

interface Bucket {
  tokens: number;
  at: number;
}

/**
 * The rate limits of Azure Resource Manager and of the Compute provider as token buckets that refill in Azure time.
 * Sizes and rates: azure-behaviour.md §6 (ARM throttling, Compute RP); header names: azure-recordings/README.md, Throttling
 * and headers.
 */
export interface Throttle {
  /** Takes a token for the request and returns its rate-limit headers; throws 429 when a bucket is empty. */
  take(request: ThrottledRequest): Record<string, string>;
}

export interface ThrottledRequest {
  readonly method: string;
  readonly principal: string;
  readonly subscription: string;
  /** Region, '' when the request has none. */
  readonly location: string;
  /** Lower-case resource type with trailing action, e.g. `microsoft.compute/virtualmachines`. */
  readonly type: string;
  readonly key: string;
  readonly isPoll: boolean;
}

interface Limit {
  readonly name: string;
  readonly size: number;
  readonly perSecond: number;
}

const SUBSCRIPTION: Readonly<Record<'reads' | 'writes' | 'deletes', Limit>> = {
  reads: { name: 'reads', size: 250, perSecond: 25 },
  writes: { name: 'writes', size: 200, perSecond: 10 },
  deletes: { name: 'deletes', size: 200, perSecond: 10 },
};
/** The limit of a whole subscription is fifteen times that of one principal. */
const GLOBAL_FACTOR = 15;

/** Compute's own buckets: [per resource, per subscription], refilled per minute. */
function computeLimits(request: ThrottledRequest): readonly { readonly limit: Limit; readonly perResource: boolean }[] {
  if (!request.type.startsWith('microsoft.compute')) return [];
  const pair = (name: string, size: number, refill: number, all: number, allRefill: number) => [
    { limit: { name: `${name}SubscriptionMaximum`, size: all, perSecond: allRefill / 60 }, perResource: false },
    { limit: { name: `${name}Resource`, size, perSecond: refill / 60 }, perResource: true },
  ];
  if (request.isPoll) return pair('GetOperation', 45, 15, 15_000, 5000);
  if (!request.type.startsWith('microsoft.compute/virtualmachines')) return [];
  if (request.method === 'GET' || request.method === 'HEAD') return pair('LowCostGet', 36, 12, 24_000, 8000);
  if (request.method === 'PUT') return pair('PutVM', 12, 4, 1500, 500);
  if (request.method === 'DELETE' || request.type.endsWith('/deallocate')) return pair('DeleteVM', 12, 4, 1500, 500);
  return pair('UpdateVM', 12, 4, 1500, 500);
}

class Buckets implements Throttle {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  take(request: ThrottledRequest): Record<string, string> {
    const verb =
      request.method === 'DELETE'
        ? 'deletes'
        : request.method === 'GET' || request.method === 'HEAD'
          ? 'reads'
          : 'writes';
    const limit = SUBSCRIPTION[verb];
    const own = this.#take(`${request.subscription}/${request.principal}/${verb}`, limit);
    if (own === undefined)
      throw tooMany(request, this.#wait(`${request.subscription}/${request.principal}/${verb}`, limit));
    const wide = { name: verb, size: limit.size * GLOBAL_FACTOR, perSecond: limit.perSecond * GLOBAL_FACTOR };
    const all = this.#take(`${request.subscription}/${verb}`, wide);
    if (all === undefined) throw tooMany(request, this.#wait(`${request.subscription}/${verb}`, wide));
    const remaining: string[] = [];
    for (const { limit: compute, perResource } of computeLimits(request)) {
      const name = `${request.subscription}/${request.location}/${compute.name}${perResource ? `/${request.key}` : ''}`;
      const left = this.#take(name, compute);
      if (left === undefined) throw computeTooMany(compute, this.#wait(name, compute));
      remaining.push(`Microsoft.Compute/${compute.name};${left}`);
    }
    return {
      ...(request.type.startsWith('microsoft.network') ? { 'x-ms-throttle-levels': this.#levels(request) } : {}),
      [`x-ms-ratelimit-remaining-subscription-${verb}`]: String(own),
      [`x-ms-ratelimit-remaining-subscription-global-${verb}`]: String(all),
      ...(remaining.length > 0 ? { 'x-ms-ratelimit-remaining-resource': remaining.join(',') } : {}),
    };
  }

  /** Network's gauge of its load; the word `etc` is literal (azure-recordings/README.md, Throttling and headers). */
  #levels(request: ThrottledRequest): string {
    const left =
      this.#buckets.get(`${request.subscription}/${request.principal}/writes`)?.tokens ?? SUBSCRIPTION.writes.size;
    const used = 100 * (1 - left / SUBSCRIPTION.writes.size);
    return `operationRatePct=0.1, operationConcurrencyPct=0.3, subscriptionWriteRatePct=${used.toFixed(1)}, etc`;
  }

  /** Tokens left after taking one, undefined when there is none. */
  #take(name: string, limit: Limit): number | undefined {
    const now = this.#clock.now();
    const bucket = this.#buckets.get(name) ?? { tokens: limit.size, at: now };
    const seconds = (Math.max(0, now - bucket.at) / 1000) * this.#clock.timeScale;
    const tokens = Math.min(limit.size, bucket.tokens + seconds * limit.perSecond);
    this.#buckets.set(name, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    return tokens >= 1 ? Math.floor(tokens - 1) : undefined;
  }

  /** Whole Azure seconds until a token is there again. */
  #wait(name: string, limit: Limit): number {
    const missing = 1 - (this.#buckets.get(name)?.tokens ?? 0);
    return Math.max(1, Math.ceil(missing / limit.perSecond));
  }
}

/** Fresh buckets, all full. They are not persisted: a restart of the simulator fills them. */
export function createThrottle(clock: Clock): Throttle {
  return new Buckets(clock);
}

function tooMany(request: ThrottledRequest, seconds: number): ArmError {
  const operation = `${request.method}/SUBSCRIPTIONS/RESOURCEGROUPS/PROVIDERS/${request.type.toUpperCase()}`;
  return new ArmError(
    429,
    'SubscriptionRequestsThrottled',
    `Number of requests for subscription '${request.subscription}' and operation '${operation}' exceeded the backend storage limit. Please try again after '${seconds}' seconds.`,
    { cause: 'gateway', retryAfter: seconds },
  );
}

function computeTooMany(limit: Limit, seconds: number): ArmError {
  return new ArmError(
    429,
    'OperationNotAllowed',
    'The server rejected the request because too many requests have been received for this subscription.',
    {
      retryAfter: seconds,
      details: [
        {
          code: 'TooManyRequests',
          target: limit.name,
          message: JSON.stringify({ operationgroup: limit.name, allowedrequestcount: limit.size }),
        },
      ],
    },
  );
}
