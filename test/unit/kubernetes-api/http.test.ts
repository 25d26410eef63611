import { request } from 'node:https';
import {
  ApiException,
  type KubeConfig,
  KubernetesObjectApi,
  CoreV1Api,
  AuthorizationV1Api,
  PatchStrategy,
  VersionApi,
  Watch,
} from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ApiClient } from '#local/kubernetes/contract.ts';
import { startCluster, type TestCluster } from './cluster.ts';
import { createAuthority } from './pki.ts';
import { WIDGET_CRD, widget } from './widget-crd.ts';

let cluster: TestCluster;
let client: ApiClient;
let config: KubeConfig;
let objects: KubernetesObjectApi;

beforeAll(async () => {
  cluster = await startCluster();
  client = cluster.api.client('admin');
  client.create(WIDGET_CRD);
  config = await cluster.kubeConfig();
  objects = KubernetesObjectApi.makeApiClient(config);
});

afterEach(() => {
  for (const { metadata } of client.list({ apiVersion: 'example.org/v1', kind: 'Widget' })) {
    const ref = { apiVersion: 'example.org/v1', kind: 'Widget', name: metadata.name, namespace: 'default' };
    client.patch(ref, { metadata: { finalizers: null } });
    client.delete(ref);
  }
});

afterAll(() => cluster.close());

interface Answer {
  readonly status: number;
  readonly body: any;
  readonly headers: Record<string, unknown>;
}

/** A plain request, with a client certificate unless `identity` is undefined. */
async function call(
  method: string,
  path: string,
  options: {
    identity?: { cert: string; key: string } | undefined;
    body?: unknown;
    headers?: Record<string, string>;
  } = {},
): Promise<Answer> {
  const text = options.body === undefined ? '' : JSON.stringify(options.body);
  const headers = { 'content-length': Buffer.byteLength(text), ...options.headers };
  return new Promise((resolve, reject) => {
    const where = { host: '127.0.0.1', port: cluster.port, method, path, ca: cluster.authority.caPem, agent: false };
    const outgoing = request({ ...where, ...options.identity, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const received = Buffer.concat(chunks).toString();
        const body: unknown = received.startsWith('{') && !received.includes('}\n{') ? JSON.parse(received) : received;
        resolve({ status: response.statusCode ?? 0, body, headers: response.headers });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(text);
  });
}

const admin = async () => ({ identity: await cluster.authority.client('root', ['system:masters']) });

describe('identity', () => {
  it('lets anonymous callers see health and version only', async () => {
    for (const path of ['/version', '/readyz', '/livez', '/healthz'])
      expect((await call('GET', path)).status).toBe(200);
    const answer = await call('GET', '/api/v1/namespaces/default/secrets');
    expect(answer.status).toBe(403);
    expect(answer.body.message).toBe(
      'secrets is forbidden: User "system:anonymous" cannot list resource "secrets" in API group "" in the namespace "default"',
    );
    expect((await call('GET', '/apis')).status).toBe(403);
  });

  it('refuses certificates of another authority', async () => {
    const stranger = await (await createAuthority()).client('root', ['system:masters']);
    expect((await call('GET', '/api/v1/namespaces', { identity: stranger })).status).toBe(401);
  });

  it('knows bootstrap tokens while they are valid', async () => {
    const token = (id: string, expiration: string) =>
      client.create({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' },
        type: 'bootstrap.kubernetes.io/token',
        stringData: {
          'token-id': id,
          'token-secret': '0123456789abcdef',
          'usage-bootstrap-authentication': 'true',
          expiration,
        },
      });
    token('abcdef', new Date(Date.now() + 60_000).toISOString());
    token('ghijkl', new Date(Date.now() - 60_000).toISOString());
    const as = (id: string, secret: string) =>
      call('GET', '/api', { headers: { authorization: `Bearer ${id}.${secret}` } });
    expect((await as('abcdef', '0123456789abcdef')).status).toBe(200);
    expect((await as('abcdef', 'ffffffffffffffff')).status).toBe(401);
    expect((await as('ghijkl', '0123456789abcdef')).status).toBe(401);
  });

  it('grants viewers and nodes what their roles say', async () => {
    client.create({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'viewers' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'Group', name: 'viewers' }],
    });
    const eve = (await cluster.kubeConfig('eve', ['viewers'])).makeApiClient(CoreV1Api);
    expect((await eve.listNamespacedConfigMap({ namespace: 'default' })).items).toEqual([]);
    await expect(eve.listNamespacedSecret({ namespace: 'default' })).rejects.toMatchObject({ code: 403 });
    await expect(eve.createNamespace({ body: { metadata: { name: 'x' } } })).rejects.toMatchObject({ code: 403 });
    const node = (await cluster.kubeConfig('system:node:n1', ['system:nodes'])).makeApiClient(CoreV1Api);
    expect((await node.createNode({ body: { metadata: { name: 'n1' } } })).metadata?.name).toBe('n1');
    const reviews = (await cluster.kubeConfig('eve', ['viewers'])).makeApiClient(AuthorizationV1Api);
    const review = (verb: string) =>
      reviews.createSelfSubjectAccessReview({
        body: { spec: { resourceAttributes: { verb, resource: 'pods', namespace: 'default' } } },
      });
    expect((await review('list')).status?.allowed).toBe(true);
    expect((await review('delete')).status?.allowed).toBe(false);
  });
});

describe('@kubernetes/client-node', () => {
  it('discovers, creates, reads, patches, replaces and deletes custom resources', async () => {
    expect((await config.makeApiClient(VersionApi).getCode()).gitVersion).toBe('v1.33.4');
    const made: any = await objects.create(widget('w') as never);
    expect(made.metadata.uid).toBeDefined();
    const read: any = await objects.read({
      apiVersion: 'example.org/v1',
      kind: 'Widget',
      metadata: { name: 'w', namespace: 'default' },
    });
    read.spec.size = 3;
    expect(await objects.replace(read)).toMatchObject({ spec: { size: 3 }, metadata: { generation: 2 } });
    await expect(objects.replace(read)).rejects.toMatchObject({ code: 409 });
    const patch: any = { ...widget('w', { size: 4 }) };
    expect(
      await objects.patch(patch, undefined, undefined, undefined, undefined, PatchStrategy.MergePatch),
    ).toMatchObject({ spec: { size: 4 } });
    await objects.delete({
      apiVersion: 'example.org/v1',
      kind: 'Widget',
      metadata: { name: 'w', namespace: 'default' },
    });
    await expect(
      objects.read({ apiVersion: 'example.org/v1', kind: 'Widget', metadata: { name: 'w', namespace: 'default' } }),
    ).rejects.toBeInstanceOf(ApiException);
  });

  it('applies server-side: creates, meets a conflict, forces, and honours dry run', async () => {
    const apply = (size: number, manager: string, force = false, dryRun?: string) =>
      objects.patch(
        { ...widget('w', { size }) } as never,
        undefined,
        dryRun,
        manager,
        force,
        PatchStrategy.ServerSideApply,
      );
    expect(await apply(1, 'one', false, 'All')).toMatchObject({ spec: { size: 1 } });
    expect(client.list({ apiVersion: 'example.org/v1', kind: 'Widget' })).toEqual([]);
    await apply(1, 'one');
    await expect(apply(2, 'two')).rejects.toMatchObject({ code: 409 });
    expect(await apply(2, 'two', true)).toMatchObject({ spec: { size: 2 } });
    await expect(
      objects.patch(
        { ...widget('w') } as never,
        undefined,
        undefined,
        undefined,
        undefined,
        PatchStrategy.StrategicMergePatch,
      ),
    ).rejects.toMatchObject({ code: 415 });
  });

  it('watches from a version, through a dropped connection, until the version is too old', async () => {
    const path = '/apis/example.org/v1/namespaces/default/widgets';
    const first = client.create(widget('a'));
    const watch = new Watch(config);
    const collect = async (version: string, count: number, query: Record<string, unknown> = {}): Promise<string[]> => {
      const seen: string[] = [];
      await new Promise<void>((resolve, reject) => {
        const controller = watch.watch(
          path,
          { resourceVersion: version, ...query },
          (type: string, object: any) => {
            seen.push(`${type} ${object.metadata?.name ?? object.code ?? ''}`);
            if (seen.length === count) resolve();
          },
          () => resolve(),
        );
        controller.catch(reject);
      });
      return seen;
    };
    const pending = collect(first.metadata.resourceVersion ?? '', 3);
    client.create(widget('b'));
    client.patch(
      { apiVersion: 'example.org/v1', kind: 'Widget', namespace: 'default', name: 'b' },
      { spec: { size: 2 } },
    );
    client.delete({ apiVersion: 'example.org/v1', kind: 'Widget', namespace: 'default', name: 'b' });
    expect(await pending).toEqual(['ADDED b', 'MODIFIED b', 'DELETED b']);
    expect(await collect(first.metadata.resourceVersion ?? '', 3)).toEqual(['ADDED b', 'MODIFIED b', 'DELETED b']);
    const before: string[] = [];
    const dropped = new Promise<void>((resolve) => {
      void watch.watch(
        path,
        {},
        (type: string) => before.push(type),
        () => resolve(),
      );
    });
    await vi.waitFor(() => expect(before).toEqual(['ADDED']), { timeout: 5000 });
    cluster.api.dropWatches();
    await dropped;
    cluster.api.compact();
    expect(await collect(first.metadata.resourceVersion ?? '', 1)).toEqual(['ERROR 410']);
  });
});

describe('lists', () => {
  it('select by label and field, and page over one consistent version', async () => {
    const root = await admin();
    for (const name of ['a', 'b', 'c', 'd'])
      client.create({
        ...widget(name),
        metadata: { name, namespace: 'default', labels: { tier: name < 'c' ? 'x' : 'y' } },
      });
    const list = (query: string) => call('GET', `/apis/example.org/v1/widgets?${query}`, root);
    const names = (answer: Answer): string[] => answer.body.items.map((item: any) => item.metadata.name);
    expect(names(await list('labelSelector=tier%20in%20(x)'))).toEqual(['a', 'b']);
    expect(names(await list('labelSelector=tier!%3Dx'))).toEqual(['c', 'd']);
    expect(names(await list('fieldSelector=metadata.name%3Dc'))).toEqual(['c']);
    expect((await list('fieldSelector=spec.size%3D1')).status).toBe(400);
    const page = await list('limit=2');
    expect(names(page)).toEqual(['a', 'b']);
    expect(page.body.metadata).toMatchObject({ remainingItemCount: 2, continue: expect.any(String) });
    client.delete({ apiVersion: 'example.org/v1', kind: 'Widget', namespace: 'default', name: 'c' });
    client.create(widget('e'));
    const rest = await list(`limit=5&continue=${page.body.metadata.continue}`);
    expect(names(rest)).toEqual(['c', 'd']);
    expect(rest.body.metadata.resourceVersion).toBe(page.body.metadata.resourceVersion);
    cluster.api.compact();
    expect((await list(`continue=${page.body.metadata.continue}`)).status).toBe(410);
  });

  it('show tables with the columns of the CRD and of built-in kinds', async () => {
    client.create(widget('w', { size: 4 }));
    const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
    const table = (await call('GET', '/apis/example.org/v1/widgets', { ...(await admin()), headers })).body;
    expect(table.columnDefinitions.map((column: any) => column.name)).toEqual(['Name', 'Size', 'Age']);
    expect(table.rows[0].cells.slice(0, 2)).toEqual(['w', 4]);
    const namespaces = (await call('GET', '/api/v1/namespaces/default', { ...(await admin()), headers })).body;
    expect(namespaces.rows[0].cells.slice(0, 2)).toEqual(['default', 'Active']);
  });

  it('end a watch with a bookmark after its timeout and start with everything', async () => {
    client.create(widget('w'));
    const answer = await call(
      'GET',
      '/apis/example.org/v1/widgets?watch=true&timeoutSeconds=0.2&allowWatchBookmarks=true',
      await admin(),
    );
    const events = String(answer.body)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.map((event) => event.type)).toEqual(['ADDED', 'BOOKMARK']);
    expect(Number(events[1].object.metadata.resourceVersion)).toBeGreaterThanOrEqual(
      Number(events[0].object.metadata.resourceVersion),
    );
  });
});

describe('writes', () => {
  it('warn of unknown fields, refuse them under Strict, and of deprecated versions', async () => {
    const root = await admin();
    const post = (query: string, body: unknown) =>
      call('POST', `/apis/example.org/v1/namespaces/default/widgets?${query}`, { ...root, body });
    const strict = await post('fieldValidation=Strict', widget('w', { size: 1, sise: 2 }));
    expect([strict.status, strict.body.message]).toEqual([
      400,
      expect.stringContaining('strict decoding error: unknown field "spec.sise"'),
    ]);
    const numbered = { ...widget('n'), metadata: { name: 'n', namespace: 'default', annotations: { count: 1 } } };
    expect((await post('', numbered)).body.message).toMatch(
      /cannot unmarshal number into Go struct field ObjectMeta\.metadata\.annotations of type string/,
    );
    const warned = await post('', widget('w', { size: 1, sise: 2 }));
    expect([warned.status, warned.headers['warning']]).toEqual([201, '299 - "unknown field \\"spec.sise\\""']);
    const old = await call('POST', '/apis/example.org/v1beta1/namespaces/default/widgets', {
      ...root,
      body: { ...widget('v'), apiVersion: 'example.org/v1beta1' },
    });
    expect(old.headers['warning']).toContain('example.org/v1beta1 Widget is deprecated');
  });

  it('scale what has a scale subresource', async () => {
    const root = await admin();
    client.create(widget('w', { size: 1, replicas: 1 }));
    const path = '/apis/example.org/v1/namespaces/default/widgets/w/scale';
    expect((await call('GET', path, root)).body).toMatchObject({
      kind: 'Scale',
      spec: { replicas: 1 },
      status: { replicas: 0 },
    });
    const headers = { 'content-type': 'application/merge-patch+json' };
    expect((await call('PATCH', path, { ...root, headers, body: { spec: { replicas: 3 } } })).body.spec.replicas).toBe(
      3,
    );
    expect(
      client.get({ apiVersion: 'example.org/v1', kind: 'Widget', namespace: 'default', name: 'w' })?.['spec'],
    ).toMatchObject({ replicas: 3 });
  });

  it('delete in the foreground: dependents that block go first', async () => {
    const owner = client.create(widget('owner'));
    client.create({
      ...widget('child'),
      metadata: {
        name: 'child',
        namespace: 'default',
        finalizers: ['example.org/hold'],
        ownerReferences: [
          {
            apiVersion: 'example.org/v1',
            kind: 'Widget',
            name: 'owner',
            uid: owner.metadata.uid ?? '',
            blockOwnerDeletion: true,
          },
        ],
      },
    });
    const path = '/apis/example.org/v1/namespaces/default/widgets/owner';
    const answer = await call('DELETE', path, { ...(await admin()), body: { propagationPolicy: 'Foreground' } });
    expect(answer.body.metadata.finalizers).toEqual(['foregroundDeletion']);
    const ref = { apiVersion: 'example.org/v1', kind: 'Widget', namespace: 'default' };
    await vi.waitFor(() => expect(client.get({ ...ref, name: 'child' })?.metadata.deletionTimestamp).toBeDefined());
    client.patch({ ...ref, name: 'child' }, { metadata: { finalizers: null } });
    await vi.waitFor(() => expect(client.get({ ...ref, name: 'owner' })).toBeUndefined());
  });

  it('answer unknown paths, methods and bodies with a Status', async () => {
    const root = await admin();
    expect((await call('GET', '/apis/nothing.example/v1/things', root)).body).toMatchObject({
      kind: 'Status',
      code: 404,
      reason: 'NotFound',
    });
    expect((await call('PUT', '/api/v1/namespaces', root)).body).toMatchObject({
      code: 405,
      reason: 'MethodNotAllowed',
    });
    expect((await call('GET', '/api/v1/namespaces/default/pods/p/log', root)).status).toBe(404);
    const broken = await call('POST', '/api/v1/namespaces', {
      ...root,
      headers: { 'content-type': 'application/vnd.kubernetes.protobuf' },
      body: {},
    });
    expect(broken.body).toMatchObject({ code: 415 });
  });
});

describe('fault doors', () => {
  it('fail the next matching requests only', async () => {
    const root = await admin();
    cluster.api.faults.failNext({ method: 'GET', path: /namespaces/, times: 1, status: 429 });
    const failed = await call('GET', '/api/v1/namespaces', root);
    expect([failed.status, failed.headers['retry-after'], failed.body.reason]).toEqual([429, '1', 'TooManyRequests']);
    expect((await call('GET', '/api/v1/namespaces', root)).status).toBe(200);
  });

  it('cut connections while down and serve again afterwards', async () => {
    cluster.api.faults.down = true;
    await expect(call('GET', '/readyz')).rejects.toThrow(/socket|ECONNRESET|disconnected/);
    expect(() => client.list({ apiVersion: 'v1', kind: 'Namespace' })).toThrow(/down/);
    cluster.api.faults.down = false;
    expect((await call('GET', '/readyz')).body).toBe('ok');
  });

  it('serve one store through several endpoints', async () => {
    const second = await cluster.api.listen(await cluster.authority.server());
    client.create(widget('w'));
    expect(second.port).not.toBe(cluster.port);
    second.close();
    expect((await call('GET', '/apis/example.org/v1/widgets', await admin())).body.items).toHaveLength(1);
  });
});
