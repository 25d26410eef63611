import { z } from 'zod';
import type { AzureRequest } from '../../service.ts';

/**
 * Fault injection by rule. A rule matches requests and says what happens instead of, or after, the ordinary answer.
 *
 * | action            | what the caller sees                                                                       | written? |
 * | ----------------- | ------------------------------------------------------------------------------------------ | -------- |
 * | `status`          | the given status, code, message, details, Retry-After (`seconds`, or `date: true` = HTTP date) | no    |
 * | `operation-fails` | an ordinary first answer; after `after` seconds the operation says Failed with code and message | yes, state Failed |
 * | `never-ends`      | an ordinary first answer; the operation stays InProgress                                   | yes, stays busy |
 * | `reset-before`    | the connection breaks                                                                      | no       |
 * | `reset-after`     | the connection breaks                                                                      | yes      |
 * | `truncate`        | the ordinary answer, cut in the middle of its body                                         | yes      |
 * | `delay`           | the ordinary answer, `seconds` Azure seconds late                                          | yes      |
 * | `duplicate`       | the answer to the second of two deliveries of the same request                             | yes, twice |
 * | `stale`           | a GET of a resource as it was before its last write (404 when that made it)                | no       |
 * | `token-expired`   | 401 ExpiredAuthenticationToken                                                             | no       |
 *
 * `match`: `method`, `path` (regular expression over the path, no letter case), `resource` (part of the path, no letter
 * case), `caller` (object id in the bearer token), `nth` (only the nth matching request, from 1), `probability` (0..1, reproducible). `times`: how often the rule
 * applies (default 1; 0 = for ever).
 */
const detailSchema = z.strictObject({ code: z.string(), message: z.string(), target: z.string().optional() });

const actionSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('status'),
    status: z.int().min(400).max(599),
    code: z.string(),
    message: z.string().default('Injected by a fault rule of the simulated Azure.'),
    details: z.array(detailSchema).optional(),
    retryAfter: z
      .union([z.number().min(0), z.strictObject({ seconds: z.number().min(0), date: z.literal(true) })])
      .optional(),
    cause: z.enum(['gateway', 'service']).optional(),
  }),
  z.strictObject({
    kind: z.literal('operation-fails'),
    code: z.string(),
    message: z.string().default('Injected by a fault rule of the simulated Azure.'),
    details: z.array(detailSchema).optional(),
    after: z.number().min(0).optional(),
  }),
  z.strictObject({ kind: z.literal('never-ends') }),
  z.strictObject({ kind: z.literal('reset-before') }),
  z.strictObject({ kind: z.literal('reset-after') }),
  z.strictObject({ kind: z.literal('truncate') }),
  z.strictObject({ kind: z.literal('delay'), seconds: z.number().min(0) }),
  z.strictObject({ kind: z.literal('duplicate') }),
  z.strictObject({ kind: z.literal('stale') }),
  z.strictObject({ kind: z.literal('token-expired') }),
]);

/** Schema of one rule as `POST /_simulator/faults` takes it. */
export const faultRuleSchema = z.strictObject({
  match: z
    .strictObject({
      method: z.string().optional(),
      path: z.string().optional(),
      resource: z.string().optional(),
      caller: z.string().optional(),
      nth: z.int().min(1).optional(),
      probability: z.number().min(0).max(1).optional(),
    })
    .default({}),
  times: z.int().min(0).default(1),
  action: actionSchema,
});

export type FaultRule = z.infer<typeof faultRuleSchema>;
export type FaultRuleInput = z.input<typeof faultRuleSchema>;
export type FaultAction = FaultRule['action'];

/** The rules in force. */
export interface Faults {
  /** Adds a rule and returns its number. Throws a ZodError or a SyntaxError (bad regular expression) on a bad rule. */
  add(rule: FaultRuleInput): number;
  /** The first rule that matches, counted as applied. */
  take(request: AzureRequest): FaultAction | undefined;
  list(): readonly {
    readonly number: number;
    readonly rule: FaultRule;
    readonly matched: number;
    readonly applied: number;
  }[];
  clear(): void;
}

/** Object id in a bearer token, unverified: the rule comes before the sign-in. */
function callerIn(request: AzureRequest): string | undefined {
  const claims = request.headers['authorization']?.split('.')[1];
  const text = Buffer.from(claims ?? '', 'base64url').toString('utf8');
  return /"oid":"([^"]+)"/u.exec(text)?.[1]?.toLowerCase();
}

/**
 * @param draw reproducible number in [0, 1) for rules with a probability
 */
export function createFaults(draw: (...words: readonly string[]) => number): Faults {
  let next = 1;
  let rules: { number: number; rule: FaultRule; path: RegExp | undefined; matched: number; applied: number }[] = [];
  return {
    add(input) {
      const rule = faultRuleSchema.parse(input);
      const path = rule.match.path === undefined ? undefined : new RegExp(rule.match.path, 'iu');
      rules.push({ number: next, rule, path, matched: 0, applied: 0 });
      next += 1;
      return next - 1;
    },
    take(request) {
      for (const entry of rules) {
        const { match, times, action } = entry.rule;
        if (times > 0 && entry.applied >= times) continue;
        if (match.method !== undefined && match.method.toUpperCase() !== request.method) continue;
        if (entry.path !== undefined && !entry.path.test(request.path)) continue;
        if (match.resource !== undefined && !request.path.toLowerCase().includes(match.resource.toLowerCase()))
          continue;
        if (match.caller !== undefined && callerIn(request) !== match.caller.toLowerCase()) continue;
        entry.matched += 1;
        if (match.nth !== undefined && entry.matched !== match.nth) continue;
        if (
          match.probability !== undefined &&
          draw('fault', String(entry.number), String(entry.matched)) >= match.probability
        )
          continue;
        entry.applied += 1;
        return action;
      }
      return undefined;
    },
    list: () => rules.map(({ number, rule, matched, applied }) => ({ number, rule, matched, applied })),
    clear() {
      rules = [];
    },
  };
}
