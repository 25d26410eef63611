import http, { type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';
import type { ActivityOutcome } from './contracts.ts';
import type { DurableHttpRequest } from './events.ts';

const CONTENT_HEADERS = new Set(['content-type', 'content-length', 'content-encoding', 'transfer-encoding']);
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

/** Sends a request; redirects are not followed. Rejects when no answer comes. */
async function send(
  uri: string,
  options: RequestOptions,
  body: string | undefined,
): Promise<[IncomingMessage, string]> {
  return new Promise((resolve, reject) => {
    const { request } = uri.startsWith('https:') ? https : http;
    const call = request(uri, options, (response) => {
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
 * text/plain (durable-recordings, 20). Managed-identity token sources are not supported and fail with a clear text.
 */
export async function runHttpActivity(inputJson: string | null): Promise<ActivityOutcome> {
  let uri: string | undefined;
  try {
    const request: DurableHttpRequest = JSON.parse(inputJson ?? '{}');
    uri = request.uri;
    if (request.tokenSource !== undefined && request.tokenSource !== null) {
      throw new Error(
        'callHttp with a token source (managed identity) is not supported by this host. Fetch the token in an activity.',
      );
    }
    const { content } = request;
    const body =
      content === undefined || content === null || typeof content === 'string'
        ? (content ?? undefined)
        : JSON.stringify(content);
    const given = Object.entries(request.headers ?? {});
    const headers: Record<string, string> = { 'User-Agent': USER_AGENT, ...Object.fromEntries(given) };
    const typed = given.some(([name]) => name.toLowerCase() === 'content-type');
    if (body !== undefined && !typed) headers['Content-Type'] = 'text/plain';
    if (body !== undefined) headers['Content-Length'] = String(Buffer.byteLength(body));
    const [response, text] = await send(request.uri, { method: request.method, headers }, body);
    const result = { statusCode: response.statusCode, headers: headersOf(response), content: text };
    return { ok: true, resultJson: JSON.stringify(result) };
  } catch (error) {
    const failure = error instanceof Error ? error : new Error(String(error));
    return { ok: false, message: failureText(failure, uri), stack: failure.stack ?? '' };
  }
}
