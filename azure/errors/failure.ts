import { parseRetryAfter } from './retry-after.ts';

/** One answer of Azure as the capture policy saw it. Never holds request bodies or request headers. */
export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Text of the answer; only kept for errors and for the status of operations. */
  readonly body: string | undefined;
}

/** What went wrong in a call to Azure, in one shape for synchronous and asynchronous errors and for broken connections. */
export interface AzureFailure {
  /** HTTP status; undefined when no answer came. */
  readonly status: number | undefined;
  /** Outer error code, '' when Azure gave none. */
  readonly code: string;
  readonly message: string;
  /** Codes of details and inner errors, outermost first. */
  readonly innerCodes: readonly string[];
  readonly innerMessages: readonly string[];
  /** `additionalInfo` entries, e.g. the PolicyViolation of a policy. */
  readonly additionalInfo: readonly { readonly type: string; readonly info: Readonly<Record<string, unknown>> }[];
  readonly retryAfter: number | undefined;
  readonly correlationId: string | undefined;
  /** The request was accepted and its operation failed. */
  readonly asynchronous: boolean;
  /** Name or code of a transport or credential error (`ECONNREFUSED`, `AuthenticationError`). */
  readonly transport: string | undefined;
}

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Property by name in any letter case: the deletion of a group answers with capital keys (azure-recordings/README.md). */
function property(value: Json, name: string): unknown {
  if (name in value) return value[name];
  const key = Object.keys(value).find((candidate) => candidate.toLowerCase() === name);
  return key === undefined ? undefined : value[key];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}

/** An error object, unwrapped: `{error: {...}}`, `{Error: {...}}` or bare `{code, message}` (AKS, DNS record sets). */
function errorObject(body: unknown): Json | undefined {
  if (!isObject(body)) return undefined;
  const wrapped = property(body, 'error');
  if (isObject(wrapped)) return wrapped;
  return text(property(body, 'code')) === '' ? undefined : body;
}

function inner(error: Json): readonly Json[] {
  const details = property(error, 'details');
  const single = property(error, 'innererror');
  const list = [...(Array.isArray(details) ? details : []), single].filter(isObject);
  return list.flatMap((entry) => [entry, ...inner(entry)]);
}

function parseBody(body: string | undefined): unknown {
  if (body === undefined || body === '') return undefined;
  try {
    return JSON.parse(body.replace(/^\uFEFF/, ''));
  } catch {
    return undefined;
  }
}

function xmlTag(body: string, name: string): string {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1] ?? '';
}

/**
 * Reads an error answer, whatever its wrapper: JSON with or without `error`, capital keys, storage XML, HTML.
 *
 * @param now milliseconds since the epoch, for Retry-After dates
 */
export function failureOf(exchange: Exchange, now: number): AzureFailure {
  const body = parseBody(exchange.body);
  const error = errorObject(body);
  const nested = error === undefined ? [] : inner(error);
  const raw = exchange.body ?? '';
  const info = error === undefined ? undefined : property(error, 'additionalinfo');
  return {
    status: exchange.status,
    code:
      (error === undefined ? xmlTag(raw, 'Code') : text(property(error, 'code'))) ||
      (exchange.headers['x-ms-error-code'] ?? ''),
    message: (error === undefined ? xmlTag(raw, 'Message').split('\n')[0] : text(property(error, 'message'))) ?? '',
    innerCodes: nested.map((entry) => text(property(entry, 'code'))).filter((code) => code !== ''),
    innerMessages: nested.map((entry) => text(property(entry, 'message'))).filter((message) => message !== ''),
    additionalInfo: (Array.isArray(info) ? info : []).filter(isObject).map((entry) => {
      const value = property(entry, 'info');
      return { type: text(property(entry, 'type')), info: isObject(value) ? value : {} };
    }),
    retryAfter: parseRetryAfter(exchange.headers['retry-after'], now),
    correlationId: exchange.headers['x-ms-correlation-request-id'] ?? exchange.headers['x-ms-request-id'],
    asynchronous:
      exchange.status < 400 && isObject(body) && /^(failed|canceled)$/i.test(text(property(body, 'status'))),
    transport: undefined,
  };
}

/** Code of a call that Capstan did not send because it would have gone over a limit of Azure. */
export const deferredCode = 'CapstanBudget';

/**
 * A call that was not sent, as a failure that passes by itself.
 *
 * @param seconds Azure seconds after which there is room
 */
export function deferredFailure(seconds: number): AzureFailure {
  return {
    status: undefined,
    code: deferredCode,
    message: 'Waiting for room within the limits of Azure Resource Manager.',
    innerCodes: [],
    innerMessages: [],
    additionalInfo: [],
    retryAfter: seconds,
    correlationId: undefined,
    asynchronous: false,
    transport: undefined,
  };
}

/** A failure without an answer: broken connection, timeout, or no token. */
export function transportFailure(error: unknown): AzureFailure {
  const name = error instanceof Error ? error.name : '';
  const code = isObject(error) ? text(error['code']) : '';
  // A token endpoint that cannot be reached is a broken connection; one that says no is not.
  const unreachable =
    error instanceof Error && /network_error|ECONN|ETIMEDOUT|EAI_AGAIN|timed? ?out/i.test(error.message);
  const status = isObject(error) ? Number(error['statusCode']) : Number.NaN;
  const busy = status === 429 || status >= 500;
  const credential = /Credential|Authentication/i.test(name) && !unreachable && !busy;
  return {
    status: undefined,
    code: '',
    message: error instanceof Error ? (error.message.split('\n')[0] ?? '').slice(0, 300) : String(error),
    innerCodes: [],
    innerMessages: [],
    additionalInfo: [],
    retryAfter: undefined,
    correlationId: undefined,
    asynchronous: false,
    transport: credential ? name : code || (busy ? `token endpoint ${status}` : name) || 'Error',
  };
}
