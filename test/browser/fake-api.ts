import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { EventView, StatusDocument } from '#local/start/status-document.ts';

const folder = path.resolve(import.meta.dirname, '../../dashboard');
const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** An API server with two clusters, whose documents a test may exchange at any time. */
export interface FakeApi {
  readonly url: string;
  document: StatusDocument;
  events: EventView[];
  /** When set, calls without this function key get 401. */
  key: string | undefined;
  readonly keysSeen: string[];
  close(): Promise<void>;
}

/** Serves the dashboard as functions/dashboard.ts does, content security policy included, and the API beside it. */
export async function startFakeApi(document: StatusDocument): Promise<FakeApi> {
  const keysSeen: string[] = [];
  const server: Server = createServer((request, response) => {
    void answer(api, request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const api: FakeApi = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    document,
    events: [],
    key: undefined,
    keysSeen,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
  return api;
}

async function answer(api: FakeApi, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', api.url);
  if (pathname.startsWith('/dashboard')) return serveFile(pathname.replace(/^\/dashboard\/?/, ''), response);
  const key = request.headers['x-functions-key'];
  if (typeof key === 'string') api.keysSeen.push(key);
  if (api.key !== undefined && key !== api.key) {
    response.writeHead(401).end();
    return;
  }
  const json = (status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  const { metadata, spec, status } = api.document;
  if (pathname === '/api/clusters') {
    const tag = searchParams.get('tag');
    if (tag !== null && !tag.includes(':')) return json(400, { detail: `tag: ${tag} is not key:value` });
    const item = { name: metadata.name, tags: metadata.tags, phase: status.phase, location: spec.azure.location };
    const items = [item, { ...item, name: 'other', tags: {}, phase: 'Accepted' }];
    const [name = '', value] = (tag ?? '').split(':');
    return json(200, {
      items: items.filter(({ tags }) => tag === null || (tags as Record<string, string>)[name] === value),
    });
  }
  if (pathname === `/api/clusters/${metadata.name}`) return json(200, api.document);
  if (pathname === `/api/clusters/${metadata.name}/events`) {
    const after = searchParams.get('after');
    const index = api.events.findIndex((event) => event.cursor === after);
    const events = index === -1 ? api.events : api.events.slice(0, index);
    if (events.length === 0 && after !== null) await new Promise((resolve) => setTimeout(resolve, 300));
    // As the real service does: a cursor never runs ahead of the events that were given out with it.
    return json(200, { events, cursor: events[0]?.cursor ?? after ?? undefined });
  }
  return json(404, { detail: `There is no ${pathname}` });
}

async function serveFile(name: string, response: ServerResponse): Promise<void> {
  const file = name === '' ? 'index.html' : name;
  try {
    const content = await readFile(path.join(folder, file));
    response.writeHead(200, {
      'content-type': types[path.extname(file)] ?? 'application/octet-stream',
      'content-security-policy': "default-src 'self'; style-src 'self'; script-src 'self'; frame-ancestors 'none'",
    });
    response.end(content);
  } catch {
    response.writeHead(404).end();
  }
}
