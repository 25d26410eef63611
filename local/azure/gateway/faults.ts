import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { AzureReply, AzureRequest } from '../service.ts';
import type { ServiceName } from './names.ts';

const dataPlanes = ['blob', 'vault', 'token', 'metadata', 'graph'] as const;

const ruleSchema = z.strictObject({
  service: z.enum(dataPlanes),
  match: z
    .strictObject({
      method: z.string().optional(),
      host: z.string().optional(),
      path: z.string().optional(),
      query: z.string().optional(),
      nth: z.int().positive().optional(),
      probability: z.number().min(0).max(1).optional(),
    })
    .default({}),
  times: z.int().min(0).default(1),
  action: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('status'),
      status: z.int().min(400).max(599),
      code: z.string(),
      message: z.string().default('Injected by a fault rule of the simulated Azure.'),
      retryAfter: z
        .union([z.number().nonnegative(), z.strictObject({ seconds: z.number().nonnegative(), date: z.literal(true) })])
        .optional(),
    }),
    z.strictObject({ kind: z.literal('reset-before') }),
    z.strictObject({ kind: z.literal('reset-after') }),
    z.strictObject({ kind: z.literal('truncate') }),
    z.strictObject({ kind: z.literal('delay'), seconds: z.number().nonnegative() }),
  ]),
});

type Rule = z.infer<typeof ruleSchema>;
interface LiveRule {
  readonly id: string;
  readonly rule: Rule;
  seen: number;
  hits: number;
}

/** True when a rule posted to the faults door belongs to the data planes, not to the control plane. */
export function isDataPlaneRule(rule: unknown): boolean {
  const service = (rule as { service?: unknown } | null)?.service;
  return typeof service === 'string' && (dataPlanes as readonly string[]).includes(service);
}

function matches({ match, service }: Rule, name: ServiceName, request: AzureRequest): boolean {
  return (
    service === name &&
    (match.method === undefined || match.method.toUpperCase() === request.method) &&
    (match.host === undefined || new RegExp(match.host, 'i').test(request.host)) &&
    (match.path === undefined || new RegExp(match.path, 'i').test(request.path)) &&
    (match.query === undefined || new RegExp(match.query, 'i').test(request.query.toString()))
  );
}

/** A date is in wall time: the Azure seconds pass faster by the time scale. */
function retryAfterText(value: number | { readonly seconds: number }, timeScale: number): string {
  if (typeof value === 'number') return String(value);
  return new Date(Date.now() + (value.seconds * 1000) / timeScale).toUTCString();
}

function statusReply(
  service: ServiceName,
  action: Extract<Rule['action'], { kind: 'status' }>,
  timeScale: number,
): AzureReply {
  const headers: Record<string, string> = { 'x-ms-error-code': action.code };
  if (action.retryAfter !== undefined) headers['retry-after'] = retryAfterText(action.retryAfter, timeScale);
  if (service === 'blob') {
    headers['content-type'] = 'application/xml';
    const body = `\uFEFF<?xml version="1.0" encoding="utf-8"?><Error><Code>${action.code}</Code><Message>${action.message}</Message></Error>`;
    return { status: action.status, headers, body };
  }
  headers['content-type'] = 'application/json; charset=utf-8';
  const error =
    service === 'vault'
      ? { error: { code: action.code, message: action.message } }
      : { error: action.code, error_description: action.message };
  return { status: action.status, headers, body: JSON.stringify(error) };
}

export interface DataPlaneFaults {
  /** Adds a rule; throws with every problem named when its form is wrong. */
  add(rule: unknown): { readonly id: string };
  list(): readonly unknown[];
  clear(): void;
  /** Runs the call, or what the first matching rule puts in its place. */
  apply(service: ServiceName, request: AzureRequest, call: () => Promise<AzureReply>): Promise<AzureReply>;
}

/**
 * Faults of the data planes, by rule: `{ service: blob|vault|token|metadata, match, times?, action }`.
 *
 * | action | what the caller sees |
 * | --- | --- |
 * | `{kind: 'status', status, code, message?, retryAfter?}` | that error, in the service's own form, Retry-After in seconds or, with `{seconds, date: true}`, as an HTTP date; the call is not made |
 * | `{kind: 'reset-before'}` | a broken connection; the call is not made |
 * | `{kind: 'reset-after'}` | a broken connection; the call was made |
 * | `{kind: 'truncate'}` | the headers and half of the body |
 * | `{kind: 'delay', seconds}` | the answer, that many Azure seconds later |
 *
 * `match` takes `method`, regular expressions `host`, `path` and `query`, `nth` (only the n-th matching call) and
 * `probability`. `times`: how often the rule applies (default 1; 0 = for ever), as on the control plane's side.
 *
 * @param random a number in [0, 1) for `probability`
 */
export function createDataPlaneFaults(timeScale: number, random: () => number): DataPlaneFaults {
  let rules: LiveRule[] = [];
  let next = 1;
  const choose = (service: ServiceName, request: AzureRequest): Rule['action'] | undefined => {
    for (const live of rules) {
      if (!matches(live.rule, service, request)) continue;
      live.seen += 1;
      const { nth, probability } = live.rule.match;
      if (live.rule.times > 0 && live.hits >= live.rule.times) continue;
      if (nth !== undefined && live.seen !== nth) continue;
      if (probability !== undefined && random() >= probability) continue;
      live.hits += 1;
      return live.rule.action;
    }
    return undefined;
  };
  return {
    add(rule) {
      const parsed = ruleSchema.safeParse(rule);
      if (!parsed.success) throw new Error(`The fault rule is not valid:\n${z.prettifyError(parsed.error)}`);
      for (const text of [parsed.data.match.host, parsed.data.match.path, parsed.data.match.query]) {
        if (text !== undefined) RegExp(text);
      }
      const id = `data-${next}`;
      next += 1;
      rules.push({ id, rule: parsed.data, seen: 0, hits: 0 });
      return { id };
    },
    list: () => rules.map(({ id, rule, seen, hits }) => ({ id, ...rule, seen, hits })),
    clear() {
      rules = [];
    },
    async apply(service, request, call) {
      const action = rules.length === 0 ? undefined : choose(service, request);
      if (action === undefined) return call();
      switch (action.kind) {
        case 'status':
          return statusReply(service, action, timeScale);
        case 'reset-before':
          return { status: 503, headers: {}, reset: 'before-answer' };
        case 'reset-after':
          return { ...(await call()), reset: 'before-answer' };
        case 'truncate':
          return { ...(await call()), reset: 'truncate-body' };
        case 'delay':
          await sleep((action.seconds * 1000) / timeScale);
          return call();
        default:
          throw new Error('A fault rule has an action that is not known.');
      }
    },
  };
}
