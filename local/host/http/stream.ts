/**
 * HTTP streaming (`app.setup({ enableHttpStream: true })`): the library listens on a port of its own; the host forwards the
 * request there and invokes the function at the same time (functions-host-protocol.md, 1.6; host-recordings/README.md, HTTP).
 */
import { randomUUID } from 'node:crypto';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import { FunctionTimeoutError, type InvocationInput } from '../core/invocation.ts';
import { bindingData } from '../core/json-text.ts';
import type { Log } from '../core/log.ts';
import type { TypedData } from '../core/protocol.ts';
import { CANONICAL, readBody, sendEmpty } from './messages.ts';

/** One request on its way to the library. */
export interface StreamedCall {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly functionName: string;
  readonly params: Readonly<Record<string, string>>;
  /** Path and query of the address that the function sees. */
  readonly shown: string;
  /** The request's headers, repeated ones joined. */
  readonly headers: ReadonlyMap<string, string>;
  /** Where the library listens, e.g. `http://localhost:41234/`. */
  readonly target: string;
  /** How long nothing may happen before the caller gets its 500, in milliseconds; 240 s on the real host. */
  readonly idleMs: number;
  readonly log: Log;
  invoke(input: InvocationInput): Promise<unknown>;
}

/** Fields of a hop; they do not travel on. */
const HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const JSON_BODY_LIMIT = 1_000_000;

/** Scalars of a JSON body; on the real host they leak into the route parameters of a streaming app. */
function bodyScalars(body: Buffer | undefined): Record<string, string> {
  const data = [...bindingData(body?.toString('utf8') ?? '')];
  return Object.fromEntries(data.flatMap(([name, item]) => ('string' in item ? [[name, item.string]] : [])));
}

function metadata(call: StreamedCall, body: Buffer | undefined): Record<string, TypedData> {
  const query: Record<string, string> = {};
  const target = call.request.url ?? '/';
  for (const [name, value] of new URLSearchParams(target.includes('?') ? target.slice(target.indexOf('?') + 1) : ''))
    query[name] = value;
  const texts = { ...bodyScalars(body), ...query, ...call.params };
  return {
    ...Object.fromEntries(Object.entries(texts).map(([name, value]) => [name, { string: value }])),
    Query: { json: JSON.stringify(query) },
    Headers: { json: JSON.stringify(Object.fromEntries(call.headers)) },
  };
}

function forwardedHeaders(call: StreamedCall, invocationId: string): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(call.request.headers))
    if (value !== undefined && !HOP.has(name) && name !== 'expect') headers[name] = value;
  if (call.request.headers['transfer-encoding'] !== undefined) headers['transfer-encoding'] = 'chunked';
  return {
    ...headers,
    'x-ms-invocation-id': invocationId,
    'x-forwarded-host': call.request.headers.host ?? '',
    'x-forwarded-proto': 'http',
  };
}

function sendHead(response: ServerResponse, answer: IncomingMessage): void {
  for (const [name, value] of Object.entries(answer.headers))
    if (value !== undefined && !HOP.has(name) && name !== 'date')
      response.setHeader(CANONICAL.get(name) ?? name, value);
  response.writeHead(answer.statusCode ?? 200);
}

/** Runs one streamed call; resolves when the caller has its answer or has gone. Never rejects. */
export async function runStreamed(call: StreamedCall): Promise<void> {
  const { request, response, functionName, log } = call;
  const invocationId = randomUUID();
  const sized = Number(request.headers['content-length'] ?? Number.NaN);
  const isJson = /^application\/json\b/i.test(request.headers['content-type'] ?? '');
  const body = isJson && sized <= JSON_BODY_LIMIT ? await readBody(request) : undefined;
  await new Promise<void>((resolve) => {
    const target = new URL(call.target);
    const upstream = http.request({
      host: '127.0.0.1',
      port: target.port,
      method: request.method,
      path: call.shown,
      headers: forwardedHeaders(call, invocationId),
      agent: false,
    });
    const finish = (): void => {
      clearTimeout(idle);
      upstream.destroy();
      if (!response.headersSent) sendEmpty(response, 500);
      else if (!response.writableEnded) response.destroy();
      resolve();
    };
    const idle = setTimeout(finish, call.idleMs);
    const warn = (what: string): void =>
      log.write({
        level: 'warning',
        category: `Function.${functionName}`,
        message: `http trap stream-without-answer: ${what}; the caller waits up to ${call.idleMs / 1000} s (docs/durable-traps.md#stream-without-answer)`,
      });
    upstream.on('response', (answer) => {
      sendHead(response, answer);
      answer.on('data', (chunk: Buffer) => {
        idle.refresh();
        if (!response.write(chunk)) {
          answer.pause();
          response.once('drain', () => answer.resume());
        }
      });
      answer.on('end', () => {
        clearTimeout(idle);
        response.end();
        resolve();
      });
      answer.on('error', finish);
    });
    upstream.on('error', finish);
    response.on('close', finish);
    request.on('data', () => idle.refresh());
    if (body === undefined) request.pipe(upstream);
    else upstream.end(body);
    call.invoke({ invocationId, triggerData: { http: {} }, triggerMetadata: metadata(call, body) }).then(
      () => response.headersSent || setTimeout(() => response.headersSent || warn('the handler returned nothing'), 100),
      (error: unknown) => (error instanceof FunctionTimeoutError ? finish() : warn('the handler or its body failed')),
    );
  });
}
