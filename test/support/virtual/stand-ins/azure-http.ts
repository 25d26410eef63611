import { Readable } from 'node:stream';
import type { HttpClient, PipelineRequest, PipelineResponse } from '@azure/core-rest-pipeline';
import { createHttpHeaders, RestError } from '@azure/core-rest-pipeline';
import { bytesOf, sendToAzure } from '../wire.ts';

/** Stands in for `azure/clients/http-client.ts`: the SDKs' requests reach the simulated Azure without a socket. */
export { checkGateway } from '../../../../azure/clients/http-client.ts';

export async function createHttpClient(): Promise<HttpClient> {
  return { sendRequest };
}

/** An answer that takes longer is given up, as `azure/clients/http-client.ts` has it. */
const requestTimeout = 60_000;

/** Gives up on the answer, not on what the request does: Azure has it already. */
async function sendRequest(request: PipelineRequest): Promise<PipelineResponse> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void =>
    reject(Object.assign(new Error('The operation was aborted while making the request.'), { name: 'AbortError' }));
  const timer = setTimeout(abort, request.timeout === 0 ? requestTimeout : request.timeout);
  request.abortSignal?.addEventListener('abort', abort);
  if (request.abortSignal?.aborted === true) abort();
  const answer = exchange(request);
  answer.catch(() => {});
  try {
    return await Promise.race([answer, promise]);
  } finally {
    clearTimeout(timer);
    request.abortSignal?.removeEventListener('abort', abort);
  }
}

async function exchange(request: PipelineRequest): Promise<PipelineResponse> {
  const body = await bodyOf(request);
  const headers: Record<string, string> = {};
  for (const [name, value] of request.headers) headers[name.toLowerCase()] = value;
  if (body.length > 0 && headers['content-length'] === undefined) headers['content-length'] = String(body.length);
  const reply = await sendToAzure(request.method, new URL(request.url), headers, body).catch((error: Error) => {
    throw new RestError(error.message, {
      code: (error as NodeJS.ErrnoException).code ?? 'REQUEST_SEND_ERROR',
      request,
    });
  });
  const answered = createHttpHeaders();
  for (const [name, value] of Object.entries(reply.headers)) answered.set(name, value);
  const response: PipelineResponse = { status: reply.status, headers: answered, request };
  if (request.method === 'HEAD') return response;
  const bytes = await bytesOf(reply);
  if (!answered.has('content-length') && reply.status !== 204) answered.set('content-length', String(bytes.length));
  const broken = reply.reset === 'truncate-body';
  const { streamResponseStatusCodes: streams } = request;
  if (streams?.has(Number.POSITIVE_INFINITY) === true || streams?.has(reply.status) === true) {
    response.readableStreamBody = broken ? cut(bytes) : Readable.from(bytes.length === 0 ? [] : [bytes]);
    return response;
  }
  if (broken) throw new RestError('Error reading response as text: aborted', { code: RestError.PARSE_ERROR });
  response.bodyAsText = bytes.toString('utf8');
  return response;
}

/** The first half of a body, and then a broken connection. */
function cut(bytes: Buffer): Readable {
  return Readable.from(
    (function* pieces() {
      yield bytes.subarray(0, Math.floor(bytes.length / 2));
      throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
    })(),
  );
}

async function bodyOf({ body }: PipelineRequest): Promise<Buffer> {
  const given: unknown = typeof body === 'function' ? body() : body;
  if (given === undefined || given === null) return Buffer.alloc(0);
  if (typeof given === 'string') return Buffer.from(given);
  if (ArrayBuffer.isView(given)) return Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  if (given instanceof ArrayBuffer) return Buffer.from(given);
  const pieces: Buffer[] = [];
  for await (const piece of given as AsyncIterable<Uint8Array>) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}
