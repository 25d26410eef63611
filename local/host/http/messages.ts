/** HTTP messages between the wire and the library (host-recordings/README.md, HTTP). */
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { HttpCookie, HttpData, NullableText, TypedData } from '../core/protocol.ts';
import { BadTargetError, type Target } from './target.ts';

/** Largest request body, in bytes; more is answered with 500. */
const MAX_BODY_BYTES = 104_857_600;

/** What Kestrel expects of a caller who sends a body, after some seconds. */
const SLOWEST = { bytesPerSecond: 240, graceSeconds: 5 };

/** A body that is too large. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
  override readonly message = `The request body is larger than ${MAX_BODY_BYTES} bytes.`;
}

/** A body that hardly arrives. */
export class BodyTooSlowError extends Error {
  override readonly name = 'BodyTooSlowError';
  override readonly message = `The request body arrives with less than ${SLOWEST.bytesPerSecond} bytes per second.`;
}

const HUNG_UP = 'The caller has hung up.';

/** Reads a body completely. Throws BodyTooLargeError or BodyTooSlowError. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) {
    // Taken and thrown away: a caller who is still sending would not see the answer otherwise.
    request.resume();
    throw new BodyTooLargeError();
  }
  if (request.destroyed && !request.readableEnded) throw new Error(HUNG_UP);
  const chunks: Buffer[] = [];
  let size = 0;
  let seconds = 0;
  return new Promise((resolve, reject) => {
    // Ticks rather than time: an app that blocks the event loop is not the caller's fault.
    const watch = setInterval(() => {
      seconds++;
      if (seconds > SLOWEST.graceSeconds && size < seconds * SLOWEST.bytesPerSecond) end(new BodyTooSlowError());
    }, 1000);
    const end = (error: Error | undefined): void => {
      clearInterval(watch);
      if (error) reject(error);
      else resolve(Buffer.concat(chunks));
    };
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) end(new BodyTooLargeError());
      else chunks.push(chunk);
    });
    request.once('end', () => end(undefined));
    request.once('error', end);
    request.once('close', () => end(new Error(HUNG_UP)));
  });
}

function nullable(values: Iterable<readonly [string, string]>): Record<string, NullableText> {
  const result: Record<string, NullableText> = {};
  for (const [name, value] of values) result[name] = { value };
  return result;
}

/** Header values travel as UTF-8 on the real host; Node reads them as Latin-1. */
function headerText(value: string): string {
  if (!/[\x80-\xff]/.test(value)) return value;
  const bytes = Buffer.from(value, 'latin1');
  const text = bytes.toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(bytes)) throw new BadTargetError('A header is not UTF-8.');
  return text;
}

/** Repeated headers are joined with a comma without blank. Throws BadTargetError. */
export function joinedHeaders(request: IncomingMessage): Map<string, string> {
  const headers = new Map<string, string>();
  for (let index = 0; index + 1 < request.rawHeaders.length; index += 2) {
    const name = (request.rawHeaders[index] ?? '').toLowerCase();
    const value = headerText(request.rawHeaders[index + 1] ?? '');
    const known = headers.get(name);
    headers.set(name, known === undefined ? value : `${known},${value}`);
  }
  return headers;
}

/** The request as the library reads it. A body without Content-Length and a body on GET are dropped, as on the real host. */
export function toHttpData(
  request: IncomingMessage,
  target: Target,
  body: Buffer,
  params: Record<string, string>,
): TypedData {
  const sized = request.headers['content-length'] !== undefined && request.headers['transfer-encoding'] === undefined;
  const kept = body.length > 0 && sized && request.method !== 'GET';
  const http: HttpData = {
    url: `http://${request.headers.host ?? ''}${target.shown}`,
    method: request.method ?? 'GET',
    nullableHeaders: nullable(joinedHeaders(request)),
    nullableQuery: nullable(target.query),
    ...(Object.keys(params).length > 0 ? { nullableParams: nullable(Object.entries(params)) } : {}),
    ...(kept ? { body: { bytes: body } } : {}),
  };
  return { http };
}

/** Spelling of the response headers that Kestrel knows, by their lower-case form; others go out as the app wrote them. */
export const CANONICAL: ReadonlyMap<string, string> = new Map(
  [
    'Accept-Ranges Access-Control-Allow-Credentials Access-Control-Allow-Headers Access-Control-Allow-Methods Access-Control-Allow-Origin',
    'Access-Control-Expose-Headers Access-Control-Max-Age Age Allow Alt-Svc Cache-Control Connection Content-Encoding Content-Language',
    'Content-Length Content-Location Content-MD5 Content-Range Content-Type Date ETag Expires Grpc-Encoding Keep-Alive Last-Modified',
    'Location Pragma Proxy-Authenticate Proxy-Connection Retry-After Server Set-Cookie Trailer Transfer-Encoding Upgrade Vary Via',
    'Warning WWW-Authenticate',
  ]
    .join(' ')
    .split(' ')
    .map((name) => [name.toLowerCase(), name]),
);

function cookieTime(value: number | string | { readonly seconds: number }): string {
  if (typeof value === 'object') return new Date(value.seconds * 1000).toUTCString();
  return new Date(value).toUTCString();
}

/** Escapes all but letters, digits, `-`, `.`, `_` and `~`. */
function escapeValue(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function cookieText(cookie: HttpCookie): string {
  const parts = [`${cookie.name}=${escapeValue(cookie.value)}`];
  const expires = cookie.expires?.value;
  if (expires !== undefined) parts.push(`expires=${cookieTime(expires)}`);
  if (cookie.maxAge !== undefined) parts.push(`max-age=${Math.trunc(cookie.maxAge.value)}`);
  if (cookie.domain !== undefined) parts.push(`domain=${cookie.domain.value}`);
  parts.push(`path=${cookie.path?.value ?? '/'}`);
  if (cookie.secure?.value === true) parts.push('secure');
  const sameSite = String(cookie.sameSite ?? 'none').toLowerCase();
  const text = { lax: 'lax', '1': 'lax', strict: 'strict', '2': 'strict', explicitnone: 'none', '3': 'none' }[sameSite];
  if (text !== undefined) parts.push(`samesite=${text}`);
  if (cookie.httpOnly?.value === true) parts.push('httponly');
  return parts.join('; ');
}

function bodyBytes(data: TypedData | null | undefined): Buffer {
  if (data?.bytes) return Buffer.from(data.bytes);
  return Buffer.from(data?.string ?? data?.json ?? '', 'utf8');
}

/** Words of the status line where ASP.NET Core has others than Node. */
const REASONS: Readonly<Record<number, string>> = {
  306: 'Switch Proxy',
  418: "I'm a teapot",
  419: 'Authentication Timeout',
  425: '',
  499: 'Client Closed Request',
  509: '',
};

/** Status line as ASP.NET Core writes it: no words for a status that it does not know. */
function writeStatus(response: ServerResponse, status: number): ServerResponse {
  return response.writeHead(status, REASONS[status] ?? STATUS_CODES[status] ?? '');
}

/** Ends a response without a body; the status says it all. */
export function sendEmpty(response: ServerResponse, status: number): void {
  if (status !== 204 && status !== 304 && response.req.method !== 'HEAD') response.setHeader('Content-Length', '0');
  writeStatus(response, status).end();
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const FIELD = /^[\t\x20-\x7e]*$/;

/** False for what Kestrel refuses to send: characters beyond ASCII, a cookie without a proper name, a wrong length. */
function canBeSent(http: HttpData, status: number, length: number): boolean {
  const headers = Object.entries(http.headers ?? {});
  const given = http.headers?.['content-length'];
  return (
    status >= 200 &&
    status <= 599 &&
    headers.every(([, value]) => FIELD.test(value)) &&
    (http.cookies ?? []).every((cookie) => TOKEN.test(cookie.name) && FIELD.test(cookieText(cookie))) &&
    (given === undefined || Number(given) === length)
  );
}

/**
 * Writes what a function returned. Nothing returned is 204; a status outside 200 to 599, a header or cookie that cannot be
 * written or a wrong Content-Length is 500; bodies go out chunked.
 */
export function sendFunctionResult(response: ServerResponse, returned: TypedData | null | undefined): void {
  const http = returned?.http;
  if (!http) return sendEmpty(response, 204);
  const status = Number(http.statusCode ?? 200);
  const body = bodyBytes(http.body);
  if (!canBeSent(http, status, body.length)) return sendEmpty(response, 500);
  for (const [name, value] of Object.entries(http.headers ?? {}))
    if (name !== 'content-type' || value !== '') response.setHeader(CANONICAL.get(name) ?? name, value);
  for (const cookie of http.cookies ?? []) response.appendHeader('Set-Cookie', cookieText(cookie));
  if (status === 204 || status === 304 || body.length === 0) return sendEmpty(response, status);
  writeStatus(response, status);
  response.write(body);
  response.end();
}
