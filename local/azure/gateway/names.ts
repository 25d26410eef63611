import type { RequestLogEntry } from '../service.ts';

export type ServiceName = RequestLogEntry['service'];

const fixed: Readonly<Record<string, ServiceName>> = {
  'management.azure.com': 'arm',
  'login.microsoftonline.com': 'token',
  '169.254.169.254': 'metadata',
  'graph.microsoft.com': 'graph',
  // Boot diagnostics in managed storage: the address that retrieveBootDiagnosticsData gives out.
  'md-diagnostics.z6.blob.storage.azure.net': 'blob',
};

const suffixes: readonly (readonly [string, ServiceName])[] = [
  ['.blob.core.windows.net', 'blob'],
  ['.queue.core.windows.net', 'queue'],
  ['.table.core.windows.net', 'table'],
  ['.vault.azure.net', 'vault'],
  // Managed disks that are written through a SAS.
  ['.z6.blob.storage.azure.net', 'blob'],
];

/** The simulated Azure service behind a production host name (lower case, without port), or undefined. */
export function serviceOfHost(host: string): ServiceName | undefined {
  if (Object.hasOwn(fixed, host)) return fixed[host];
  for (const [suffix, service] of suffixes) {
    if (host.endsWith(suffix) && /^[a-z0-9-]{1,63}$/.test(host.slice(0, -suffix.length))) return service;
  }
  return undefined;
}

/** Refusal of a host that the simulated Azure does not have; the same for CONNECT and for plain requests. */
export function foreignHost(host: string): string {
  const known = [
    ...Object.keys(fixed).filter((name) => !name.startsWith('md-')),
    ...suffixes.map(([end]) => `*${end}`),
  ];
  return `The simulated Azure does not answer for the host ${host} and never forwards. It knows ${known.join(', ')}, and passes CONNECT to API servers (*.cloudapp.azure.com, *.azmk8s.io).`;
}

/** True for the names under which a process of this machine addresses the gateway itself. */
export function isLoopbackName(host: string): boolean {
  return host === '127.0.0.1' || host === 'localhost' || host === '[::1]';
}

/** Splits `host[:port]` as found in a Host header or a CONNECT target; the host comes back in lower case. */
export function splitAuthority(authority: string): { readonly host: string; readonly port: number | undefined } {
  const match = /^(\[[0-9a-f:]+\]|[^:]*)(?::(\d{1,5}))?$/i.exec(authority);
  if (match === null) return { host: '', port: undefined };
  return { host: (match[1] ?? '').toLowerCase(), port: match[2] === undefined ? undefined : Number(match[2]) };
}
