import type { AzureReply, AzureRequest, RequestLogEntry } from '../service.ts';
import type { ServiceName } from './names.ts';

/** Query values longer than this are cut: signed operation URLs are some 3.5 kB long. */
const longestValue = 48;
const secretParameters = new Set(['sig', 'signature', 'code', 'client_secret', 's', 'c', 't', 'h']);

function shownQuery(query: URLSearchParams): string {
  const parts: string[] = [];
  for (const [name, value] of query) {
    const secret = secretParameters.has(name.toLowerCase()) && value.length > 8;
    const shown = secret ? '<redacted>' : value.length > longestValue ? `${value.slice(0, longestValue)}…` : value;
    parts.push(`${name}=${shown}`);
  }
  return parts.join('&');
}

/** The error code of an answer: the storage header, or `error.code` of a JSON body. */
function errorCode(reply: AzureReply): string | undefined {
  if (reply.status < 400) return undefined;
  const header = reply.headers['x-ms-error-code'];
  if (header !== undefined) return header;
  const text = typeof reply.body === 'string' ? reply.body : reply.body?.toString('utf8');
  if (text?.startsWith('{') !== true) return undefined;
  try {
    const body = JSON.parse(text) as { error?: { code?: unknown } | string; code?: unknown };
    const code = typeof body.error === 'string' ? body.error : (body.error?.code ?? body.code);
    return typeof code === 'string' ? code : undefined;
  } catch {
    return undefined;
  }
}

export interface RequestLog {
  record(service: ServiceName, request: AzureRequest, reply: AzureReply, caller: string | undefined): void;
  /** Entries with a sequence number above `after`, oldest first. */
  entries(filter?: { readonly after?: number; readonly service?: string }): readonly RequestLogEntry[];
  clear(): void;
}

/**
 * Keeps the newest requests in memory. Signatures and long query values are cut before they are kept, so that no
 * credential can be read from the log. The sequence goes on after `clear`.
 *
 * @param capacity how many entries are kept
 */
export function createRequestLog(capacity: number, now: () => number): RequestLog {
  let kept: RequestLogEntry[] = [];
  let seq = 0;
  return {
    record(service, request, reply, caller) {
      seq += 1;
      const code = errorCode(reply);
      const correlationId = reply.headers['x-ms-correlation-request-id'];
      kept.push({
        seq,
        at: new Date(now()).toISOString(),
        service,
        method: request.method,
        host: request.host,
        path: request.path,
        query: shownQuery(request.query),
        status: reply.status,
        ...(code === undefined ? {} : { code }),
        ...(caller === undefined ? {} : { caller }),
        ...(correlationId === undefined ? {} : { correlationId }),
      });
      // Cutting in blocks keeps recording cheap: one copy per tenth of the capacity.
      if (kept.length > capacity * 1.1) kept = kept.slice(-capacity);
    },
    entries(filter = {}) {
      const after = filter.after ?? 0;
      const chosen = kept.filter(
        (e) => e.seq > after && (filter.service === undefined || e.service === filter.service),
      );
      return chosen.slice(-capacity);
    },
    clear() {
      kept = [];
    },
  };
}
