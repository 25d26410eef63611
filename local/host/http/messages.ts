/** HTTP messages between the wire and the library (host-recordings/README.md, HTTP). */
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { HttpCookie, HttpData, NullableText, TypedData } from '../core/protocol.ts';

/** Largest request body, in bytes; more is answered with 500. */
const MAX_BODY_BYTES = 104_857_600;

/** A body that is too large. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
}

/** Reads a body completely. Throws BodyTooLargeError. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new BodyTooLargeError(`The request body is larger than ${MAX_BODY_BYTES} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function nullable(values: Iterable<readonly [string, string]>): Record<string, NullableText> {
  const result: Record<string, NullableText> = {};
  for (const [name, value] of values) result[name] = { value };
  return result;
}

/** Repeated headers are joined with a comma without blank. */
export function joinedHeaders(request: IncomingMessage): Map<string, string> {
  const headers = new Map<string, string>();
  for (let index = 0; index + 1 < request.rawHeaders.length; index += 2) {
    const name = (request.rawHeaders[index] ?? '').toLowerCase();
    const value = request.rawHeaders[index + 1] ?? '';
    const known = headers.get(name);
    headers.set(name, known === undefined ? value : `${known},${value}`);
  }
  return headers;
}

/** Repeated query keys are one value, compared without case, under the spelling that came first. */
function joinedQuery(query: URLSearchParams): Map<string, string> {
  const spelling = new Map<string, string>();
  const values = new Map<string, string>();
  for (const [name, value] of query) {
    const key = spelling.get(name.toLowerCase()) ?? name;
    spelling.set(name.toLowerCase(), key);
    const known = values.get(key);
    values.set(key, known === undefined ? value : `${known},${value}`);
  }
  return values;
}

/** The request as the library reads it. A body without Content-Length and a body on GET are dropped, as on the real host. */
export function toHttpData(request: IncomingMessage, body: Buffer, params: Record<string, string>): TypedData {
  const target = request.url ?? '/';
  const at = target.indexOf('?');
  const query = new URLSearchParams(at < 0 ? '' : target.slice(at + 1));
  const sized = request.headers['content-length'] !== undefined && request.headers['transfer-encoding'] === undefined;
  const kept = body.length > 0 && sized && request.method !== 'GET';
  const http: HttpData = {
    url: `http://${request.headers.host ?? ''}${target.split('#')[0]}`,
    method: request.method ?? 'GET',
    nullableHeaders: nullable(joinedHeaders(request)),
    nullableQuery: nullable(joinedQuery(query)),
    ...(Object.keys(params).length > 0 ? { nullableParams: nullable(Object.entries(params)) } : {}),
    ...(kept ? { body: { bytes: body } } : {}),
  };
  return { http };
}

/** Spelling of well-known header names by their lower-case form. */
export const CANONICAL: ReadonlyMap<string, string> = new Map(
  [
    'Accept-Ranges Access-Control-Allow-Credentials Access-Control-Allow-Headers Access-Control-Allow-Methods Access-Control-Allow-Origin',
    'Access-Control-Expose-Headers Access-Control-Max-Age Age Allow Cache-Control Connection Content-Disposition Content-Encoding',
    'Content-Language Content-Length Content-Location Content-Range Content-Security-Policy Content-Type Date ETag Expires Keep-Alive',
    'Last-Modified Link Location Pragma Proxy-Authenticate Retry-After Server Set-Cookie Strict-Transport-Security Trailer',
    'Transfer-Encoding Upgrade Vary Via Warning WWW-Authenticate X-Frame-Options',
  ]
    .join(' ')
    .split(' ')
    .map((name) => [name.toLowerCase(), name]),
);

function cookieTime(value: number | string | { readonly seconds: number }): string {
  if (typeof value === 'object') return new Date(value.seconds * 1000).toUTCString();
  return new Date(value).toUTCString();
}

function cookieText(cookie: HttpCookie): string {
  const parts = [`${cookie.name}=${encodeURIComponent(cookie.value)}`];
  const expires = cookie.expires?.value;
  if (expires !== undefined) parts.push(`expires=${cookieTime(expires)}`);
  if (cookie.maxAge !== undefined) parts.push(`max-age=${cookie.maxAge.value}`);
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

/** Status line as ASP.NET Core writes it: its own spelling of 418, and no words for a status that it does not know. */
function writeStatus(response: ServerResponse, status: number): ServerResponse {
  const words = status === 418 ? "I'm a teapot" : (STATUS_CODES[status] ?? '');
  return response.writeHead(status, words);
}

/** Ends a response without a body; the status says it all. */
export function sendEmpty(response: ServerResponse, status: number): void {
  if (status !== 204 && status !== 304 && response.req.method !== 'HEAD') response.setHeader('Content-Length', '0');
  writeStatus(response, status).end();
}

/**
 * Writes what a function returned. Nothing returned is 204; a status outside 200 to 599 or a wrong Content-Length is 500;
 * bodies go out chunked.
 */
export function sendFunctionResult(response: ServerResponse, returned: TypedData | null | undefined): void {
  const http = returned?.http;
  if (!http) return sendEmpty(response, 204);
  const status = Number(http.statusCode ?? 200);
  const body = bodyBytes(http.body);
  const length = http.headers?.['content-length'];
  if (!(status >= 200 && status <= 599) || (length !== undefined && Number(length) !== body.length))
    return sendEmpty(response, 500);
  for (const [name, value] of Object.entries(http.headers ?? {}))
    response.setHeader(CANONICAL.get(name) ?? name, value);
  for (const cookie of http.cookies ?? []) response.appendHeader('Set-Cookie', cookieText(cookie));
  if (status === 204 || status === 304 || body.length === 0) {
    if (status === 204 || status === 304) response.removeHeader('Content-Type');
    return sendEmpty(response, status);
  }
  writeStatus(response, status);
  response.write(body);
  response.end();
}
