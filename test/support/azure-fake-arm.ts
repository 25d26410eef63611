import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One answer the fake gives instead of its own, for requests that match. */
export interface Planned {
  readonly method: string;
  readonly path: RegExp;
  times: number;
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
  /** Break the connection instead of answering. */
  readonly reset?: boolean;
  /** Accept the write, and let its operation end with this error. */
  readonly operationError?: unknown;
}

export interface SeenRequest {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: any;
}

/**
 * The smallest Azure Resource Manager that speaks the long-operation protocol: a PUT of these types answers 201 with
 * Azure-AsyncOperation and is done after `polls` polls; everything else answers at once.
 */
export class FakeArm {
  readonly resources = new Map<string, any>();
  readonly seen: SeenRequest[] = [];
  readonly planned: Planned[] = [];
  readonly operations = new Map<string, { polls: number; error?: unknown; finish: () => void }>();
  /** Polls that answer InProgress before an operation ends. */
  polls = 1;
  readonly asynchronous =
    /\/(virtualNetworks|networkSecurityGroups|publicIPAddresses|natGateways|loadBalancers|virtualMachines|images|inboundNatRules)\//i;
  /** Answers other paths; undefined: not handled. */
  extra: (request: SeenRequest) => { status: number; body?: unknown; headers?: Record<string, string> } | undefined =
    () => undefined;
  #server: Server | undefined;

  async start(): Promise<string> {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => this.#answer(request, response, Buffer.concat(chunks).toString('utf8')));
    });
    await new Promise<void>((resolve) => this.#server?.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  writes(): SeenRequest[] {
    return this.seen.filter((request) => request.method !== 'GET');
  }

  #answer(request: IncomingMessage, response: ServerResponse, text: string): void {
    const url = new URL(request.url ?? '/', 'http://fake');
    const path = url.pathname;
    const seen: SeenRequest = {
      method: request.method ?? '',
      host: request.headers.host ?? '',
      path: path + url.search,
      headers: request.headers,
      body: text === '' ? undefined : safeJson(text),
    };
    if (path === '/msi/token') {
      return send(response, 200, {
        access_token: 'token',
        expires_on: String(Math.floor(Date.now() / 1000) + 3600),
        resource: url.searchParams.get('resource'),
        token_type: 'Bearer',
      });
    }
    this.seen.push(seen);
    const planned = this.planned.find(
      (rule) => rule.times > 0 && rule.method === seen.method && rule.path.test(seen.path),
    );
    if (planned !== undefined) {
      planned.times--;
      if (planned.reset) return void request.socket.destroy();
      if (planned.operationError === undefined) return send(response, planned.status, planned.body, planned.headers);
    }
    const extra = this.extra(seen);
    if (extra !== undefined) return send(response, extra.status, extra.body, extra.headers);
    const operation = /\/operations\/([^/?]+)/.exec(path);
    if (operation) return this.#poll(response, operation[1] ?? '');
    const key = path.toLowerCase();
    if (seen.method === 'GET') {
      const found = this.resources.get(key);
      return found === undefined
        ? send(response, 404, { error: { code: 'ResourceNotFound', message: `The Resource ${path} was not found.` } })
        : send(response, 200, found);
    }
    if (seen.method === 'DELETE') {
      const existed = this.resources.delete(key);
      return send(response, existed ? 200 : 204, undefined);
    }
    if (seen.method === 'PATCH' && /\/providers\/Microsoft.Resources\/tags\/default$/i.test(path)) {
      return this.#tags(response, key.replace('/providers/microsoft.resources/tags/default', ''), seen.body);
    }
    return this.#put(response, path, seen.body, planned?.operationError);
  }

  #tags(response: ServerResponse, key: string, body: any): void {
    const resource = this.resources.get(key) ?? {};
    const tags = { ...resource.tags };
    for (const [name, value] of Object.entries(body.properties.tags)) {
      if (body.operation === 'Merge') tags[name] = value;
      else delete tags[name];
    }
    this.resources.set(key, { ...resource, tags });
    send(response, 200, { properties: { tags } });
  }

  #put(response: ServerResponse, path: string, body: any, error: unknown): void {
    const key = path.toLowerCase();
    const existed = this.resources.has(key);
    const resource = { ...body, id: path, name: path.split('/').pop(), etag: `W/"${this.seen.length}"` };
    const asynchronous = this.asynchronous.test(`${path}/`);
    resource.properties = {
      ...body?.properties,
      ...(asynchronous ? { provisioningState: 'Updating' } : {}),
      principalId: '99999999-9999-4999-8999-999999999999',
      clientId: '88888888-8888-4888-8888-888888888888',
    };
    this.resources.set(key, resource);
    if (!asynchronous) return send(response, existed ? 200 : 201, resource);
    const id = `op${this.seen.length}`;
    this.operations.set(id, {
      polls: this.polls,
      error,
      finish: () => {
        if (error === undefined) resource.properties.provisioningState = 'Succeeded';
        else this.resources.delete(key);
      },
    });
    send(response, existed ? 200 : 201, resource, {
      'azure-asyncoperation': `https://management.azure.com/subscriptions/s/providers/Microsoft.Network/locations/westeurope/operations/${id}?api-version=2026-01-01&t=1&c=${'x'.repeat(300)}`,
      'retry-after': '3',
    });
  }

  #poll(response: ServerResponse, id: string): void {
    const operation = this.operations.get(id);
    if (operation === undefined) return send(response, 404, { error: { code: 'NotFound', message: 'gone' } });
    if (operation.polls-- > 0) return send(response, 200, { status: 'InProgress' }, { 'retry-after': '10' });
    operation.finish();
    return operation.error === undefined
      ? send(response, 200, { status: 'Succeeded' })
      : send(response, 200, { status: 'Failed', error: operation.error });
  }
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function send(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'x-ms-correlation-request-id': 'corr-1',
    ...headers,
  });
  response.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
}
