/** The HTTP side of the host: functions, the durable management API and the host's own doors, on one listener. */
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { RegisteredFunction } from '../core/function-app.ts';
import { FunctionTimeoutError, type Invoker } from '../core/invocation.ts';
import type { Log } from '../core/log.ts';
import type { InvocationResponse, TypedData } from '../core/protocol.ts';
import { RPC_PATH, WEBHOOK_PATH } from '../durable/client-payload.ts';
import type { ManagementApi, ManagementResponse } from '../durable/management.ts';
import { BodyTooLargeError, readBody, sendEmpty, sendFunctionResult, toHttpData } from './messages.ts';
import { matchRoute, pathSegments, type HttpRoute } from './routes.ts';

/** What answers requests once the app has been loaded. */
export interface HttpHandlers {
  readonly routes: readonly HttpRoute[];
  readonly invoker: Invoker;
  readonly management: ManagementApi | undefined;
  /** Data of further input bindings of a function. */
  readonly extraInputs: (fn: RegisteredFunction) => { name: string; data: TypedData }[];
  /** JSON of a door below `/_host/`, or undefined when there is none of that name. */
  readonly observe: (name: string, query: URLSearchParams) => unknown;
}

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

/** Listens on 127.0.0.1; answers 503 until `serve` is called. */
export class HttpServer {
  readonly #log: Log;
  readonly #names: ReadonlySet<string>;
  readonly #server: http.Server;
  #handlers: HttpHandlers | undefined;
  #stopping = false;

  /** @param allowedNames host names, besides the local ones, that a request may be addressed to. */
  constructor(log: Log, allowedNames: readonly string[]) {
    this.#log = log;
    this.#names = new Set([...LOCAL_NAMES, ...allowedNames.map((name) => name.toLowerCase())]);
    this.#server = http.createServer((request, response) => {
      void this.#safely(request, response);
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

  serve(handlers: HttpHandlers): void {
    this.#handlers = handlers;
  }

  /** Takes no new connections and requests; those under way go on. */
  stopAccepting(): void {
    this.#stopping = true;
    this.#server.close();
    this.#server.closeIdleConnections();
  }

  /** Cuts what is left. */
  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #safely(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#handle(request, response);
    } catch (error) {
      if (!(error instanceof FunctionTimeoutError) && !(error instanceof BodyTooLargeError)) {
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
    const host = (request.headers.host ?? '').toLowerCase().replace(/:\d+$/, '');
    return this.#names.has(host);
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
    if (!this.#isAllowed(request)) {
      const text = `This host answers only to ${[...this.#names].join(', ')}. The request was addressed to '${request.headers.host ?? ''}'. Add the name to HOST_ALLOWED_NAMES if it is meant to work.`;
      return sendText(response, 421, text);
    }
    const handlers = this.#handlers;
    if (!handlers) return sendText(response, 503, 'Function host is not running.');
    const [path = '/'] = (request.url ?? '/').split(/[?#]/, 1);
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
      return this.#manage(handlers, request, response, path.slice(base.length));
    }
    const segments = pathSegments(path);
    const found = segments && matchRoute(handlers.routes, request.method ?? 'GET', segments);
    if (found) return this.#invoke(handlers, request, response, found.route, found.params);
    return this.#builtIn(handlers, request, response, path);
  }

  async #invoke(
    handlers: HttpHandlers,
    request: IncomingMessage,
    response: ServerResponse,
    route: HttpRoute,
    params: Record<string, string>,
  ): Promise<void> {
    const body = await readBody(request);
    let result: InvocationResponse;
    try {
      const input = { triggerData: toHttpData(request, body, params), extraInputs: handlers.extraInputs(route.fn) };
      result = await handlers.invoker.invoke(route.fn, input);
    } catch {
      // Logged by the invoker; the caller learns nothing, as on the real host.
      return sendEmpty(response, 500);
    }
    sendFunctionResult(response, result.returnValue);
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
      origin,
      url: url.href,
    });
    sendJson(response, answer);
  }

  #builtIn(handlers: HttpHandlers, request: IncomingMessage, response: ServerResponse, path: string): void {
    request.resume();
    if (request.method === 'GET' && path === '/') {
      response.setHeader('Content-Type', 'text/html');
      response.end(HOME_PAGE);
      return;
    }
    if (path === '/admin/host/ping') {
      response.setHeader('Cache-Control', 'no-store,no-cache');
      response.setHeader('Pragma', 'no-cache');
      return sendEmpty(response, 200);
    }
    if (request.method === 'GET' && path.startsWith('/_host/')) {
      const query = new URL(request.url ?? '/', 'http://localhost').searchParams;
      const json = handlers.observe(path.slice('/_host/'.length), query);
      if (json !== undefined) return sendJson(response, { status: 200, json });
    }
    sendEmpty(response, 404);
  }
}
