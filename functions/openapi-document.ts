import { z } from 'zod';
import { managedDocument } from '#domain/managed/schema.ts';
import { clusterDocument } from '#domain/spec/schema.ts';
import { gatewayDocument } from '#domain/storage/gateway.ts';

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly description: string;
}

interface Operation {
  readonly method: 'get' | 'put' | 'post' | 'delete';
  readonly path: string;
  readonly summary: string;
  /** Success status. */
  readonly status: number;
  readonly parameters?: readonly Parameter[];
  readonly body?: 'Cluster' | 'Gateway' | 'Cancel';
  /** Anyone may call it. */
  readonly open?: boolean;
}

const query = (name: string, description: string): Parameter => ({ name, in: 'query', description });
const requestId: Parameter = { name: 'x-request-id', in: 'header', description: 'Makes the call idempotent.' };

/** Every HTTP route of the API; a test holds it against what is registered. */
export const operations: readonly Operation[] = [
  {
    method: 'get',
    path: '/api/clusters',
    summary: 'Clusters, filtered by tag.',
    status: 200,
    parameters: [query('tag', 'key:value; several separated by commas')],
  },
  {
    method: 'put',
    path: '/api/clusters/{name}',
    summary: 'Apply a cluster document (YAML or JSON).',
    status: 202,
    parameters: [requestId, query('onConflict', 'queue or refuse (the default) while another operation runs')],
    body: 'Cluster',
  },
  { method: 'get', path: '/api/clusters/{name}', summary: 'The status document.', status: 200 },
  {
    method: 'delete',
    path: '/api/clusters/{name}',
    summary: 'Delete the cluster and everything made for it.',
    status: 202,
    parameters: [requestId],
  },
  {
    method: 'post',
    path: '/api/clusters/{name}/plan',
    summary: 'What an apply would do; nothing is written.',
    status: 200,
    body: 'Cluster',
  },
  {
    method: 'post',
    path: '/api/clusters/{name}/actions/{action}',
    summary:
      'reconcile: compare record, Azure and cluster now. renew-certificates: replace the control plane for new ones.',
    status: 200,
    parameters: [requestId],
  },
  {
    method: 'get',
    path: '/api/clusters/{name}/events',
    summary: 'Events, newest first; with wait a long poll.',
    status: 200,
    parameters: [query('after', 'cursor'), query('wait', 'seconds, at most 30'), query('limit', 'at most 1000')],
  },
  {
    method: 'get',
    path: '/api/clusters/{name}/kubeconfig',
    summary: 'A kubeconfig, signed for this call.',
    status: 200,
    parameters: [
      query('role', 'admin or viewer; of an AKS cluster admin or user'),
      query('hours', 'validity, at most 720'),
    ],
  },
  {
    method: 'get',
    path: '/api/clusters/{name}/bundle',
    summary: 'Cluster API documents and the journal, redacted; JSON or YAML by Accept.',
    status: 200,
  },
  {
    method: 'get',
    path: '/api/storage',
    summary: 'Storage accounts and containers to choose from.',
    status: 200,
    parameters: [query('subscriptionId', 'required'), query('resourceGroup', 'one group only')],
  },
  { method: 'get', path: '/api/gateways', summary: 'Private gateways.', status: 200 },
  {
    method: 'put',
    path: '/api/gateways/{name}',
    summary: 'Store a private gateway (YAML or JSON), whose network, proxy and certificates clusters inherit.',
    status: 200,
    body: 'Gateway',
  },
  { method: 'get', path: '/api/gateways/{name}', summary: 'A private gateway.', status: 200 },
  {
    method: 'delete',
    path: '/api/gateways/{name}',
    summary: 'Delete a private gateway that no cluster names.',
    status: 204,
  },
  { method: 'get', path: '/api/versions', summary: 'Kubernetes versions and installed releases.', status: 200 },
  { method: 'get', path: '/api/requests/{requestId}', summary: 'What became of a request.', status: 200 },
  { method: 'get', path: '/api/operations/{id}', summary: 'State of an operation.', status: 200 },
  {
    method: 'post',
    path: '/api/operations/{id}/cancel',
    summary: 'Stop a running operation; keep or delete what exists.',
    status: 202,
    body: 'Cancel',
  },
  { method: 'get', path: '/api/health', summary: 'Whether configuration and store are fine.', status: 200, open: true },
  { method: 'get', path: '/api/openapi.json', summary: 'This document.', status: 200 },
];

/** `{ "then": "keep" | "delete" }`, written so that no object of ours has a `then`. */
const cancelSchema = JSON.parse('{"type":"object","properties":{"then":{"enum":["keep","delete"]}}}') as object;

const problem = {
  type: 'object',
  description: 'RFC 9457 problem document.',
  properties: Object.fromEntries(
    ['type', 'title', 'detail', 'code', 'where', 'cause', 'remedy', 'correlationId'].map((name) => [
      name,
      { type: 'string' },
    ]),
  ),
};

/** The API as OpenAPI 3.1, made from the same schemas that check requests. */
export function openApiDocument(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of operations) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: describe(operation) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Capstan', version: '1', description: 'Kubernetes clusters on Azure without a management cluster.' },
    paths,
    components: {
      schemas: {
        Cluster: {
          oneOf: [z.toJSONSchema(clusterDocument, { io: 'input' }), z.toJSONSchema(managedDocument, { io: 'input' })],
        },
        Gateway: z.toJSONSchema(gatewayDocument, { io: 'input' }),
        Cancel: cancelSchema,
        Problem: problem,
      },
      securitySchemes: { functionKey: { type: 'apiKey', in: 'header', name: 'x-functions-key' } },
    },
  };
}

function describe({ path, summary, status, parameters = [], body, open }: Operation): object {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const reference = body === undefined ? undefined : { schema: { $ref: `#/components/schemas/${body}` } };
  return {
    summary,
    parameters: [...inPath, ...parameters.map((parameter) => ({ ...parameter, schema: { type: 'string' } }))],
    ...(reference === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: {
              'application/json': reference,
              ...(body === 'Cluster' || body === 'Gateway' ? { 'application/yaml': reference } : {}),
            },
          },
        }),
    responses: {
      [status]: { description: 'Success.' },
      default: {
        description: 'What went wrong.',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
    ...(open === true ? { security: [] } : { security: [{ functionKey: [] }] }),
  };
}
