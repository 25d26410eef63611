import { ANONYMOUS, authorize, isAllowed } from '../authorize.ts';
import type { Core, WriteContext } from '../core.ts';
import { deleteObject } from '../delete.ts';
import {
  aggregatedDiscovery,
  apiGroup,
  apiGroupList,
  apiVersions,
  coreResources,
  groupResources,
} from '../discovery.ts';
import { badRequest, methodNotAllowed, unknownPath } from '../errors.ts';
import { asString, at, isObject } from '../json.ts';
import { bucketOf, type ResourceKind } from '../kinds.ts';
import { openApiIndex, openApiV2, openApiV3 } from '../openapi.ts';
import { patchObject } from '../patch-object.ts';
import { isSpecialResource, reviewAccess } from '../reviews.ts';
import { handleSubresource } from '../subresources.ts';
import type { EventQueue } from '../watch.ts';
import { createObject, decode, updateObject } from '../write.ts';
import { acceptedAs, type Exchange, parseBody, sendJson, sendText, warn } from './exchange.ts';
import { listObjects, readObject, rendered, selectorOf } from './read.ts';
import { kindOfTarget, parseTarget, type Target, verbOf } from './target.ts';
import { type OpenWatches, streamWatch } from './watch-stream.ts';

/** What requests work on. */
export interface Served {
  readonly core: Core;
  readonly events: EventQueue;
  readonly watches: OpenWatches;
  readonly kubernetesVersion: string;
}

/** Answers one request. Errors are thrown as ApiError. */
export function route(served: Served, exchange: Exchange): void {
  const target = parseTarget(exchange.path);
  if (target === undefined) {
    nonResource(served, exchange);
    return;
  }
  const watching = isWatch(exchange);
  const { group, plural: resource, subresource, name = '' } = target;
  const namespace = target.namespace ?? (resource === 'namespaces' ? name : '');
  authorize(served.core.store, exchange.user, {
    verb: verbOf(exchange.method, target, watching),
    group,
    resource,
    subresource,
    namespace,
    name,
    path: undefined,
  });
  if (isSpecialResource(target)) {
    sendJson(exchange.response, 201, reviewAccess(served.core, target, exchange.user, parseBody(exchange)));
    return;
  }
  const kind = kindOfTarget(served.core.registry, target);
  if (kind === undefined) throw unknownPath();
  if (target.subresource !== '' && target.subresource !== 'status') {
    const result = handleSubresource(
      served.core,
      kind,
      target,
      exchange.method,
      () => parseBody(exchange),
      exchange.mediaType,
      contextOf(exchange),
    );
    sendJson(exchange.response, exchange.method === 'POST' ? 201 : 200, result);
    return;
  }
  if (target.subresource === 'status' && !kind.hasStatus) throw unknownPath();
  resourceRequest(served, exchange, target, kind);
}

function isWatch(exchange: Exchange): boolean {
  const value = exchange.query.get('watch');
  return exchange.method === 'GET' && (value === 'true' || value === '1');
}

function resourceRequest(served: Served, exchange: Exchange, target: Target, kind: ResourceKind): void {
  const { core } = served;
  const { method, response } = exchange;
  const namespace = target.namespace ?? '';
  if (target.name === undefined) {
    if (method === 'GET' && isWatch(exchange))
      streamWatch(core, served.events, served.watches, kind, target.namespace, exchange);
    else if (method === 'GET') sendJson(response, 200, listObjects(core, kind, target.namespace, exchange));
    else if (method === 'POST') create(core, kind, namespace, exchange);
    else if (method === 'DELETE') deleteCollection(core, kind, target.namespace, exchange);
    else throw methodNotAllowed();
    return;
  }
  const subresource = target.subresource === 'status' ? 'status' : '';
  switch (method) {
    case 'GET':
      sendJson(response, 200, readObject(core, kind, namespace, target.name, exchange));
      return;
    case 'PUT':
      replace(core, kind, namespace, target.name, subresource, exchange);
      return;
    case 'PATCH':
      patch(core, kind, namespace, target.name, subresource, exchange);
      return;
    case 'DELETE':
      if (subresource !== '') throw methodNotAllowed();
      remove(core, kind, namespace, target.name, exchange);
      return;
    default:
      throw methodNotAllowed();
  }
}

/** The write options of a request (`dryRun`, `fieldManager`, `fieldValidation`). Throws 400 for unknown values. */
function contextOf(exchange: Exchange): WriteContext {
  const { query, userAgent } = exchange;
  const dryRun = query.getAll('dryRun').filter((value) => value !== '');
  if (dryRun.some((value) => value !== 'All'))
    throw badRequest(`dryRun: Unsupported value: ${JSON.stringify(dryRun)}: supported values: "All"`);
  const validation = query.get('fieldValidation') ?? 'Warn';
  if (validation !== 'Strict' && validation !== 'Warn' && validation !== 'Ignore') {
    throw badRequest(
      `fieldValidation: Unsupported value: "${validation}": supported values: "Ignore", "Strict", "Warn"`,
    );
  }
  const fieldManager = query.get('fieldManager') ?? userAgent.split('/')[0] ?? '';
  return {
    fieldManager: fieldManager === '' ? 'unknown' : fieldManager,
    dryRun: dryRun.length > 0,
    fieldValidation: validation,
    warnings: [],
  };
}

function create(core: Core, kind: ResourceKind, namespace: string, exchange: Exchange): void {
  if (kind.namespaced && namespace === '') throw methodNotAllowed();
  const context = contextOf(exchange);
  const object = createObject(core, kind, namespace, parseBody(exchange), context);
  warn(exchange.response, context.warnings);
  sendJson(exchange.response, 201, rendered(core, kind, object, exchange.accept, null));
}

function replace(
  core: Core,
  kind: ResourceKind,
  namespace: string,
  name: string,
  subresource: '' | 'status',
  exchange: Exchange,
): void {
  const context = contextOf(exchange);
  const wanted = decode(kind, namespace, parseBody(exchange));
  const object = updateObject(
    core,
    kind,
    { namespace, name, subresource, change: () => wanted, replace: true },
    context,
  );
  warn(exchange.response, context.warnings);
  sendJson(exchange.response, 200, rendered(core, kind, object, exchange.accept, null));
}

function patch(
  core: Core,
  kind: ResourceKind,
  namespace: string,
  name: string,
  subresource: '' | 'status',
  exchange: Exchange,
): void {
  const context = contextOf(exchange);
  const { mediaType, query, response } = exchange;
  const request = {
    namespace,
    name,
    subresource,
    mediaType,
    body: parseBody(exchange),
    force: query.get('force') === 'true',
    hasFieldManager: (query.get('fieldManager') ?? '') !== '',
  };
  const { object, created } = patchObject(core, kind, request, context);
  warn(response, context.warnings);
  sendJson(response, created ? 201 : 200, rendered(core, kind, object, exchange.accept, null));
}

interface DeleteOptions {
  readonly propagationPolicy: string | undefined;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly dryRun: boolean;
}

function deleteOptions(exchange: Exchange): DeleteOptions {
  const body = exchange.body.length === 0 ? {} : parseBody(exchange);
  const orphan = at(body, 'orphanDependents') === true ? 'Orphan' : undefined;
  return {
    propagationPolicy: asString(at(body, 'propagationPolicy')) ?? exchange.query.get('propagationPolicy') ?? orphan,
    uid: asString(at(body, 'preconditions', 'uid')),
    resourceVersion: asString(at(body, 'preconditions', 'resourceVersion')),
    dryRun: isObject(body) && Array.isArray(body['dryRun']) && body['dryRun'].includes('All'),
  };
}

function remove(core: Core, kind: ResourceKind, namespace: string, name: string, exchange: Exchange): void {
  const { dryRun, ...options } = deleteOptions(exchange);
  const context = contextOf(exchange);
  const { object, removed } = deleteObject(
    core,
    kind,
    { namespace, name, ...options },
    { ...context, dryRun: dryRun || context.dryRun },
  );
  if (!removed || (kind.group === '' && kind.kind === 'Pod')) {
    sendJson(exchange.response, 200, object);
    return;
  }
  const details = {
    name,
    ...(kind.group === '' ? {} : { group: kind.group }),
    kind: kind.plural,
    uid: object.metadata.uid,
  };
  sendJson(exchange.response, 200, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details });
}

function deleteCollection(core: Core, kind: ResourceKind, namespace: string | undefined, exchange: Exchange): void {
  const { propagationPolicy, dryRun } = deleteOptions(exchange);
  const context = contextOf(exchange);
  const matches = selectorOf(exchange.query, kind);
  const answer = listObjects(core, kind, namespace, { ...exchange, accept: 'application/json' });
  for (const object of core.store.list(bucketOf(kind), namespace).filter(matches)) {
    const request = { namespace: object.metadata.namespace ?? '', name: object.metadata.name, propagationPolicy };
    deleteObject(core, kind, request, { ...context, dryRun: dryRun || context.dryRun });
  }
  sendJson(exchange.response, 200, answer);
}

const HEALTH_PATHS = ['/readyz', '/livez', '/healthz'];

function nonResource(served: Served, exchange: Exchange): void {
  const { core, kubernetesVersion } = served;
  const { response, user } = exchange;
  const path = exchange.path.length > 1 ? exchange.path.replace(/\/$/, '') : exchange.path;
  const everyone = path === '/version' || HEALTH_PATHS.some((known) => path === known || path.startsWith(`${known}/`));
  const wanted = { verb: 'get', group: '', resource: '', subresource: '', namespace: '', name: '', path };
  if (
    !everyone ||
    !isAllowed(core.store, ANONYMOUS, { ...wanted, path: path.startsWith('/version') ? '/version' : '/readyz' })
  )
    authorize(core.store, user, wanted);
  if (exchange.method !== 'GET' && exchange.method !== 'HEAD') throw methodNotAllowed();
  if (everyone && path !== '/version') {
    sendText(response, 200, exchange.query.has('verbose') ? '[+]ping ok\n[+]etcd ok\nreadyz check passed\n' : 'ok');
    return;
  }
  if (path === '/openapi/v2') {
    openApiV2(response, exchange.accept, kubernetesVersion);
    return;
  }
  const aggregated = acceptedAs(exchange.accept) === 'APIGroupDiscoveryList';
  const document = discoveryDocument(served, path, aggregated);
  if (document === undefined) throw unknownPath();
  const type =
    aggregated && (path === '/api' || path === '/apis')
      ? { 'content-type': 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' }
      : {};
  sendJson(response, 200, document, {
    ...type,
    ...(path.startsWith('/openapi') ? { 'cache-control': 'no-cache, private' } : {}),
  });
}

function discoveryDocument(served: Served, path: string, aggregated: boolean): unknown {
  const { registry } = served.core;
  const [root = '', group = '', version = ''] = path.slice(1).split('/');
  if (path === '/version') return versionInfo(served.kubernetesVersion);
  if (path === '/api') return aggregated ? aggregatedDiscovery(registry, 'core') : apiVersions();
  if (path === '/apis') return aggregated ? aggregatedDiscovery(registry, 'groups') : apiGroupList(registry);
  if (path === '/api/v1') return coreResources(registry);
  if (root === 'apis') return version === '' ? apiGroup(registry, group) : groupResources(registry, group, version);
  if (path === '/openapi/v3') return openApiIndex(registry);
  if (path.startsWith('/openapi/v3/'))
    return openApiV3(registry, path.slice('/openapi/v3/'.length), served.kubernetesVersion);
  if (path === '/')
    return { paths: ['/api', '/apis', '/healthz', '/livez', '/openapi/v2', '/openapi/v3', '/readyz', '/version'] };
  return undefined;
}

function versionInfo(gitVersion: string): Record<string, string> {
  const [major = '', minor = ''] = gitVersion.replace(/^v/, '').split('.');
  return {
    major,
    minor,
    gitVersion,
    gitCommit: 'simulated',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: 'simulated',
    compiler: 'simulated',
    platform: 'linux/amd64',
  };
}
