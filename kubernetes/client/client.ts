import { revealSecrets } from '#domain/cluster-api/secrets.ts';
import { field, listField, referenceOf, textField } from '#domain/cluster-api/object.ts';
import type { KubernetesObject, ObjectReference } from '#domain/cluster-api/object.ts';
import { KubernetesApiError, statusError } from './errors.ts';
import { discoveredKinds, groupVersionPath, knownKind, resourcePath } from './resources.ts';
import type { ResourceKind } from './resources.ts';
import type { Transport, TransportRequest, TransportResponse } from './transport.ts';

/** Options of a write. */
export interface WriteOptions {
  /** Admission and validation run, nothing is stored. */
  readonly dryRun?: boolean;
}

export interface ApplyOptions extends WriteOptions {
  /** Take fields over from other managers instead of reporting a conflict. */
  readonly force?: boolean;
  readonly fieldManager?: string;
}

/** What a list selects. */
export interface ListQuery {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/**
 * A client of one Kubernetes API. Every call is one HTTP request (two when a kind has to be discovered); none
 * retries. Rejects with `KubernetesApiError` when the server refused, and with the transport's errors otherwise.
 */
export interface KubernetesClient {
  get(reference: ObjectReference): Promise<KubernetesObject | undefined>;
  list(query: ListQuery): Promise<readonly KubernetesObject[]>;
  create(object: KubernetesObject, options?: WriteOptions): Promise<KubernetesObject>;
  /** Replaces the object; a resourceVersion in it is checked. */
  replace(object: KubernetesObject, options?: WriteOptions): Promise<KubernetesObject>;
  /** JSON merge patch of the object, or of its status. */
  mergePatch(
    reference: ObjectReference,
    patch: Readonly<Record<string, unknown>>,
    subresource?: 'status',
  ): Promise<KubernetesObject>;
  /** Server-side apply as field manager `capstan`. */
  apply(object: KubernetesObject, options?: ApplyOptions): Promise<KubernetesObject>;
  /** False when there was nothing to delete. */
  delete(reference: ObjectReference): Promise<boolean>;
  /** Whether objects of this kind live in a namespace. Rejects with reason NoKindMatch when the kind is not served. */
  isNamespaced(apiVersion: string, kind: string): Promise<boolean>;
  /** GET of any path, for /readyz and /version. */
  raw(path: string): Promise<TransportResponse>;
  close(): void;
}

/** Name under which Capstan owns fields in server-side apply. */
export const fieldManager = 'capstan';

const pageSize = 500;

/**
 * A client over a transport. The library @kubernetes/client-node was measured first: it needs Node 22.19, 0.9 s and
 * 85 MB to load, which a Functions instance would pay at every cold start. This client needs none of that.
 */
export function createKubernetesClient(transport: Transport): KubernetesClient {
  return new HttpClient(transport);
}

class HttpClient implements KubernetesClient {
  readonly #transport: Transport;
  readonly #discovered = new Map<string, ReadonlyMap<string, ResourceKind>>();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async get(reference: ObjectReference): Promise<KubernetesObject | undefined> {
    const path = await this.#path(reference);
    return orMissing(this.#object({ method: 'GET', path }), undefined);
  }

  async list(query: ListQuery): Promise<readonly KubernetesObject[]> {
    const path = resourcePath(await this.#kind(query.apiVersion, query.kind), query);
    return listPages((request) => this.#call(request), path, query);
  }

  async create(object: KubernetesObject, options?: WriteOptions): Promise<KubernetesObject> {
    const { name: _, ...collection } = referenceOf(object);
    const path = resourcePath(await this.#kind(object.apiVersion, object.kind), collection);
    return this.#object({ method: 'POST', path: withQuery(path, dryRun(options)), body: serialize(object) });
  }

  async replace(object: KubernetesObject, options?: WriteOptions): Promise<KubernetesObject> {
    const path = withQuery(await this.#path(referenceOf(object)), dryRun(options));
    return this.#object({ method: 'PUT', path, body: serialize(object) });
  }

  async mergePatch(
    reference: ObjectReference,
    patch: Readonly<Record<string, unknown>>,
    subresource?: 'status',
  ): Promise<KubernetesObject> {
    const path = `${await this.#path(reference)}${subresource === undefined ? '' : `/${subresource}`}`;
    return this.#object({
      method: 'PATCH',
      path: withQuery(path, { fieldManager }),
      contentType: 'application/merge-patch+json',
      body: serialize(patch),
    });
  }

  async apply(object: KubernetesObject, options: ApplyOptions = {}): Promise<KubernetesObject> {
    const query = {
      fieldManager: options.fieldManager ?? fieldManager,
      ...(options.force === true ? { force: 'true' } : {}),
      ...dryRun(options),
    };
    return this.#object({
      method: 'PATCH',
      path: withQuery(await this.#path(referenceOf(object)), query),
      contentType: 'application/apply-patch+yaml',
      body: serialize(object),
    });
  }

  async delete(reference: ObjectReference): Promise<boolean> {
    const path = await this.#path(reference);
    const body = serialize({ apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background' });
    const deleted = this.#call({ method: 'DELETE', path, body }).then(() => true);
    return orMissing(deleted, false);
  }

  async isNamespaced(apiVersion: string, kind: string): Promise<boolean> {
    return (await this.#kind(apiVersion, kind)).namespaced;
  }

  async raw(path: string): Promise<TransportResponse> {
    return this.#transport.send({ method: 'GET', path });
  }

  close(): void {
    this.#transport.close();
  }

  async #call(request: TransportRequest): Promise<unknown> {
    const response = await this.#transport.send(request);
    if (response.status < 200 || response.status > 299) {
      throw statusError(request, response);
    }
    return parse(request, response);
  }

  async #object(request: TransportRequest): Promise<KubernetesObject> {
    return asObject(request, await this.#call(request));
  }

  async #path(reference: ObjectReference): Promise<string> {
    return resourcePath(await this.#kind(reference.apiVersion, reference.kind), reference);
  }

  /** Kinds that are not known are asked for; what is missing is asked for again, because definitions arrive late. */
  async #kind(apiVersion: string, kind: string): Promise<ResourceKind> {
    const known = knownKind(apiVersion, kind) ?? this.#discovered.get(apiVersion)?.get(kind);
    if (known !== undefined) {
      return known;
    }
    const list = await orMissing(this.#call({ method: 'GET', path: groupVersionPath(apiVersion) }), undefined);
    const kinds = discoveredKinds(list);
    this.#discovered.set(apiVersion, kinds);
    const found = kinds.get(kind);
    if (found === undefined) {
      throw new KubernetesApiError({
        status: 404,
        reason: 'NoKindMatch',
        message: `the server has no kind ${kind} in ${apiVersion}`,
      });
    }
    return found;
  }
}

/** The answer, or `missing` when the server says 404. */
async function orMissing<Value, Missing>(answer: Promise<Value>, missing: Missing): Promise<Value | Missing> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof KubernetesApiError && error.status === 404) {
      return missing;
    }
    throw error;
  }
}

async function listPages(
  call: (request: TransportRequest) => Promise<unknown>,
  path: string,
  query: ListQuery,
): Promise<readonly KubernetesObject[]> {
  const items: KubernetesObject[] = [];
  let next: string | undefined;
  do {
    const parameters: Record<string, string> = { limit: String(pageSize) };
    if (query.labelSelector !== undefined) parameters['labelSelector'] = query.labelSelector;
    if (query.fieldSelector !== undefined) parameters['fieldSelector'] = query.fieldSelector;
    if (next !== undefined) parameters['continue'] = next;
    const page = await call({ method: 'GET', path: withQuery(path, parameters) });
    for (const item of listField(page, 'items')) {
      // Items of a list carry neither apiVersion nor kind.
      items.push({ ...(item as KubernetesObject), apiVersion: query.apiVersion, kind: query.kind });
    }
    next = textField(page, 'metadata', 'continue');
  } while (next !== undefined && next !== '');
  return items;
}

function serialize(value: unknown): string {
  return JSON.stringify(revealSecrets(value));
}

function dryRun(options: WriteOptions | undefined): Record<string, string> {
  return options?.dryRun === true ? { dryRun: 'All' } : {};
}

function withQuery(path: string, query: Readonly<Record<string, string>>): string {
  const text = new URLSearchParams(query).toString();
  return text === '' ? path : `${path}?${text}`;
}

function parse(request: TransportRequest, response: TransportResponse): unknown {
  try {
    return JSON.parse(response.body);
  } catch {
    throw new KubernetesApiError({
      status: 502,
      reason: 'NotJson',
      message: `${request.method} ${request.path} was answered with ${response.contentType || 'no content type'} instead of JSON`,
    });
  }
}

function asObject(request: TransportRequest, value: unknown): KubernetesObject {
  if (textField(value, 'kind') === undefined || field(value, 'metadata') === undefined) {
    throw new KubernetesApiError({
      status: 502,
      reason: 'NotAnObject',
      message: `${request.method} ${request.path} was not answered with an object`,
    });
  }
  return value as KubernetesObject;
}
