import type { KubeObject } from '../../contract.ts';
import { type Core, find, present } from '../core.ts';
import { badRequest, expired, notFound } from '../errors.ts';
import { apiVersionOf, bucketOf, type ResourceKind } from '../kinds.ts';
import { fieldSelector, labelSelector, type Selector } from '../selectors.ts';
import { partialMetadata, tableOf } from '../table.ts';
import { acceptedAs, type Exchange } from './exchange.ts';

/** The selectors of a list or watch request as one test. Throws 400 for selectors that cannot be understood. */
export function selectorOf(query: URLSearchParams, kind: ResourceKind): Selector {
  const labels = labelSelector(query.get('labelSelector') ?? '');
  const fields = fieldSelector(query.get('fieldSelector') ?? '', kind.kind);
  return (object) => labels(object) && fields(object);
}

/** Answer to a GET of one object. */
export function readObject(
  core: Core,
  kind: ResourceKind,
  namespace: string,
  name: string,
  exchange: Exchange,
): unknown {
  const object = find(core, kind, namespace, name);
  if (object === undefined) throw notFound(kind, name);
  return rendered(core, kind, object, exchange.accept, exchange.query.get('includeObject'));
}

/** One object in the representation that the client accepts: itself, a Table, or its metadata alone. */
export function rendered(
  core: Core,
  kind: ResourceKind,
  object: KubeObject,
  accept: string,
  include: string | null,
): unknown {
  const as = acceptedAs(accept);
  if (as === 'Table')
    return tableOf(kind, [object], { resourceVersion: object.metadata.resourceVersion ?? '' }, core.now(), include);
  return as === 'PartialObjectMetadata' ? partialMetadata(object) : object;
}

interface Continuation {
  readonly revision: number;
  readonly after: string;
}

/** Answer to a list request: selectors, paging over one consistent revision, representation by `Accept`. */
export function listObjects(
  core: Core,
  kind: ResourceKind,
  namespace: string | undefined,
  exchange: Exchange,
): unknown {
  const { query, accept } = exchange;
  const continuation = decodeContinue(query.get('continue'));
  const revision = continuation?.revision ?? wantedRevision(core, query);
  const matches = selectorOf(query, kind);
  const all = consistent(core, kind, namespace, revision).filter((object) => matches(object));
  const rest = continuation === undefined ? all : all.filter((object) => keyOf(object) > continuation.after);
  const limit = Number(query.get('limit') ?? '0');
  const page = limit > 0 ? rest.slice(0, limit) : rest;
  const last = page.at(-1);
  const more = last !== undefined && page.length < rest.length;
  const metadata = {
    resourceVersion: String(revision),
    ...(more
      ? { continue: encodeContinue({ revision, after: keyOf(last) }), remainingItemCount: rest.length - page.length }
      : {}),
  };
  const items = page.map((object) => present(kind, object));
  const as = acceptedAs(accept);
  if (as === 'Table') return tableOf(kind, items, metadata, core.now(), query.get('includeObject'));
  if (as.startsWith('PartialObjectMetadata')) {
    return {
      kind: 'PartialObjectMetadataList',
      apiVersion: 'meta.k8s.io/v1',
      metadata,
      items: items.map(partialMetadata),
    };
  }
  return { kind: kind.listKind, apiVersion: apiVersionOf(kind), metadata, items };
}

function wantedRevision(core: Core, query: URLSearchParams): number {
  const exact = query.get('resourceVersionMatch') === 'Exact' ? query.get('resourceVersion') : null;
  return exact === null ? core.store.revision : Number(exact);
}

function consistent(core: Core, kind: ResourceKind, namespace: string | undefined, revision: number): KubeObject[] {
  if (revision < core.store.oldestRevision && revision !== core.store.revision) {
    throw expired(
      'The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.',
    );
  }
  return core.store.listAt(revision, bucketOf(kind), namespace);
}

function keyOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

function encodeContinue(continuation: Continuation): string {
  return Buffer.from(JSON.stringify({ rv: continuation.revision, start: continuation.after })).toString('base64url');
}

function decodeContinue(token: string | null): Continuation | undefined {
  if (token === null || token === '') return undefined;
  try {
    const { rv, start } = JSON.parse(Buffer.from(token, 'base64url').toString()) as { rv: unknown; start: unknown };
    if (typeof rv === 'number' && typeof start === 'string') return { revision: rv, after: start };
  } catch {
    /* falls through to the refusal below */
  }
  throw badRequest('continue key is not valid');
}
