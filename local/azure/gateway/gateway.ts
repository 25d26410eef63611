import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { AddressInfo, Socket } from 'node:net';
import type { AzureReply, AzureRequest, AzureService } from '../service.ts';
import type { LocalAuthority } from './authority.ts';
import { handleConnect } from './connect.ts';
import { createDoor, type DoorTargets } from './door.ts';
import { explain, jsonReply, maximumBodyBytes, readBody, toAzureRequest, writeReply } from './exchange.ts';
import { refusalOf } from './fault-replies.ts';
import type { DataPlaneFaults } from './faults.ts';
import { foreignHost, isLoopbackName, type ServiceName, serviceOfHost, splitAuthority } from './names.ts';
import { createRequestLog, type RequestLog } from './request-log.ts';

/** The services that answer behind the gateway. */
export interface GatewayServices {
  readonly services: Readonly<Record<ServiceName, AzureService>>;
  /** App Service's managed identity endpoint, `/msi/token`. */
  readonly managedIdentity: AzureService;
  readonly door: DoorTargets;
  readonly faults: DataPlaneFaults;
  resolveLoadBalancer(fqdn: string, port: number): number | undefined;
  /** Object id behind a bearer header, for the request log. */
  callerOf(authorization: string | undefined): string | undefined;
}

export interface Gateway {
  readonly port: number;
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly log: RequestLog;
  /** Gives the gateway its services; requests that came before wait for this. */
  attach(services: GatewayServices): void;
  /** The local CA, made at first use. */
  authority(): Promise<LocalAuthority>;
  close(): Promise<void>;
}

const loggedRequests = 20_000;

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const busy = `The simulated Azure cannot listen on 127.0.0.1:${port}: the port is in use. Stop the other process, or choose another port with --port or CAPSTAN_AZURE_PORT.`;
      reject(error.code === 'EADDRINUSE' ? new Error(busy) : error);
    });
    server.listen(port, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** A page of another site must not reach the doors: browsers always name the origin of such requests. */
function foreignOrigin(request: AzureRequest): boolean {
  const origin = request.headers['origin'];
  if (origin === undefined) return request.headers['sec-fetch-site'] === 'cross-site';
  return !URL.canParse(origin) || !isLoopbackName(new URL(origin).hostname);
}

async function answerLoopback(request: AzureRequest, services: GatewayServices, log: RequestLog): Promise<AzureReply> {
  if (foreignOrigin(request)) {
    return explain(403, 'ForeignOrigin', 'The doors of the simulator do not answer web pages of other origins.');
  }
  if (request.path === '/healthz') return jsonReply(200, { status: 'ok' });
  if (request.path === '/msi/token' || request.path === '/msi/token/') {
    const reply = await services.faults.apply('token', request, async (asked) => services.managedIdentity(asked));
    log.record('token', request, reply, undefined);
    return reply;
  }
  if (request.path.startsWith('/_simulator/')) return createDoor(services.door, log)(request);
  return explain(
    421,
    'MisdirectedRequest',
    `This is the gateway of the simulated Azure. ${request.path} is not one of its own paths (/_simulator/*, /msi/token, /healthz); Azure's services are reached by sending their production name in the Host header, e.g. management.azure.com.`,
  );
}

/** The services decode paths: one that is no percent-encoded text reaches none of them. */
function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

/** Answers a request by the host it names, and logs it. */
export async function answer(request: AzureRequest, services: GatewayServices, log: RequestLog): Promise<AzureReply> {
  const name = serviceOfHost(request.host);
  if (name === undefined) {
    if (isLoopbackName(request.host)) return answerLoopback(request, services, log);
    return explain(403, 'ForeignHost', foreignHost(request.host));
  }
  let reply: AzureReply;
  const call = async (asked: AzureRequest): Promise<AzureReply> => services.services[name](asked);
  try {
    reply =
      name === 'arm'
        ? await call(request)
        : isDecodable(request.path)
          ? await services.faults.apply(name, request, call)
          : refusalOf(name, { status: 400, code: 'InvalidUri', message: 'The path is not percent-encoded UTF-8.' });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    reply = explain(500, 'InternalServerError', `The simulated ${name} service failed: ${reason}`);
  }
  log.record(name, request, reply, services.callerOf(request.headers['authorization']));
  return reply;
}

/** Host and path of a request: from the request line of a proxy request (`GET http://host/path`), else from the Host header. */
function addressOf(request: IncomingMessage): { readonly host: string; readonly rawUrl: string } {
  const target = request.url ?? '/';
  const absolute = /^https?:\/\/([^/?#]+)([^#]*)$/i.exec(target);
  if (absolute === null) return { host: splitAuthority(request.headers.host ?? '').host, rawUrl: target };
  const rest = absolute[2] ?? '';
  return { host: splitAuthority(absolute[1] ?? '').host, rawUrl: rest.startsWith('/') ? rest : `/${rest}` };
}

async function serve(
  message: IncomingMessage,
  response: ServerResponse,
  attached: Promise<GatewayServices>,
  log: RequestLog,
): Promise<void> {
  const body = await readBody(message);
  const method = message.method ?? 'GET';
  if (body === undefined) {
    const limit = `The request body is larger than ${maximumBodyBytes / 1_048_576} MiB, the largest the simulated Azure takes.`;
    await writeReply(response, method, explain(413, 'RequestBodyTooLarge', limit));
    return;
  }
  const { host, rawUrl } = addressOf(message);
  const reply = await answer(toAzureRequest(message, host, rawUrl, body), await attached, log);
  await writeReply(response, method, reply);
}

/**
 * Opens the one listener of the simulated Azure, on 127.0.0.1 only. Requests are told apart by the host they name.
 *
 * @param options.port TCP port, 0 for a free one
 * @param options.directory state folder of the simulator (the local CA is kept in it)
 */
export async function createGateway(options: {
  readonly port: number;
  readonly directory: string;
  /** Time in the request log, milliseconds since 1970. */
  now(): number;
}): Promise<Gateway> {
  const log = createRequestLog(loggedRequests, () => options.now());
  const attached = Promise.withResolvers<GatewayServices>();
  const sockets = new Set<Socket>();
  let authority: Promise<LocalAuthority> | undefined;
  const openCa = (): Promise<LocalAuthority> => {
    // Loaded late: the X.509 library costs start time that a run without CONNECT to Azure's names never needs.
    authority ??= import('./authority.ts').then((m) => m.openAuthority(join(options.directory, 'authority')));
    return authority;
  };
  const onRequest = (message: IncomingMessage, response: ServerResponse): void => {
    serve(message, response, attached.promise, log).catch(() => response.socket?.destroy());
  };
  const settings = { keepAliveTimeout: 75_000, maxHeaderSize: 64 * 1024 };
  const server = createServer(settings, onRequest);
  const inner = createServer(settings, onRequest);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('connect', (request, client, head) => {
    void attached.promise.then((services) =>
      handleConnect(request, client, head, {
        inner,
        resolveLoadBalancer: (fqdn, port) => services.resolveLoadBalancer(fqdn, port),
        contextFor: async (host) => (await openCa()).contextFor(host),
      }),
    );
  });
  const port = await listen(server, options.port);
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    log,
    attach: (services) => attached.resolve(services),
    authority: openCa,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
