import type { AzureReply, AzureRequest } from '#local/azure/service.ts';
import type { TransportRequest, TransportResponse } from '#kubernetes/client/transport.ts';

/** Address that everything uses for the gateway; nobody listens on it. */
export const gatewayUrl = 'http://127.0.0.1:7080';

/** One API server without a socket. */
export interface ApiEndpoint {
  readonly caCertificate: string;
  readonly certificate: string;
  /** Undefined: the connection breaks. */
  send(
    request: TransportRequest,
    clientCertificate: string | undefined,
  ): Promise<(TransportResponse & { readonly reset?: never }) | undefined>;
}

/** What is reachable in this process. */
interface Wire {
  /** The simulated Azure, when it is up. */
  azure: ((request: AzureRequest) => Promise<AzureReply>) | undefined;
  /** Port of the API server behind a public name. */
  resolve: (fqdn: string, port: number) => number | undefined;
  readonly endpoints: Map<number, ApiEndpoint>;
}

export const wire: Wire = { azure: undefined, resolve: () => undefined, endpoints: new Map() };

/** An error as a socket gives it. */
export function socketError(message: string, code: string): Error {
  return Object.assign(new Error(message), { code });
}

/** Sends one request to the simulated Azure. @throws Error as a socket gives it when there is none, or a fault breaks it */
export async function sendToAzure(
  method: string,
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: Buffer,
  host = url.hostname,
): Promise<AzureReply> {
  if (wire.azure === undefined) throw socketError('connect ECONNREFUSED 127.0.0.1:7080', 'ECONNREFUSED');
  const reply = await wire.azure({
    method,
    host,
    path: url.pathname,
    query: url.searchParams,
    rawUrl: `${url.pathname}${url.search}`,
    headers: { ...headers, host },
    body,
  });
  if (reply.reset === 'before-answer') throw socketError('socket hang up', 'ECONNRESET');
  return reply;
}

/** Bytes of an answer; the stream of a large one is read to its end. */
export async function bytesOf(reply: AzureReply): Promise<Buffer> {
  if ('stream' in reply) {
    const pieces: Buffer[] = [];
    for await (const piece of reply.stream as AsyncIterable<Buffer>) pieces.push(piece);
    return Buffer.concat(pieces);
  }
  return typeof reply.body === 'string' ? Buffer.from(reply.body) : (reply.body ?? Buffer.alloc(0));
}
