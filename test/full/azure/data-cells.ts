import type { RequestLogEntry } from '#local/azure/service.ts';

/** A call to storage, Key Vault or the token endpoint with names taken out. */
export interface DataCall {
  readonly service: 'blob' | 'vault' | 'token';
  readonly method: string;
  /** Regular expressions, as the faults door takes them. */
  readonly host: string;
  readonly path: string;
  readonly query: string;
}

/** One cell: this fault at this call. */
export interface DataCell {
  readonly call: DataCall;
  readonly fault: string;
}

const status = (code: number, name: string, rest: object = {}) => ({
  action: { kind: 'status', status: code, code: name, ...rest },
});

interface DataFault {
  readonly action: object;
  readonly fits?: (call: DataCall) => boolean;
  readonly mayFail?: true;
}

/** What goes wrong in the data planes, by name. Transient faults must not fail a run. */
const dataFaults: Readonly<Record<string, DataFault>> = {
  throttled: status(429, 'TooManyRequests', { retryAfter: 5 }),
  'error 500': status(500, 'InternalError'),
  'unavailable 503': status(503, 'ServerBusy', { retryAfter: 5 }),
  'reset before': { action: { kind: 'reset-before' } },
  'reset after': { action: { kind: 'reset-after' } },
  truncated: { action: { kind: 'truncate' } },
  late: { action: { kind: 'delay', seconds: 20 } },
  'delivered twice': { action: { kind: 'duplicate' }, fits: ({ method }) => method !== 'GET' && method !== 'HEAD' },
  'credentials expired': { action: { kind: 'token-expired' }, fits: ({ service }) => service !== 'token' },
  'stale read': { action: { kind: 'stale' }, fits: ({ method, service }) => method === 'GET' && service !== 'token' },
  forbidden: { ...status(403, 'AuthorizationPermissionMismatch'), mayFail: true },
};

/** The distinct calls that the app made to the data planes; those of machines go to the metadata service. */
export function dataCallsOf(requests: readonly RequestLogEntry[]): readonly DataCall[] {
  const calls = new Map<string, DataCall>();
  for (const { service, method, host, path, query } of requests) {
    if (service !== 'blob' && service !== 'vault' && service !== 'token') continue;
    const [, verb] = /(?:^|&)(?:comp|restype)=([a-z]+)/.exec(query) ?? [];
    const [, first = ''] = path.split('/');
    const call: DataCall = {
      service,
      method,
      // Two accounts take part: the public one that the image comes from, and the cluster's own.
      host: /^st[a-z0-9]+\./.test(host) ? '^st[a-z0-9]+\\.' : `^${host.replaceAll('.', '\\.')}$`,
      path: `^/${first}`,
      query: verb === undefined ? '' : `=${verb}`,
    };
    calls.set(JSON.stringify(call), call);
  }
  return [...calls.values()];
}

/** Every cell. */
export function dataCellsOf(calls: readonly DataCall[]): readonly DataCell[] {
  return calls.flatMap((call) =>
    Object.entries(dataFaults)
      .filter(([, { fits }]) => fits?.(call) ?? true)
      .map(([fault]) => ({ call, fault })),
  );
}

/** The rule for the faults door. */
export function dataRule({ call: { service, ...match }, fault }: DataCell): object {
  return { service, match, action: dataFaults[fault]?.action };
}

export function dataMayFail({ fault }: DataCell): boolean {
  return dataFaults[fault]?.mayFail === true;
}

export function dataTitle({ call, fault }: DataCell): string {
  return `${fault} @ ${call.service} ${call.method} ${call.host} ${call.path} ${call.query}`;
}
