import type { IncomingMessage, ServerResponse } from 'node:http';
import { parse } from 'yaml';
import type { UserInfo } from '../authorize.ts';
import { badRequest, plainFailure, unsupportedMediaType } from '../errors.ts';
import { decodeProtobuf } from './protobuf.ts';

const BODY_LIMIT = 3 * 1024 * 1024;

/** One request with everything that handlers need of it. */
export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly user: UserInfo;
  readonly userAgent: string;
  readonly accept: string;
  readonly mediaType: string;
  readonly body: Buffer;
  readonly response: ServerResponse;
}

/** Reads a request body; throws 413 above 3 MiB, the limit of the real server. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_LIMIT)
      throw plainFailure(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${BODY_LIMIT}`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Parses the body: Kubernetes protobuf by its media type, else JSON or YAML by its look. Throws 400 or 415. */
export function parseBody(exchange: Exchange): unknown {
  const { mediaType } = exchange;
  if (mediaType === 'application/vnd.kubernetes.protobuf') return decodeProtobuf(exchange.body);
  if (mediaType.includes('cbor')) {
    throw unsupportedMediaType(
      'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml',
    );
  }
  const body = exchange.body.toString('utf8');
  try {
    return /^\s*[[{]/.test(body) ? JSON.parse(body) : parse(body);
  } catch {
    /* The parser's own message quotes the body, which may hold a secret. */
    throw badRequest("couldn't decode the body of the request: it is neither valid JSON nor valid YAML");
  }
}

/** Sends JSON. */
export function sendJson(
  response: ServerResponse,
  code: number,
  value: unknown,
  headers: Record<string, string> = {},
): void {
  const text = `${JSON.stringify(value)}\n`;
  response.writeHead(code, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}

/** Sends plain text. */
export function sendText(response: ServerResponse, code: number, text: string): void {
  response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' });
  response.end(text);
}

/** Warning headers as the API server writes them (RFC 7234, code 299). */
export function warn(response: ServerResponse, warnings: readonly string[]): void {
  if (warnings.length === 0) return;
  /* Header values are printable ASCII. */
  const safe = warnings.map((text) => text.replaceAll(/[^\x20-\x7e]/g, '?'));
  const lines = [...new Set(safe)].map((text) => `299 - "${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`);
  response.setHeader('warning', lines);
}

/** Parameters of an `Accept` entry such as `application/json;as=Table;g=meta.k8s.io;v=v1`: the first that is served wins. */
export function acceptedAs(accept: string): string {
  for (const entry of accept.split(',')) {
    const [type = '', ...parameters] = entry.split(';').map((part) => part.trim());
    const values = new Map(parameters.map((part) => part.split('=', 2) as [string, string]));
    const as = values.get('as') ?? '';
    if (type !== 'application/json' && type !== '*/*' && type !== 'application/*') continue;
    if (['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList'].includes(as)) return as;
    if (as === 'APIGroupDiscoveryList' && values.get('v') === 'v2') return as;
    if (as === '') return '';
  }
  return '';
}
