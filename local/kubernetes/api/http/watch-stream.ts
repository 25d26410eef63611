import type { KubeObject } from '../../contract.ts';
import { type Core, present } from '../core.ts';
import { ApiError, badRequest, statusBody } from '../errors.ts';
import { apiVersionOf, bucketOf, type ResourceKind } from '../kinds.ts';
import { eventInScope, type EventQueue, follow, type WatchEvent, type WatchScope } from '../watch.ts';
import type { Exchange } from './exchange.ts';
import { rendered, selectorOf } from './read.ts';

const BOOKMARK_MILLISECONDS = 20_000;
const DEFAULT_TIMEOUT_SECONDS = 30 * 60;
/** A reader that falls this far behind is cut off; it starts again from its last resourceVersion. */
const BACKLOG_LIMIT = 32 * 1024 * 1024;

/** Open watches of all endpoints of a cluster. */
export type OpenWatches = Set<() => void>;

/**
 * Streams changes as one JSON document per line (Kubernetes API concepts, "Efficient detection of changes"). Without a
 * resourceVersion (or with "0") it starts with everything that exists; a forgotten one ends in an ERROR event with 410.
 */
export function streamWatch(
  core: Core,
  queue: EventQueue,
  open: OpenWatches,
  kind: ResourceKind,
  namespace: string | undefined,
  exchange: Exchange,
): void {
  const { query, response, accept } = exchange;
  const scope: WatchScope = { kind, namespace, matches: selectorOf(query, kind) };
  response.writeHead(200, { 'content-type': 'application/json', 'transfer-encoding': 'chunked' });
  const write = (type: string, object: unknown): void => {
    if (response.writableEnded || response.destroyed) return;
    response.write(`${JSON.stringify({ type, object })}\n`);
    if (response.writableLength > BACKLOG_LIMIT) response.destroy();
  };
  const send = (event: WatchEvent): void => {
    write(event.type, rendered(core, kind, event.object, accept, query.get('includeObject')));
  };
  let sent = core.store.revision;
  try {
    for (const event of startEvents(core, scope, query)) send(event);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    write('ERROR', statusBody(error).body);
    response.end();
    return;
  }
  const bookmarks = query.get('allowWatchBookmarks') === 'true';
  const bookmark = (annotations?: Record<string, string>): void =>
    write('BOOKMARK', bookmarkObject(kind, String(sent), annotations));
  if (query.get('sendInitialEvents') === 'true' && bookmarks) bookmark({ 'k8s.io/initial-events-end': 'true' });
  else response.flushHeaders();
  const stop = follow(core.store, queue, scope, (event) => {
    sent = Math.max(sent, Number(event.object.metadata.resourceVersion));
    send(event);
  });
  const seconds = Number(query.get('timeoutSeconds') ?? DEFAULT_TIMEOUT_SECONDS);
  const close = (): void => {
    if (bookmarks) bookmark();
    response.end();
  };
  const timer = setTimeout(close, seconds * 1000);
  const ticker = setInterval(() => {
    sent = core.store.revision;
    if (bookmarks) queue.push(bookmark);
  }, BOOKMARK_MILLISECONDS);
  const drop = (): void => {
    response.destroy();
  };
  open.add(drop);
  response.on('close', () => {
    stop();
    clearTimeout(timer);
    clearInterval(ticker);
    open.delete(drop);
  });
}

function startEvents(core: Core, scope: WatchScope, query: URLSearchParams): WatchEvent[] {
  const version = query.get('resourceVersion') ?? '';
  const initial = query.get('sendInitialEvents') === 'true' || version === '' || version === '0';
  if (initial && query.get('sendInitialEvents') !== 'false') {
    const objects = core.store.list(bucketOf(scope.kind), scope.namespace).filter(scope.matches);
    return objects.map((object) => ({ type: 'ADDED', object: present(scope.kind, object) }));
  }
  if (!/^\d+$/.test(version)) throw badRequest(`resourceVersion: Invalid value: ${JSON.stringify(version)}`);
  return core.store.since(Number(version)).flatMap((event) => eventInScope(scope, event) ?? []);
}

function bookmarkObject(kind: ResourceKind, resourceVersion: string, annotations?: Record<string, string>): KubeObject {
  const metadata = { resourceVersion, creationTimestamp: null, ...(annotations === undefined ? {} : { annotations }) };
  return { kind: kind.kind, apiVersion: apiVersionOf(kind), metadata: metadata as unknown as KubeObject['metadata'] };
}
