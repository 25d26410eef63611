import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { ApiError, plainFailure, statusBody } from '../errors.ts';
import type { FaultDoors } from '../faults.ts';
import { authenticate } from './authenticate.ts';
import { readBody, sendJson } from './exchange.ts';
import { route, type Served } from './router.ts';

/** TLS material of an endpoint, all PEM. */
export interface EndpointTls {
  readonly caCertificate: string;
  readonly certificate: string;
  readonly key: string;
}

/** A listening endpoint. */
export interface Endpoint {
  readonly port: number;
  close(): void;
}

/**
 * Starts an HTTPS endpoint on 127.0.0.1 on a free port. Client certificates are asked for and checked against the CA;
 * a connection without one is anonymous.
 */
export async function listen(served: Served, faults: FaultDoors, tls: EndpointTls): Promise<Endpoint> {
  const sockets = new Set<Socket>();
  const options = {
    ca: tls.caCertificate,
    cert: tls.certificate,
    key: tls.key,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
  } as const;
  const server: Server = createServer(options, (request, response) => {
    void answerRequest(served, faults, request, response);
  });
  server.keepAliveTimeout = 60_000;
  server.on('connection', (socket: Socket) => {
    if (faults.down) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const forget = faults.onDown(() => {
    for (const socket of sockets) socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const close = (): void => {
    forget();
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port: (server.address() as AddressInfo).port, close };
}

/** Answers one request of a TLS connection; never rejects. */
export async function answerRequest(
  served: Served,
  faults: FaultDoors,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    await answer(served, faults, request, response);
  } catch (error) {
    if (!response.headersSent) sendFailure(response, error);
    else response.destroy();
  }
}

async function answer(
  served: Served,
  faults: FaultDoors,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const method = request.method ?? 'GET';
  const url = new URL(request.url ?? '/', 'https://apiserver.invalid');
  response.setHeader('cache-control', 'no-cache, private');
  const fault = faults.take(method, `${url.pathname}${url.search}`);
  if (fault !== undefined) {
    if (fault === 429 || fault === 503) response.setHeader('retry-after', '1');
    throw plainFailure(
      fault,
      REASONS[fault] ?? 'InternalError',
      `fault door of the simulated API server: ${method} ${url.pathname} answers ${fault}`,
    );
  }
  const { socket } = request;
  if (!(socket instanceof TLSSocket)) throw new Error('a request without TLS');
  const user = authenticate(served.core, socket, request.headers.authorization);
  const [mediaType = ''] = (request.headers['content-type'] ?? 'application/json').split(';');
  route(served, {
    method,
    path: url.pathname,
    query: url.searchParams,
    user,
    userAgent: request.headers['user-agent'] ?? '',
    accept: request.headers.accept ?? '*/*',
    mediaType: mediaType.trim().toLowerCase(),
    body: await readBody(request),
    response,
  });
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

function sendFailure(response: ServerResponse, error: unknown): void {
  const { code, body } = statusBody(error instanceof ApiError ? error : toError(error));
  sendJson(response, code, body);
}

function toError(error: unknown): unknown {
  return error instanceof Error ? `${error.name}: ${error.message}` : error;
}
