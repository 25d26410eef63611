import { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { AzureReply, AzureRequest } from '../service.ts';
import { expiredReply, refusalOf, retryAfterText } from './fault-replies.ts';
import type { ServiceName } from './names.ts';

const dataPlanes = ['blob', 'queue', 'table', 'vault', 'token', 'metadata', 'graph'] as const;
type DataPlane = (typeof dataPlanes)[number];

const injected = 'Injected by a fault rule of the simulated Azure.';
const detailSchema = z.strictObject({ code: z.string(), message: z.string() });
const actionSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('status'),
    status: z.int().min(400).max(599),
    code: z.string().regex(/^[\w.-]*$/u),
    message: z.string().default(injected),
    details: z.array(detailSchema).optional(),
    retryAfter: z
      .union([z.number().nonnegative(), z.strictObject({ seconds: z.number().nonnegative(), date: z.literal(true) })])
      .optional(),
  }),
  z.strictObject({ kind: z.literal('reset-before') }),
  z.strictObject({ kind: z.literal('reset-after') }),
  z.strictObject({ kind: z.literal('truncate') }),
  z.strictObject({ kind: z.literal('delay'), seconds: z.number().nonnegative() }),
  z.strictObject({ kind: z.literal('duplicate') }),
  z.strictObject({ kind: z.literal('stale') }),
  z.strictObject({ kind: z.literal('token-expired') }),
  z.strictObject({
    kind: z.literal('operation-fails'),
    code: z.string(),
    message: z.string().default(injected),
    after: z.number().nonnegative().optional(),
  }),
  z.strictObject({ kind: z.literal('never-ends') }),
]);

const ruleSchema = z.strictObject({
  service: z.enum(dataPlanes),
  match: z
    .strictObject({
      method: z.string().optional(),
      host: z.string().optional(),
      path: z.string().optional(),
      query: z.string().optional(),
      resource: z.string().optional(),
      caller: z.string().optional(),
      nth: z.int().positive().optional(),
      probability: z.number().min(0).max(1).optional(),
    })
    .default({}),
  times: z.int().min(0).default(1),
  action: actionSchema,
});

type Rule = z.infer<typeof ruleSchema>;
type Action = Rule['action'];
interface LiveRule {
  readonly id: string;
  readonly rule: Rule;
  readonly patterns: readonly (readonly [RegExp, (request: AzureRequest) => string])[];
  seen: number;
  hits: number;
}

/** Why an action makes no sense at a service, for the person who asked for it. */
const senseless: Partial<Record<Action['kind'], Partial<Record<DataPlane, string>>>> = {
  stale: {
    queue: 'what was before the last write of a queue is not kept',
    table: 'what was before the last write of a table is not kept',
    ...Object.fromEntries(['token', 'metadata', 'graph'].map((name) => [name, 'nothing is written there'])),
  },
  'token-expired': { metadata: 'its callers present no credentials' },
  'operation-fails': Object.fromEntries(
    ['queue', 'table', 'vault', 'token', 'metadata', 'graph'].map((name) => [
      name,
      'it has no operations that fail later',
    ]),
  ),
  'never-ends': Object.fromEntries(
    ['queue', 'table', 'token', 'metadata', 'graph'].map((name) => [name, 'it has no long operations']),
  ),
};

/** True when a rule posted to the faults door belongs to the data planes, not to the control plane. */
export function isDataPlaneRule(rule: unknown): boolean {
  const service = (rule as { service?: unknown } | null)?.service;
  return typeof service === 'string' && service !== 'arm';
}

export interface DataPlaneFaults {
  /** Adds a rule; throws with every problem named when its form is wrong. */
  add(rule: unknown): { readonly id: string };
  list(): readonly unknown[];
  clear(): void;
  /** Runs the call, or what the first matching rule puts in its place. */
  apply(
    service: ServiceName,
    request: AzureRequest,
    call: (request: AzureRequest) => Promise<AzureReply>,
  ): Promise<AzureReply>;
}

export interface DataPlaneFaultsOptions {
  readonly clock: Clock;
  readonly tenantId: string;
  /** A reproducible number in [0, 1) for `probability`. */
  draw(...words: readonly string[]): number;
  /** Object id behind a bearer header, for `caller`. */
  callerOf(authorization: string | undefined): string | undefined;
  /** Told when stale reads are wanted of a service, and when no longer. */
  remember(service: ServiceName, on: boolean): void;
}

/**
 * Faults of the data planes, by rule: `{ service: blob|queue|table|vault|token|metadata|graph, match, times?, action }`.
 *
 * | action | what the caller sees |
 * | --- | --- |
 * | `{kind: 'status', status, code, message?, details?, retryAfter?}` | that error, in the service's own form, Retry-After in seconds or, with `{seconds, date: true}`, as an HTTP date; the call is not made |
 * | `{kind: 'reset-before'}` | a broken connection; the call is not made |
 * | `{kind: 'reset-after'}` | a broken connection; the call was made |
 * | `{kind: 'truncate'}` | the headers and half of the body |
 * | `{kind: 'delay', seconds}` | the answer, that many Azure seconds later |
 * | `{kind: 'duplicate'}` | the answer to the second of two deliveries |
 * | `{kind: 'stale'}` | blob, vault: a read as it was before the last write (since the rule stands; bytes of pages are the present ones) |
 * | `{kind: 'token-expired'}` | the refusal of a bearer token, SAS or client secret whose time is over; the call is not made |
 * | `{kind: 'operation-fails', code, message?, after?}` | blob: an asynchronous copy that ends failed |
 * | `{kind: 'never-ends'}` | blob: an asynchronous copy that stays pending; vault: a deletion or recovery that does not come to an end |
 *
 * `match` takes `method`, regular expressions `host`, `path` and `query`, `resource` (part of host and path), `caller`
 * (object id), `nth` (only the n-th matching call) and `probability`. `times`: how often the rule applies (default 1;
 * 0 = for ever), as on the control plane's side.
 */
export function createDataPlaneFaults(options: DataPlaneFaultsOptions): DataPlaneFaults {
  let rules: LiveRule[] = [];
  let next = 1;
  const remember = (): void => {
    for (const service of ['blob', 'vault'] as const)
      options.remember(
        service,
        rules.some(({ rule }) => rule.service === service && rule.action.kind === 'stale'),
      );
  };
  const choose = (service: ServiceName, request: AzureRequest): Action | undefined => {
    for (const live of rules) {
      const { rule } = live;
      if (rule.service !== service || !matches(live, request, options)) continue;
      live.seen += 1;
      const { nth, probability } = rule.match;
      if (rule.times > 0 && live.hits >= rule.times) continue;
      if (nth !== undefined && live.seen !== nth) continue;
      if (probability !== undefined && options.draw('data fault', live.id, String(live.seen)) >= probability) continue;
      live.hits += 1;
      return rule.action;
    }
    return undefined;
  };
  return {
    add(rule) {
      const live = liveRule(rule, `data-${next}`);
      next += 1;
      rules.push(live);
      remember();
      return { id: live.id };
    },
    list: () => rules.map(({ id, rule, seen, hits }) => ({ id, ...rule, seen, hits })),
    clear() {
      rules = [];
      remember();
    },
    async apply(service, request, call) {
      const action = rules.length === 0 ? undefined : choose(service, request);
      return action === undefined ? call(request) : act(action, service, request, call, options);
    },
  };
}

/** @throws Error that names what is wrong with the rule */
function liveRule(posted: unknown, id: string): LiveRule {
  const parsed = ruleSchema.safeParse(posted);
  if (!parsed.success) throw new Error(`The fault rule is not valid:\n${z.prettifyError(parsed.error)}`);
  const { service, match, action } = parsed.data;
  const reason = senseless[action.kind]?.[service];
  if (reason !== undefined)
    throw new Error(`The fault rule is not valid:\nThe action ${action.kind} does not fit ${service}: ${reason}.`);
  const sources = [
    [match.host, (request: AzureRequest) => request.host],
    [match.path, (request: AzureRequest) => request.path],
    [match.query, (request: AzureRequest) => request.query.toString()],
  ] as const;
  const patterns = sources.flatMap(([text, read]) =>
    text === undefined ? [] : [[new RegExp(text, 'i'), read] as const],
  );
  return { id, rule: parsed.data, patterns, seen: 0, hits: 0 };
}

function matches({ rule, patterns }: LiveRule, request: AzureRequest, options: DataPlaneFaultsOptions): boolean {
  const { method, resource, caller } = rule.match;
  if (method !== undefined && method.toUpperCase() !== request.method) return false;
  if (resource !== undefined && !`${request.host}${request.path}`.toLowerCase().includes(resource.toLowerCase()))
    return false;
  if (caller !== undefined && options.callerOf(request.headers['authorization']) !== caller.toLowerCase()) return false;
  return patterns.every(([pattern, read]) => pattern.test(read(request)));
}

async function act(
  action: Action,
  service: ServiceName,
  request: AzureRequest,
  call: (request: AzureRequest) => Promise<AzureReply>,
  { clock, tenantId }: DataPlaneFaultsOptions,
): Promise<AzureReply> {
  switch (action.kind) {
    case 'status': {
      const { retryAfter } = action;
      const headers: Record<string, string> =
        retryAfter === undefined ? {} : { 'retry-after': retryAfterText(retryAfter, clock) };
      return refusalOf(service, { ...action, headers });
    }
    case 'reset-before':
      return { status: 503, headers: {}, reset: 'before-answer' };
    case 'reset-after':
      return { ...(await call(request)), reset: 'before-answer' };
    case 'truncate':
      return { ...(await call(request)), reset: 'truncate-body' };
    case 'duplicate':
      await call(request);
      return call(request);
    case 'token-expired':
      return expiredReply(service, request, tenantId) ?? call(request);
    case 'delay':
      await new Promise<void>((done) => {
        clock.after(action.seconds, done);
      });
      return call(request);
    case 'stale':
    case 'never-ends':
    case 'operation-fails':
      return call({ ...request, fault: action });
    default:
      throw new Error('A fault rule has an action that is not known.');
  }
}
