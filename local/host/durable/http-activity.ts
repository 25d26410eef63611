import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { ActivityOutcome } from './contracts.ts';
import type { DurableHttpRequest } from './events.ts';

const CONTENT_HEADERS = new Set(['content-type', 'content-length', 'content-encoding', 'transfer-encoding']);
/** Headers that .NET takes only together with a body. */
const CONTENT_ONLY = new Set(
  'allow content-disposition content-encoding content-language content-length content-location content-md5 content-range expires last-modified'.split(
    ' ',
  ),
);
const REDIRECTS: ReadonlySet<number> = new Set([300, 301, 302, 303, 307, 308]);
const MOST_REDIRECTS = 50;
/** What the extension calls itself. */
const USER_AGENT = 'Microsoft.Azure.WebJobs.Extensions.DurableTask/3.19.0';

const KNOWN_HEADERS = new Map(
  'Accept-Ranges Age Cache-Control Connection Date ETag Keep-Alive Location Pragma Proxy-Authenticate Retry-After Server Set-Cookie Trailer Upgrade Vary Via Warning WWW-Authenticate'
    .split(' ')
    .map((name) => [name.toLowerCase(), name]),
);

/** Headers without those of the content: known ones in .NET's spelling, others as they were sent; a repeated one is a list. */
function headersOf(response: IncomingMessage): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (let index = 0; index + 1 < response.rawHeaders.length; index += 2) {
    const [sent = '', value = ''] = response.rawHeaders.slice(index, index + 2);
    if (CONTENT_HEADERS.has(sent.toLowerCase())) continue;
    const name = KNOWN_HEADERS.get(sent.toLowerCase()) ?? sent;
    const known = headers[name];
    headers[name] = known === undefined ? value : [...(Array.isArray(known) ? known : [known]), value];
  }
  return headers;
}

/** A request as it goes out. */
interface Outgoing {
  readonly uri: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** Sends a request. Rejects when no answer comes. */
async function send({ uri, method, headers, body }: Outgoing): Promise<[IncomingMessage, string]> {
  return new Promise((resolve, reject) => {
    const { request } = uri.startsWith('https:') ? https : http;
    const length = body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
    const call = request(uri, { method, headers: { ...headers, ...length } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => resolve([response, Buffer.concat(chunks).toString('utf8')]));
    });
    call.once('error', reject);
    call.removeHeader('connection');
    call.end(body);
  });
}

/** The request that a redirect leads to, the way .NET's client makes it; undefined when there is none or it is not followed. */
function redirected(request: Outgoing, response: IncomingMessage): Outgoing | undefined {
  const { location } = response.headers;
  const status = response.statusCode ?? 0;
  if (location === undefined || !REDIRECTS.has(status) || !URL.canParse(location, request.uri)) return undefined;
  const uri = new URL(location, request.uri).href;
  if (!/^https?:/.test(uri) || (request.uri.startsWith('https:') && !uri.startsWith('https:'))) return undefined;
  const kept = Object.entries(request.headers).filter(([name]) => name.toLowerCase() !== 'authorization');
  const becomesGet =
    status === 303 ? !/^(get|head)$/i.test(request.method) : status < 304 && /^post$/i.test(request.method);
  if (!becomesGet) return { ...request, uri, headers: Object.fromEntries(kept) };
  const headers = Object.fromEntries(kept.filter(([name]) => name.toLowerCase() !== 'content-type'));
  return { uri, method: 'GET', headers, body: undefined };
}

/** Headers and body as the extension sends them. Throws with .NET's words for what it refuses. */
function outgoing(request: DurableHttpRequest, token: string | undefined): Outgoing {
  const { content } = request;
  const isText = content === undefined || content === null || typeof content === 'string';
  const body = isText ? (content ?? undefined) : JSON.stringify(content);
  const headers: Record<string, string> = { 'User-Agent': USER_AGENT };
  let type = 'text/plain';
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    if (CONTENT_ONLY.has(name.toLowerCase()))
      throw new Error(
        `Misused header name, '${name}'. Make sure request headers are used with HttpRequestMessage, response headers with HttpResponseMessage, and content headers with HttpContent objects.`,
      );
    if (name.toLowerCase() !== 'content-type') headers[name] = value;
    else if (value.includes('multipart')) throw new Error('Multipart content is not supported with CallHttpAsync.');
    else if (value !== '') type = value;
  }
  if (body !== undefined) headers['Content-Type'] = contentType(type);
  if (token !== undefined) headers['Authorization'] = `Bearer ${token}`;
  return { uri: request.uri, method: request.method, headers, body };
}

/** Parameters are not understood; a form says its character set. */
function contentType(type: string): string {
  if (type.toLowerCase() === 'application/x-www-form-urlencoded') return `${type}; charset=utf-8`;
  if (!/^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+$/.test(type))
    throw new Error(`The format of value '${type}' is invalid.`);
  return type;
}

/** A token of the managed identity of this process (App Service's protocol; the settings of a machine that has one). */
async function tokenFor(source: unknown): Promise<string | undefined> {
  if (source === undefined || source === null) return undefined;
  const { IDENTITY_ENDPOINT: endpoint, IDENTITY_HEADER: secret } = process.env;
  if (endpoint === undefined || secret === undefined)
    throw new Error(
      'callHttp with a token source needs a managed identity: set IDENTITY_ENDPOINT and IDENTITY_HEADER, or fetch the token in an activity.',
    );
  const { resource = '' } = source as { resource?: string };
  const url = `${endpoint}?api-version=2019-08-01&resource=${encodeURIComponent(resource)}`;
  const response = await fetch(url, { headers: { 'X-IDENTITY-HEADER': secret } });
  if (!response.ok) throw new Error(`The managed identity gave no token for ${resource}: ${response.status}.`);
  const { access_token: token } = (await response.json()) as { access_token: string };
  return token;
}

/** The text of a failed connection as .NET puts it, e.g. `Connection refused (127.0.0.1:1)`. */
function failureText(error: Error, uri: string | undefined): string {
  const { code } = error as NodeJS.ErrnoException;
  if (uri === undefined || !URL.canParse(uri)) return error.message;
  const { hostname, port, protocol } = new URL(uri);
  const place = `${hostname}:${port === '' ? (protocol === 'https:' ? 443 : 80) : port}`;
  if (code === 'ECONNREFUSED') return `Connection refused (${place})`;
  if (code === 'ENOTFOUND') return `Name or service not known (${place})`;
  return error.message;
}

/**
 * The activity behind `callHttp`. Content headers are not among the returned ones, a body without a content type goes out as
 * text/plain (durable-recordings, 20). Redirects are followed as .NET's client follows them.
 */
export async function runHttpActivity(inputJson: string | null): Promise<ActivityOutcome> {
  let uri: string | undefined;
  try {
    const request: DurableHttpRequest = JSON.parse(inputJson ?? '{}');
    uri = request.uri;
    let next: Outgoing | undefined = outgoing(request, await tokenFor(request.tokenSource));
    let [response, text] = await send(next);
    for (let count = 0; count < MOST_REDIRECTS; count++) {
      next = redirected(next, response);
      if (!next) break;
      [response, text] = await send(next);
    }
    const result = { statusCode: response.statusCode, headers: headersOf(response), content: text };
    return { ok: true, resultJson: JSON.stringify(result) };
  } catch (error) {
    const failure = error instanceof Error ? error : new Error(String(error));
    return { ok: false, message: failureText(failure, uri), stack: failure.stack ?? '' };
  }
}
