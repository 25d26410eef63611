import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Secret } from '#domain/secret.ts';
import { checkReady, connect } from '#kubernetes/client/connect.ts';
import { errorOutcome, KubernetesApiError } from '#kubernetes/client/errors.ts';
import { KubernetesForeignCertificate, KubernetesUnreachable } from '#kubernetes/client/transport.ts';
import { generateClusterKeys } from '#kubernetes/pki/keys.ts';
import { host, startCluster, type TestCluster } from './server.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.close());

const codes = { refused: 'CAP-6102', conflict: 'CAP-6104' } as const;
const configMap = (name: string, data: Record<string, unknown>) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data,
});

describe('the client, through a CONNECT proxy with certificate checks on', () => {
  test('sees a ready API server and its version', async () => {
    expect(await checkReady(cluster.client, host)).toMatchObject({ status: 'done', value: { version: 'v1.33.4' } });
  });

  test('creates, reads, lists, patches, replaces and deletes', async () => {
    const { client } = cluster;
    const created = await client.create(configMap('a', { x: '1' }));
    expect(created.metadata.uid).toBeDefined();
    await expect(client.create(configMap('a', {}))).rejects.toMatchObject({ status: 409, reason: 'AlreadyExists' });
    await client.mergePatch(
      { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'a' },
      { data: { y: '2' } },
    );
    const found = await client.get({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'a' });
    expect(found?.['data']).toEqual({ x: '1', y: '2' });
    await expect(client.replace({ ...created, data: {} })).rejects.toMatchObject({ status: 409 });
    expect(
      (await client.list({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default' })).map(
        (item) => item.metadata.name,
      ),
    ).toContain('a');
    expect(await client.delete({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'a' })).toBe(true);
    expect(await client.delete({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'a' })).toBe(false);
  });

  test('applies server-side, reports conflicts of field managers and takes over only when forced', async () => {
    const { client } = cluster;
    await client.apply(configMap('b', { x: '1' }), { fieldManager: 'somebody' });
    const refused = await client.apply(configMap('b', { x: '2' })).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(KubernetesApiError);
    expect(errorOutcome(refused, 'b', codes)).toMatchObject({ status: 'failed', error: { code: 'CAP-6104' } });
    expect((await client.apply(configMap('b', { x: '2' }), { force: true }))['data']).toEqual({ x: '2' });
  });

  test('a dry run stores nothing', async () => {
    await cluster.client.create(configMap('dry', {}), { dryRun: true });
    expect(
      await cluster.client.get({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'dry' }),
    ).toBeUndefined();
  });

  test('reveals secrets to the server and to nobody else', async () => {
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace: 'default' },
      data: { key: new Secret('dmFsdWU=') },
    };
    const stored = await cluster.client.apply(secret);
    expect(stored['data']).toEqual({ key: 'dmFsdWU=' });
    expect(JSON.stringify(secret)).toContain('[secret]');
  });

  test('finds kinds it does not know by discovery, and says which one the server lacks', async () => {
    await cluster.client.list({ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass' });
    expect(await cluster.client.isNamespaced('networking.k8s.io/v1', 'NetworkPolicy')).toBe(true);
    const missing = await cluster.client
      .list({ apiVersion: 'example.com/v1', kind: 'Thing' })
      .catch((error: unknown) => error);
    expect(missing).toMatchObject({ reason: 'NoKindMatch', message: 'the server has no kind Thing in example.com/v1' });
  });

  test('maps refusals: schema to the caller code, 5xx and 429 to wait with the Retry-After of the server', async () => {
    const invalid = await cluster.client.create(configMap('Not A Name', {})).catch((error: unknown) => error);
    expect(errorOutcome(invalid, 'x', codes)).toMatchObject({
      status: 'failed',
      error: { code: 'CAP-6102', where: 'x' },
    });
    cluster.api.faults.failNext({ method: 'GET', path: /configmaps/, times: 1, status: 503 });
    const failing = await cluster.client.list({ apiVersion: 'v1', kind: 'ConfigMap' }).catch((error: unknown) => error);
    expect(errorOutcome(failing, 'x', codes)).toMatchObject({ status: 'wait' });
  });
});

test('a lost race passes by itself; what a webhook denies is a refusal of the object, not of Capstan', () => {
  const outcome = (status: number, reason: string, message: string, causes: any[] = []) =>
    errorOutcome(new KubernetesApiError({ status, reason, message, causes }), 'x', codes);
  expect(outcome(409, 'Conflict', 'the object has been modified')).toMatchObject({ status: 'wait' });
  const field = { reason: 'FieldManagerConflict', message: 'm', field: '.spec' };
  expect(outcome(409, 'Conflict', 'Apply failed with 1 conflict', [field])).toMatchObject({ status: 'failed' });
  expect(outcome(403, 'Forbidden', 'admission webhook "v.x" denied the request: no')).toMatchObject({
    error: { code: 'CAP-6102' },
  });
  expect(outcome(403, 'Forbidden', 'pods is forbidden: User "capstan" cannot list')).toMatchObject({
    error: { code: 'CAP-4202' },
  });
});

describe('an API server that is not the right one', () => {
  test('a foreign authority is refused for good (CAP-4201)', async () => {
    const other = await generateClusterKeys(Date.now());
    const client = await connect({ host, authority: other.certificateAuthority, gatewayUrl: cluster.proxyUrl });
    const error = await client.raw('/readyz').catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(KubernetesForeignCertificate);
    expect(await checkReady(client, host)).toMatchObject({ status: 'failed', error: { code: 'CAP-4201' } });
    client.close();
  });

  test('another name than the certificate has is refused for good', async () => {
    const client = await connect({
      host: 'demo-other.example',
      authority: cluster.keys.certificateAuthority,
      gatewayUrl: cluster.proxyUrl,
    });
    expect(await checkReady(client, 'demo-other.example')).toMatchObject({
      status: 'failed',
      error: { code: 'CAP-4201' },
    });
    client.close();
  });

  test('a proxy that refuses, a closed port and a server that is down are waited for', async () => {
    const authority = cluster.keys.certificateAuthority;
    const refused = await connect({ host: 'elsewhere.example', authority, gatewayUrl: cluster.proxyUrl });
    await expect(refused.raw('/readyz')).rejects.toBeInstanceOf(KubernetesUnreachable);
    const closed = await connect({ host: '127.0.0.1', port: 1, authority });
    expect(await checkReady(closed, host)).toMatchObject({ status: 'wait' });
    cluster.api.faults.down = true;
    expect(await checkReady(cluster.client, host)).toMatchObject({ status: 'wait' });
    cluster.api.faults.down = false;
    refused.close();
    closed.close();
  });
});
