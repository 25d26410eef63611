import type { SimulatedRequest } from '../../support/stack.ts';

/** A call to ARM with names taken out: calls that differ in a name or in the number of a poll are the same. */
export interface ArmCall {
  readonly method: string;
  /** `{group}` is the cluster's own resource group, `{}` any other name. */
  readonly template: string;
}

/** One cell of the matrix: this fault at this call. */
export interface Cell {
  readonly call: ArmCall;
  readonly fault: string;
}

export const appPrincipal = '44444444-4444-4444-8444-444444444444';

/** Path with names replaced. */
export function templateOf(path: string, group: string): string {
  const parts = path.split('/').map((part) => (part.toLowerCase() === group.toLowerCase() ? '{group}' : part));
  const fixed = new Set(['', 'subscriptions', 'resourcegroups', 'providers', 'locations', '{group}']);
  const result: string[] = [];
  let named = false;
  for (const [index, part] of parts.entries()) {
    const before = parts[index - 1]?.toLowerCase() ?? '';
    if (fixed.has(part.toLowerCase())) {
      result.push(part);
      named = part.toLowerCase() === 'locations' || part === 'subscriptions' || part.toLowerCase() === 'resourcegroups';
      continue;
    }
    if (before === 'providers') {
      result.push(part);
      named = false;
      continue;
    }
    result.push(named ? '{}' : part);
    named = !named;
  }
  return result.join('/');
}

/** The distinct calls that the app made for one cluster. */
export function callsOf(
  requests: readonly Pick<SimulatedRequest, 'service' | 'method' | 'path' | 'caller'>[],
  group: string,
): readonly ArmCall[] {
  const own = requests.filter(
    (entry) =>
      entry.service === 'arm' &&
      entry.caller === appPrincipal &&
      // The matrix itself makes the group, before the app.
      !(entry.method === 'PUT' && /\/resourcegroups\/[^/]+$/i.test(entry.path)),
  );
  const calls = new Map<string, ArmCall>();
  for (const { method, path } of own) {
    const template = templateOf(path, group);
    calls.set(`${method} ${template}`, { method, template });
  }
  return [...calls.values()].sort((a, b) => (`${a.template} ${a.method}` < `${b.template} ${b.method}` ? -1 : 1));
}

interface Fault {
  readonly action: object;
  readonly fits?: (call: ArmCall) => boolean;
  /** The run is allowed to end Failed. */
  readonly mayFail?: true;
}

const isRead = ({ method }: ArmCall): boolean => method === 'GET' || method === 'HEAD';
const isPoll = ({ template }: ArmCall): boolean => /\/[a-z]*operations\/\{\}$/i.test(template);
const isWrite = (call: ArmCall): boolean => !isRead(call);
const isLong = ({ method, template }: ArmCall): boolean =>
  method === 'PUT' && /Microsoft\.(Network|Compute|Storage)\//i.test(template) && !/blobServices/i.test(template);

const status = (code: number, name: string, rest: object = {}) => ({
  kind: 'status',
  status: code,
  code: name,
  ...rest,
});

/** Everything that goes wrong in Azure, by name. Transient faults must not fail a run. */
export const faults: Readonly<Record<string, Fault>> = {
  'throttled, seconds': { action: status(429, 'SubscriptionRequestsThrottled', { retryAfter: 6 }) },
  'throttled, date': { action: status(429, 'TooManyRequests', { retryAfter: { seconds: 6, date: true } }) },
  'throttled, no Retry-After': { action: status(429, 'TooManyRequests') },
  busy: { action: status(429, 'RetryableError', { cause: 'service' }), fits: isWrite },
  'another operation': { action: status(409, 'AnotherOperationInProgress'), fits: isWrite },
  'error 500': { action: status(500, 'InternalServerError') },
  'unavailable 503': { action: status(503, 'ServiceUnavailable', { retryAfter: 5 }) },
  'gateway timeout 504': { action: status(504, 'GatewayTimeout') },
  'reset before': { action: { kind: 'reset-before' } },
  'reset after': { action: { kind: 'reset-after' } },
  truncated: { action: { kind: 'truncate' } },
  late: { action: { kind: 'delay', seconds: 45 } },
  'too late': { action: { kind: 'delay', seconds: 90 } },
  'token expired': { action: { kind: 'token-expired' } },
  'stale read': { action: { kind: 'stale' }, fits: (call) => isRead(call) && !isPoll(call) },
  'delivered twice': { action: { kind: 'duplicate' }, fits: isWrite },
  'operation fails, may be repeated': {
    action: { kind: 'operation-fails', code: 'InternalServerError', after: 3 },
    fits: isLong,
  },
  'operation fails for good': {
    action: {
      kind: 'operation-fails',
      code: 'OperationFailed',
      details: [{ code: 'Inner', message: 'the reason inside' }],
      after: 3,
    },
    fits: isLong,
    mayFail: true,
  },
  'operation never ends': { action: { kind: 'never-ends' }, fits: isLong, mayFail: true },
  'not authorised': { action: status(403, 'AuthorizationFailed'), mayFail: true },
  'forbidden by policy': { action: status(403, 'RequestDisallowedByPolicy'), fits: isWrite, mayFail: true },
  'bad request': { action: status(400, 'InvalidParameter'), mayFail: true },
};

/** Every cell: each call with each fault that can happen to it. */
export function cellsOf(calls: readonly ArmCall[]): readonly Cell[] {
  return calls.flatMap((call) =>
    Object.entries(faults)
      .filter(([, fault]) => fault.fits?.(call) ?? true)
      .map(([fault]) => ({ call, fault })),
  );
}

/** The rule for the faults door, aimed at one cluster where the call names its group. */
export function ruleOf({ call, fault }: Cell, group: string): object {
  const escaped = call.template.replaceAll(/[.*+?^$()|[\]\\]/g, String.raw`\$&`);
  const pattern = escaped.replaceAll('{group}', group).replaceAll('{}', '[^/]+');
  return {
    match: { method: call.method, path: `^${pattern}$`, caller: appPrincipal },
    action: faults[fault]?.action,
  };
}

/** A reproducible choice, spread over calls and faults. */
export function sample<Item>(cells: readonly Item[], count: number, seed: number): readonly Item[] {
  let state = seed >>> 0;
  const draw = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const keyed = cells.map((cell) => ({ cell, key: draw() }));
  return keyed
    .sort((a, b) => a.key - b.key)
    .slice(0, count)
    .map(({ cell }) => cell);
}
