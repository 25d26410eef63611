import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { servedGroupVersions } from './discovery.ts';
import { asObject, type JsonObject } from './json.ts';
import { apiVersionOf, type ResourceKind } from './kinds.ts';
import type { KindRegistry } from './registry.ts';

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

/** GET /openapi/v3: one document per group version, with a hash that changes with the served kinds. */
export function openApiIndex(registry: KindRegistry): unknown {
  const paths = servedGroupVersions(registry).map((groupVersion) => {
    const path = groupVersion.includes('/') ? `apis/${groupVersion}` : `api/${groupVersion}`;
    const hash = createHash('sha256').update(`${path} ${registry.generation}`).digest('hex').slice(0, 32).toUpperCase();
    return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }] as const;
  });
  return { paths: Object.fromEntries(paths) };
}

/** GET /openapi/v3/<api path>: schemas and paths of one group version; `undefined` for an unknown one. */
export function openApiV3(registry: KindRegistry, path: string, version: string): unknown {
  const groupVersion = path.replace(/^apis?\//, '');
  const kinds = registry.all().filter((kind) => apiVersionOf(kind) === groupVersion);
  if (kinds.length === 0) return undefined;
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version },
    paths: Object.assign({}, ...kinds.map(pathsOf)) as unknown,
    components: {
      schemas: { ...Object.fromEntries(kinds.map((kind) => [schemaName(kind), schemaOf(kind)])), [META]: META_SCHEMA },
    },
  };
}

function schemaName(kind: ResourceKind): string {
  const reversed = kind.group === '' ? 'io.k8s.api.core' : kind.group.split('.').reverse().join('.');
  return `${reversed}.${kind.version}.${kind.kind}`;
}

function gvk(kind: ResourceKind): JsonObject {
  return { group: kind.group, kind: kind.kind, version: kind.version };
}

function schemaOf(kind: ResourceKind): JsonObject {
  const own = kind.custom === undefined ? builtInSchema(kind) : kind.custom.schema;
  const metadata = {
    allOf: [{ $ref: `#/components/schemas/${META}` }],
    default: {},
    description: 'Standard object metadata.',
  };
  return {
    ...own,
    properties: { ...asObject(own['properties']), metadata },
    'x-kubernetes-group-version-kind': [gvk(kind)],
  };
}

function builtInSchema(kind: ResourceKind): JsonObject {
  const free = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const properties = {
    apiVersion: { type: 'string', description: 'Version of this representation of the object.' },
    kind: { type: 'string', description: 'Kind of the object.' },
    spec: {
      ...free,
      description: `Wanted state of the ${kind.kind}. The simulated API server does not describe its members.`,
    },
    ...(kind.hasStatus ? { status: { ...free, description: `Observed state of the ${kind.kind}.` } } : {}),
  };
  return {
    type: 'object',
    description: `${kind.kind} of ${apiVersionOf(kind)}.`,
    properties,
    'x-kubernetes-preserve-unknown-fields': true,
  };
}

const STRING_MAP = { type: 'object', additionalProperties: { type: 'string', default: '' } };

const META_SCHEMA: JsonObject = {
  type: 'object',
  description: 'Metadata that every persisted object has.',
  properties: {
    name: { type: 'string', description: 'Unique within a namespace.' },
    generateName: { type: 'string', description: 'Prefix of a generated name.' },
    namespace: { type: 'string', description: 'Namespace of the object.' },
    uid: { type: 'string', description: 'Unique in time and space.' },
    resourceVersion: { type: 'string', description: 'Opaque version for concurrency control and watches.' },
    generation: { type: 'integer', format: 'int64', description: 'Number of the wanted state.' },
    creationTimestamp: { type: 'string', format: 'date-time', description: 'Time of creation.' },
    deletionTimestamp: { type: 'string', format: 'date-time', description: 'Time at which deletion was asked for.' },
    labels: { ...STRING_MAP, description: 'Labels.' },
    annotations: { ...STRING_MAP, description: 'Annotations.' },
    finalizers: {
      type: 'array',
      items: { type: 'string', default: '' },
      description: 'Who has to finish before removal.',
    },
    ownerReferences: { type: 'array', items: { type: 'object' }, description: 'Objects that this object depends on.' },
  },
};

function parameter(name: string, description: string): JsonObject {
  return { name, in: 'query', description, schema: { type: 'string', uniqueItems: true } };
}

const WRITE_PARAMETERS = [
  parameter('dryRun', 'All: processed, not persisted.'),
  parameter('fieldManager', 'Name of the writer.'),
  parameter('fieldValidation', 'Ignore, Warn or Strict.'),
];

function pathsOf(kind: ResourceKind): JsonObject {
  const root = kind.group === '' ? `/api/${kind.version}` : `/apis/${apiVersionOf(kind)}`;
  const collection = kind.namespaced ? `${root}/namespaces/{namespace}/${kind.plural}` : `${root}/${kind.plural}`;
  const operation = (action: string, parameters: readonly JsonObject[], media: readonly string[] = []): JsonObject => ({
    description: `${action} ${kind.kind}`,
    operationId: `${action}${kind.group}${kind.version}${kind.kind}`,
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvk(kind),
    parameters,
    ...(media.length === 0
      ? {}
      : { requestBody: { content: Object.fromEntries(media.map((type) => [type, { schema: { type: 'object' } }])) } }),
    responses: {
      '200': {
        description: 'OK',
        content: { 'application/json': { schema: { $ref: `#/components/schemas/${schemaName(kind)}` } } },
      },
    },
  });
  const patchTypes = ['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml'];
  return {
    [collection]: { get: operation('list', []), post: operation('post', WRITE_PARAMETERS, ['*/*']) },
    [`${collection}/{name}`]: {
      get: operation('get', []),
      put: operation('put', WRITE_PARAMETERS, ['*/*']),
      patch: operation('patch', [...WRITE_PARAMETERS, parameter('force', 'Take over contested fields.')], patchTypes),
      delete: operation('delete', [parameter('dryRun', 'All: processed, not persisted.')]),
    },
  };
}

/**
 * GET /openapi/v2: a valid document without definitions, as JSON or in the protobuf form that client-go asks for
 * (gnostic `Document`: 1 swagger, 2 info {1 title, 2 version}). Everything of substance is in v3.
 */
export function openApiV2(response: ServerResponse, accept: string, version: string): void {
  if (!accept.includes('proto-openapi.spec.v2')) {
    const text = JSON.stringify({ swagger: '2.0', info: { title: 'Kubernetes', version }, paths: {}, definitions: {} });
    response.writeHead(200, { 'content-type': 'application/json' }).end(text);
    return;
  }
  const field = (number: number, content: Buffer): Buffer =>
    Buffer.concat([Buffer.from([(number << 3) | 2, content.length]), content]);
  const info = Buffer.concat([field(1, Buffer.from('Kubernetes')), field(2, Buffer.from(version))]);
  const document = Buffer.concat([field(1, Buffer.from('2.0')), field(2, info), field(8, Buffer.alloc(0))]);
  response
    .writeHead(200, { 'content-type': 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf' })
    .end(document);
}
