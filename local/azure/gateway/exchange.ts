import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AzureReply, AzureRequest } from '../service.ts';

/** Largest request body the gateway takes, in bytes; storage operations of the simulated services stay below it. */
export const maximumBodyBytes = 8 * 1024 * 1024;

/** A reply whose body is produced piece by piece; `content-length` is among its headers. */
export interface StreamedReply extends AzureReply {
  readonly stream: AsyncIterable<Buffer> | Iterable<Buffer>;
}

const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Reads the whole body; `undefined` when it is larger than the limit. The rest of a body that is too large is read and
 * dropped: a client that is still sending would see a broken connection instead of the answer.
 */
export async function readBody(request: IncomingMessage, limit = maximumBodyBytes): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= limit) chunks.push(chunk);
    else chunks.length = 0;
  }
  if (size > limit) return undefined;
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, size);
}

/** The request in the shape the services take. `host` and `rawUrl` are given apart: a proxy request names them in its request line. */
export function toAzureRequest(request: IncomingMessage, host: string, rawUrl: string, body: Buffer): AzureRequest {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value === undefined || hopByHop.has(name)) continue;
    headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  headers['host'] = host;
  const mark = rawUrl.indexOf('?');
  return {
    method: request.method ?? 'GET',
    host,
    path: mark < 0 ? rawUrl : rawUrl.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? '' : rawUrl.slice(mark + 1)),
    rawUrl,
    headers,
    body,
  };
}

/** A JSON answer of the gateway itself. */
export function jsonReply(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): AzureReply {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(value),
  };
}

/** An explanation for a person who addressed the gateway wrongly. */
export function explain(status: number, code: string, message: string): AzureReply {
  return jsonReply(status, { error: { code, message } }, { 'x-ms-error-code': code });
}

function bodyless(method: string, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304 || status < 200;
}

/** Sends a reply; an injected connection fault breaks the socket where the fault says. */
export async function writeReply(
  response: ServerResponse,
  method: string,
  reply: AzureReply | StreamedReply,
): Promise<void> {
  if (reply.reset === 'before-answer') {
    response.socket?.destroy();
    return;
  }
  const body = typeof reply.body === 'string' ? Buffer.from(reply.body, 'utf8') : (reply.body ?? Buffer.alloc(0));
  const headers: Record<string, string> = { ...reply.headers };
  const silent = bodyless(method, reply.status);
  const streamed = 'stream' in reply;
  if (!silent && !streamed) headers['content-length'] = String(body.length);
  response.writeHead(reply.status, headers);
  if (silent) {
    response.end();
  } else if (reply.reset === 'truncate-body') {
    response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.socket?.destroy());
  } else if (streamed) {
    for await (const piece of reply.stream) {
      if (response.destroyed) return;
      if (!response.write(piece)) await drained(response);
    }
    response.end();
  } else {
    response.end(body);
  }
}

async function drained(response: ServerResponse): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}
