/** The HTTP side of the host: functions, the durable management API and the host's own doors, on one listener. */
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { RegisteredFunction } from '../core/function-app.ts';
import { FunctionTimeoutError, type Invoker } from '../core/invocation.ts';
import type { Log } from '../core/log.ts';
import type { InvocationResponse, TypedData } from '../core/protocol.ts';
import { RPC_PATH, WEBHOOK_PATH } from '../durable/client-payload.ts';
import type { TraceContext } from '../durable/contracts.ts';
import type { ManagementApi } from '../durable/management.ts';
import type { ManagementResponse } from '../durable/management-answers.ts';
import { adminDocument, type AdminState } from './admin.ts';
import { authLevelOf, presentedKey, type Keys } from './keys.ts';
import { runStreamed } from './stream.ts';
import {
  BodyTooLargeError,
  BodyTooSlowError,
  CANONICAL,
  joinedHeaders,
  readBody,
  sendEmpty,
  sendFunctionResult,
  toHttpData,
} from './messages.ts';
import { applyCors, type Cors } from './cors.ts';
import { HEADER_BYTES, refusal, refusedStatus } from './refusals.ts';
import { matchRoute, type HttpRoute } from './routes.ts';
import { BadTargetError, readTarget, type Target } from './target.ts';
import { Throttle, type RequestLimits } from './throttle.ts';

/** What answers requests once the app has been loaded. */
export interface HttpHandlers {
  readonly routes: readonly HttpRoute[];
  readonly invoker: Invoker;
  readonly management: ManagementApi | undefined;
  /** Data of further input bindings of a function. */
  readonly extraInputs: (fn: RegisteredFunction) => { name: string; data: TypedData }[];
  /** JSON of a door below `/_host/`, or undefined when there is none of that name. */
  readonly observe: (name: string, query: URLSearchParams) => Promise<unknown>;
  /** Keys to check; undefined lets every call through, as `func start` does. */
  readonly keys: Keys | undefined;
  readonly admin: AdminState;
  /** Calls a function by hand, with the text that the caller gave; never throws. */
  readonly call: (fn: RegisteredFunction, input: string | null) => void;
  /** Headers that host.json adds to every answer which has none of that name. */
  readonly customHeaders: Readonly<Record<string, string>>;
  readonly limits: RequestLimits;
  readonly cors: Cors | undefined;
  /** Where a streaming app takes its requests, and how long it may be silent. */
  readonly stream: { readonly target: string; readonly idleMs: number } | undefined;
}

const KEEP_ALIVE_MS = 130_000;
const HEADERS_MS = 30_000;

const LOCAL_NAMES = ['127.0.0.1', 'localhost', '[::1]'];
const HOME_PAGE =
  '<!DOCTYPE html><html><head><title>Functions host</title></head><body><h1>Your function app is up and running</h1></body></html>';

function sendJson(response: ServerResponse, answer: ManagementResponse): void {
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  if (answer.json === undefined) return sendEmpty(response, answer.status);
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.writeHead(answer.status).end(JSON.stringify(answer.json));
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.writeHead(status).end(`${text}\n`);
}

/** The connection ends with this answer, and the caller is told. */
function endConnection(response: ServerResponse): void {
  response.shouldKeepAlive = false;
  response.setHeader('Connection', 'close');
}

/** The answer of a host that has not started or cannot start. */
function sendNotRunning(response: ServerResponse): void {
  response.writeHead(503);
  response.write('Function host is not running.');
  response.end();
}

function sendPing(response: ServerResponse): void {
  response.setHeader('Cache-Control', 'no-store,no-cache');
  response.setHeader('Pragma', 'no-cache');
  sendEmpty(response, 200);
}

/** Listens on 127.0.0.1; answers 503 until `serve` is called. */
export class HttpServer {
  readonly #log: Log;
  readonly #names: ReadonlySet<string>;
  readonly #server: http.Server;
  #handlers: HttpHandlers | undefined;
  #throttle: Throttle | undefined;
  #stopping = false;
  readonly #warned = new Set<string>();
  readonly #sockets = new Set<Socket>();
  readonly #open = new Set<ServerResponse>();

  /** @param allowedNames host names, besides the local ones, that a request may be addressed to. */
  constructor(log: Log, allowedNames: readonly string[]) {
    this.#log = log;
    this.#names = new Set([...LOCAL_NAMES, ...allowedNames.map((name) => name.toLowerCase())]);
    this.#server = http.createServer({
      maxHeaderSize: 4 * HEADER_BYTES,
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: HEADERS_MS,
      connectionsCheckingInterval: HEADERS_MS / 6,
      requireHostHeader: false,
    });
    this.#server.maxHeadersCount = 0;
    const take = (request: IncomingMessage, response: ServerResponse): void => {
      this.#open.add(response);
      response.once('close', () => this.#open.delete(response));
      response.setHeader('Server', 'Kestrel');
      // Kestrel says nothing about a connection that stays open.
      if (response.shouldKeepAlive && request.httpVersion === '1.1') response.removeHeader('Connection');
      void this.#safely(request, response);
    };
    this.#server.on('request', take);
    // Node alone would answer 417; the real host does not look at it.
    this.#server.on('checkExpectation', take);
    const refuseRaw = (socket: Socket, status: string): void => {
      if (!socket.writable) socket.destroy();
      else socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\nServer: Kestrel\r\n\r\n`);
    };
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => refuseRaw(socket, refusal(error)));
    this.#server.on('connect', (_request, socket: Socket) => refuseRaw(socket, '404 Not Found'));
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    // The real host has no limit on the time a request takes to arrive or to be answered.
    this.#server.requestTimeout = 0;
  }

  /** Starts to listen; port 0 takes a free one. Resolves with the port. */
  async listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        const busy =
          error.code === 'EADDRINUSE'
            ? new Error(
                `Port ${port} on 127.0.0.1 is in use. Stop the other program or choose another port with --port.`,
              )
            : error;
        reject(busy);
      });
      this.#server.listen(port, '127.0.0.1', () => {
        const address = this.#server.address();
        resolve(typeof address === 'object' && address ? address.port : port);
      });
    });
  }

  /** Connections will come from another process. Node looks after slow ones only from this event on. */
  expectConnections(): void {
    this.#server.emit('listening');
  }

  /** Takes over a connection that another process has accepted. */
  accept(socket: Socket): void {
    if (this.#stopping) socket.destroy();
    else this.#server.emit('connection', socket);
  }

  /** Answers everything that is still open with 500, at once and without waiting: the process is about to end. */
  failAll(): void {
    for (const response of this.#open) {
      if (response.headersSent) response.destroy();
      else {
        response.shouldKeepAlive = false;
        sendEmpty(response, 500);
      }
    }
  }

  serve(handlers: HttpHandlers): void {
    this.#handlers = handlers;
    const { maxConcurrentRequests, maxOutstandingRequests } = handlers.limits;
    if (maxConcurrentRequests >= 0 || maxOutstandingRequests >= 0) this.#throttle = new Throttle(handlers.limits);
  }

  /** Takes no new connections and requests; those under way go on. */
  stopAccepting(): void {
    this.#stopping = true;
    this.#server.close();
    const busy = new Set([...this.#open].map((response) => response.socket));
    for (const socket of this.#sockets) if (!busy.has(socket)) socket.destroy();
  }

  /** Cuts what is left. */
  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #safely(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#handle(request, response);
    } catch (error) {
      if (error instanceof BadTargetError) {
        request.resume();
        endConnection(response);
        return sendEmpty(response, 400);
      }
      // A caller that has hung up wants no answer.
      const isRefused = error instanceof BodyTooLargeError || error instanceof BodyTooSlowError;
      if (request.destroyed && !request.complete && !isRefused) return;
      if (error instanceof BodyTooSlowError) endConnection(response);
      if (!(error instanceof FunctionTimeoutError) && !isRefused) {
        this.#log.write({
          level: 'error',
          category: 'Host.Http',
          message: `${request.method} ${request.url?.split('?')[0]}: ${error instanceof Error ? error.stack : String(error)}`,
        });
      }
      if (!response.headersSent) sendEmpty(response, 500);
      else response.destroy();
    }
  }

  #isAllowed(request: IncomingMessage): boolean {
    const { host } = request.headers;
    // Only old, simple clients send no name; no browser does.
    if (host === undefined) return request.httpVersion === '1.0';
    return this.#names.has(host.toLowerCase().replace(/:\d+$/, ''));
  }

  /** A web page of another site must not reach the doors that start and end orchestrations. */
  #isForeignPage(request: IncomingMessage): boolean {
    const { origin } = request.headers;
    if (origin === undefined) return false;
    const name = URL.canParse(origin) ? new URL(origin).hostname : '';
    return !this.#names.has(name);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#stopping) response.setHeader('Connection', 'close');
    const refused = refusedStatus(request);
    if (refused !== undefined) {
      request.resume();
      endConnection(response);
      if (refused === 405) response.setHeader('Allow', 'OPTIONS');
      return sendEmpty(response, refused);
    }
    if (!this.#isAllowed(request)) {
      const text = `This host answers only to ${[...this.#names].join(', ')}. The request was addressed to '${request.headers.host ?? ''}'. Add the name to HOST_ALLOWED_NAMES if it is meant to work.`;
      return sendText(response, 421, text);
    }
    const target = readTarget(request.url ?? '/');
    const isAdmin = /^\/admin(\/|$)/i.test(target.path);
    const handlers = this.#handlers;
    if (!handlers) {
      request.resume();
      return target.path === '/admin/host/ping' ? sendPing(response) : sendNotRunning(response);
    }
    if (handlers.cors && applyCors(handlers.cors, request, response)) return sendEmpty(response, 204);
    const dispatch = async (): Promise<void> => this.#dispatch(handlers, request, response, target);
    if (!this.#throttle || isAdmin) return dispatch();
    if (await this.#throttle.run(dispatch)) return;
    request.resume();
    response.setHeader('X-FUNCTION-SCALEOUT', '1');
    sendEmpty(response, 429);
  }

  async #dispatch(
    handlers: HttpHandlers,
    request: IncomingMessage,
    response: ServerResponse,
    target: Target,
  ): Promise<void> {
    for (const [name, value] of Object.entries(handlers.customHeaders))
      response.setHeader(CANONICAL.get(name.toLowerCase()) ?? name, value);
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    for (const base of [`${WEBHOOK_PATH}/`, RPC_PATH]) {
      if (!path.startsWith(base)) continue;
      if (this.#isForeignPage(request)) {
        request.resume();
        return sendText(
          response,
          403,
          `Pages of ${request.headers.origin} may not use the management API of this host.`,
        );
      }
      const key = presentedKey(request.headers['x-functions-key'], target.query);
      // The RPC base is the SDK's own way in; it is open to this machine on the real host, too.
      if (base !== RPC_PATH && handlers.keys?.opensWebhook(key) === false) return refuse(request, response);
      return this.#manage(handlers, request, response, path.slice(base.length));
    }
    const found = matchRoute(handlers.routes, request.method ?? 'GET', target.segments);
    if (found) return this.#invoke(handlers, request, response, target, found.route, found.params);
    return this.#builtIn(handlers, request, response, target);
  }

  async #invoke(
    handlers: HttpHandlers,
    request: IncomingMessage,
    response: ServerResponse,
    target: Target,
    route: HttpRoute,
    params: Record<string, string>,
  ): Promise<void> {
    const level = authLevelOf(route.fn.trigger['authLevel']);
    const key = presentedKey(request.headers['x-functions-key'], target.query);
    if (handlers.keys?.opens(level, route.fn.name, key) === false) return refuse(request, response);
    const extraInputs = handlers.extraInputs(route.fn);
    const caller = traceHeaders(request);
    if (handlers.stream) {
      return runStreamed({
        request,
        response,
        params,
        shown: target.shown,
        headers: joinedHeaders(request),
        ...handlers.stream,
        functionName: route.fn.name,
        log: this.#log,
        invoke: async (input) => handlers.invoker.invoke(route.fn, { ...input, extraInputs, caller }),
      });
    }
    const body = await readBody(request);
    if (body.length > 0 && request.headers['transfer-encoding'] !== undefined) this.#warnChunked(route.fn.name);
    const input = { triggerData: toHttpData(request, target, body, params), extraInputs, caller };
    let result: InvocationResponse;
    try {
      result = await handlers.invoker.invoke(route.fn, input);
    } catch {
      // Logged by the invoker; the caller learns nothing, as on the real host.
      return sendEmpty(response, 500);
    }
    sendFunctionResult(response, result.returnValue);
  }

  #warnChunked(name: string): void {
    if (this.#warned.has(name)) return;
    this.#warned.add(name);
    this.#log.write({
      level: 'warning',
      category: `Function.${name}`,
      message:
        'http trap chunked-body: a request body without Content-Length was dropped, as the real host does (docs/durable-traps.md#chunked-body)',
    });
  }

  async #manage(
    handlers: HttpHandlers,
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
  ): Promise<void> {
    if (!handlers.management) return sendEmpty(response, 404);
    const origin = `http://${request.headers.host ?? ''}`;
    const url = new URL(request.url ?? '/', origin);
    const continuation = request.headers['x-ms-continuation-token'];
    const answer = await handlers.management.handle({
      method: request.method ?? 'GET',
      path,
      query: url.searchParams,
      contentType: request.headers['content-type'],
      continuation: typeof continuation === 'string' && continuation.trim() !== '' ? continuation.trim() : undefined,
      body: (await readBody(request)).toString('utf8'),
      trace: traceHeaders(request),
      origin,
      url: url.href,
    });
    sendJson(response, answer);
  }

  async #builtIn(
    handlers: HttpHandlers,
    request: IncomingMessage,
    response: ServerResponse,
    { path, query }: Target,
  ): Promise<void> {
    if (request.method === 'GET' && path === '/') {
      if (handlers.admin.hidesHomePage) return sendEmpty(response, 204);
      response.setHeader('Content-Type', 'text/html');
      response.end(HOME_PAGE);
      return;
    }
    if (path === '/admin/host/ping') return sendPing(response);
    if (path.startsWith('/admin/')) {
      const document = adminDocument(path, `http://${request.headers.host ?? ''}`, handlers.admin);
      const isCall = request.method === 'POST' && CALL_PATH.test(path);
      const key = presentedKey(request.headers['x-functions-key'], query);
      // Only what there is asks for a key; everything else is 404.
      const isThere = document !== undefined || isCall;
      if (isThere && handlers.keys?.opens('admin', '', key) === false) return refuse(request, response);
      if (isCall) return this.#callByHand(handlers, request, response, path);
      if (request.method === 'GET' && document !== undefined)
        return sendJson(response, { status: 200, json: document });
    }
    if (path.startsWith('/runtime/webhooks/') && handlers.keys) return refuse(request, response);
    if (request.method === 'GET' && path.startsWith('/_host/')) {
      const parameters = new URLSearchParams([...query]);
      const json = await handlers.observe(path.slice('/_host/'.length), parameters);
      if (json !== undefined) return sendJson(response, { status: 200, json });
    }
    request.resume();
    sendEmpty(response, 404);
  }

  /** Calls a function by hand: `POST /admin/functions/{name}` with `{"input": "..."}`; answered before it has run. */
  async #callByHand(
    handlers: HttpHandlers,
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
  ): Promise<void> {
    if (this.#isForeignPage(request)) {
      request.resume();
      return sendText(response, 403, `Pages of ${request.headers.origin} may not call functions of this host.`);
    }
    const body = await readBody(request);
    if (!/^(application|text)\/(.*\+)?json\b/i.test(request.headers['content-type'] ?? ''))
      return sendEmpty(response, body.length === 0 ? 400 : 415);
    const input = handInput(body.toString('utf8'));
    if (input === undefined) return sendEmpty(response, 400);
    const name = (CALL_PATH.exec(path)?.[1] ?? '').toLowerCase();
    const fn = handlers.admin.functions.find((item) => item.name.toLowerCase() === name);
    if (!fn) return sendEmpty(response, 404);
    handlers.call(fn, input.text);
    sendEmpty(response, 202);
  }
}

const CALL_PATH = /^\/admin\/functions\/([^/]+)\/?$/i;

/** The input of a call by hand, null when there is none; undefined when the body cannot be understood. */
function handInput(body: string): { readonly text: string | null } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const input: unknown = Object.entries(value).find(([name]) => name.toLowerCase() === 'input')?.[1] ?? null;
  if (input === null || typeof input === 'string') return { text: input };
  return typeof input === 'object' ? undefined : { text: JSON.stringify(input) };
}

const TRACE_PARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The W3C trace context of a request; undefined without one, or with one that is not well-formed. */
function traceHeaders(request: IncomingMessage): TraceContext | undefined {
  const { traceparent, tracestate } = request.headers;
  if (typeof traceparent !== 'string' || !TRACE_PARENT.test(traceparent)) return undefined;
  return { traceParent: traceparent, traceState: typeof tracestate === 'string' ? tracestate : '' };
}

/** Missing or wrong key. */
function refuse(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  sendEmpty(response, 401);
}
