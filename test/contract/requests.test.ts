import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BlobServiceClient } from '@azure/storage-blob';
import { stringify } from 'yaml';
import { readConfig } from '#config/config.ts';
import type { ClusterHead } from '#domain/record.ts';
import type { ClusterDocument } from '#domain/spec/types.ts';
import { applyCluster } from '#services/apply.ts';
import { deleteClusterByName } from '#services/delete.ts';
import type { ServiceDependencies } from '#services/dependencies.ts';
import { PoisonMessage, receiveMessage, rejectedPartition } from '#services/receive.ts';
import { sweepOperations } from '#services/sweep.ts';
import { sha256 } from '#store/documents.ts';
import { createStore, type Store } from '#store/store.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { sampleDocument } from '../support/sample-plan.ts';

let azurite: Azurite;
let store: Store;

beforeAll(async () => {
  azurite = await startAzurite();
  store = createStore(readConfig({ AzureWebJobsStorage: azurite.connectionString }).storage);
}, 60_000);
afterAll(async () => {
  await azurite.stop();
});

/** Services over the real store and a Durable that only remembers. */
function services(settings: Record<string, string> = {}) {
  const started: string[] = [];
  const statuses = new Map<string, string>();
  let failing = false;
  const dependencies: ServiceDependencies = {
    config: readConfig({
      AzureWebJobsStorage: azurite.connectionString,
      CAPSTAN_SWEEP_GRACE_SECONDS: '0',
      ...settings,
    }),
    store,
    starter: {
      async start(_orchestrator, instanceId) {
        if (failing) throw new Error('the host was killed here');
        if (!statuses.has(instanceId)) started.push(instanceId);
        statuses.set(instanceId, 'Running');
      },
      status: async (instanceId) => statuses.get(instanceId),
    },
  };
  return { dependencies, started, statuses, fail: (value: boolean) => (failing = value) };
}

const message = (name: string, requestId: string, patch: Record<string, unknown> = {}) => ({
  schemaVersion: '1',
  operation: 'apply',
  requestId,
  cluster: sampleDocument(patch, name),
});

async function finish(name: string, phase: ClusterHead['phase'] = 'Ready'): Promise<void> {
  const row = (await store.clusters.head(name))!;
  const operation = { ...row.value.operation, state: 'finished' as const, endedAt: '2026-01-01T00:00:00Z' };
  expect(
    await store.clusters.replaceHead(
      { ...row.value, phase, observedGeneration: row.value.generation, operation },
      row.etag,
    ),
  ).toBe(true);
}

describe('apply', () => {
  it('is one orchestration for the same message five times, also after the cluster is Ready', async () => {
    const { dependencies, started } = services();
    const first = await receiveMessage(dependencies, message('five', 'same'));
    for (let time = 0; time < 2; time++)
      expect(await receiveMessage(dependencies, message('five', 'same'))).toEqual(first);
    await finish('five');
    for (let time = 0; time < 2; time++) await receiveMessage(dependencies, message('five', 'same'));
    expect(started).toEqual([first.operationId]);
  });

  it('is one orchestration when the same message is delivered many times at once', async () => {
    const { dependencies, started } = services();
    const records = await Promise.all(
      Array.from({ length: 6 }, async () => receiveMessage(dependencies, message('atonce', 'r'))),
    );
    expect(new Set(records.map((record) => record.operationId)).size).toBe(1);
    expect(started).toHaveLength(1);
  });

  it('records the conflict of another document while an operation runs, and loses nothing', async () => {
    const { dependencies, started } = services();
    await receiveMessage(dependencies, message('busy', 'one'));
    const refused = await receiveMessage(dependencies, message('busy', 'two', { controlPlane: { replicas: 5 } }));
    expect(refused).toMatchObject({ outcome: 'refused', error: { code: 'CAP-1009' } });
    expect(await store.requests.get('two')).toEqual(refused);
    expect(started).toHaveLength(1);
  });

  it('refuses a request id that was used for another request, and keeps the first outcome', async () => {
    const { dependencies } = services();
    const first = await receiveMessage(dependencies, message('ids', 'reused'));
    expect(await receiveMessage(dependencies, message('other', 'reused'))).toMatchObject({
      outcome: 'refused',
      error: { code: 'CAP-1020' },
    });
    expect(await store.requests.get('reused')).toEqual(first);
    expect(await store.clusters.head('other')).toBeUndefined();
  });

  it('refuses subscriptions and groups that the operator did not allow', async () => {
    const { dependencies } = services({ CAPSTAN_ALLOWED_SUBSCRIPTIONS: '99999999-9999-4999-8999-999999999999' });
    expect(await applyCluster(dependencies, 'scope', sampleDocument({}, 'scoped'))).toMatchObject({
      outcome: 'refused',
      error: { code: 'CAP-1012' },
    });
    expect(await store.clusters.head('scoped')).toBeUndefined();
  });

  it('scales a Ready cluster with a second apply and names fields it cannot change', async () => {
    const { dependencies, started } = services();
    await receiveMessage(dependencies, message('scale', 's1'));
    await finish('scale');
    expect(
      await receiveMessage(dependencies, message('scale', 's2', { network: { podCidr: '100.64.0.0/16' } })),
    ).toMatchObject({
      outcome: 'refused',
      error: { code: 'CAP-1010', where: 'spec.network.podCidr' },
    });
    expect(
      await receiveMessage(
        dependencies,
        message('scale', 's3', { workerPools: [{ name: 'general', replicas: 7, zones: ['1', '2', '3'] }] }),
      ),
    ).toMatchObject({ outcome: 'accepted' });
    expect((await store.clusters.head('scale'))?.value).toMatchObject({
      generation: 2,
      phase: 'Updating',
      operation: { kind: 'update' },
    });
    expect(started).toHaveLength(2);
  });
});

describe('a message that cannot be understood', () => {
  it.each<[string, unknown]>([
    ['not JSON', 'this is not JSON'],
    ['an unknown version', { ...message('poisoned', 'poison-version'), schemaVersion: '9' }],
    ['keys that hide trigger metadata', { ...message('poisoned', 'poison-keys'), dequeueCount: 77, id: 'x' }],
    ['a document that breaks the schema', { ...message('poisoned', 'poison-schema'), cluster: { kind: 'Cluster' } }],
    [
      'a blob that is missing',
      {
        schemaVersion: '1',
        operation: 'apply',
        requestId: 'poison-blob',
        clusterBlob: { name: 'nowhere', sha256: 'a'.repeat(64) },
      },
    ],
  ])('throws, with one event that says why: %s', async (_what, delivered) => {
    const { dependencies, started } = services();
    const before = await store.events.list(rejectedPartition, { limit: 1000 });
    for (let delivery = 0; delivery < 3; delivery++)
      await expect(receiveMessage(dependencies, delivered)).rejects.toThrow(PoisonMessage);
    const after = await store.events.list(rejectedPartition, { limit: 1000 });
    expect(after.length - before.length).toBe(1);
    expect(after[0]?.error?.code).toMatch(/^CAP-1/);
    expect(started).toEqual([]);
    const requestId = (delivered as { requestId?: string }).requestId;
    if (requestId !== undefined) expect(await store.requests.get(requestId)).toMatchObject({ outcome: 'refused' });
  });

  it('is no message of 256 KiB that names a blob: that one is read from the container', async () => {
    const { dependencies } = services();
    const text = stringify(sampleDocument({}, 'blobbed'));
    const container = BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient('requests');
    await container.createIfNotExists();
    await container.getBlockBlobClient('big.yaml').upload(text, Buffer.byteLength(text));
    const reference = { schemaVersion: '1', operation: 'apply', requestId: 'by-blob' };
    await expect(
      receiveMessage(dependencies, {
        ...reference,
        requestId: 'by-wrong-sha',
        clusterBlob: { name: 'big.yaml', sha256: 'b'.repeat(64) },
      }),
    ).rejects.toThrow(/SHA-256/);
    expect(
      await receiveMessage(dependencies, { ...reference, clusterBlob: { name: 'big.yaml', sha256: sha256(text) } }),
    ).toMatchObject({ outcome: 'accepted', cluster: 'blobbed' });
  });
});

describe('the sweep', () => {
  it('starts what was recorded but never started, because the host died between the two writes', async () => {
    const { dependencies, started, fail } = services();
    fail(true);
    await expect(receiveMessage(dependencies, message('died', 'd'))).rejects.toThrow(/killed here/);
    expect((await store.clusters.head('died'))?.value.operation.state).toBe('recorded');
    fail(false);
    const result = await sweepOperations(dependencies, Date.now() + 1000);
    expect(result.started).toContain('died');
    expect(started.filter((id) => id.startsWith('died-'))).toHaveLength(1);
    expect((await store.clusters.head('died'))?.value.phase).toBe('Provisioning');
    // The redelivered message finds everything done.
    expect(await receiveMessage(dependencies, message('died', 'd'))).toMatchObject({ outcome: 'accepted' });
    expect(started.filter((id) => id.startsWith('died-'))).toHaveLength(1);
  });

  it('ends operations whose instance is missing or was terminated, with a code', async () => {
    const { dependencies, statuses } = services();
    for (const name of ['gone', 'stopped']) await receiveMessage(dependencies, message(name, `lost-${name}`));
    const id = async (name: string) => (await store.clusters.head(name))!.value.operation.id;
    statuses.delete(await id('gone'));
    statuses.set(await id('stopped'), 'Terminated');
    await sweepOperations(dependencies, Date.now() + 1000);
    for (const name of ['gone', 'stopped']) {
      expect((await store.clusters.head(name))?.value).toMatchObject({
        phase: 'Failed',
        operation: { state: 'finished', error: { code: 'CAP-9002' } },
      });
      expect((await store.events.list(name, { limit: 1 }))[0]).toMatchObject({
        type: 'operation.failed',
        error: { code: 'CAP-9002' },
      });
    }
  });

  it('ends an operation that has been silent past its bound', async () => {
    const { dependencies } = services();
    await receiveMessage(dependencies, message('silent', 'q'));
    await sweepOperations(dependencies, Date.now() + 3_000_000);
    expect((await store.clusters.head('silent'))?.value.operation.state).toBe('started');
    // Between two stages no step is running: the end of the last one counts.
    const at = new Date(Date.now() + 7_000_000).toISOString();
    const { id } = (await store.clusters.head('silent'))!.value.operation;
    const step = { id: 'network', state: 'done', operationId: id, startedAt: at, endedAt: at, touchedAt: at } as const;
    await store.clusters.putStep('silent', step);
    await sweepOperations(dependencies, Date.now() + 8_000_000);
    expect((await store.clusters.head('silent'))?.value.operation.state).toBe('started');
    await store.clusters.putStep('silent', { ...step, operationId: 'an-earlier-one' });
    await sweepOperations(dependencies, Date.now() + 8_000_000);
    // The app may have been away all the time: the operation may go on now.
    await sweepOperations(dependencies, Date.now() + 8_060_000);
    expect((await store.clusters.head('silent'))?.value.operation.state).toBe('started');
    await sweepOperations(dependencies, Date.now() + 8_700_000);
    expect((await store.clusters.head('silent'))?.value).toMatchObject({
      phase: 'Failed',
      operation: { error: { code: 'CAP-9003' } },
    });
  });

  it('lets what waits for a lost operation have its turn: the next request, or the deletion', async () => {
    const { dependencies, statuses } = services();
    for (const name of ['next', 'unwanted']) {
      await receiveMessage(dependencies, message(name, `first-${name}`));
      const { documentSha, operation } = (await store.clusters.head(name))!.value;
      const document = await store.documents.getContent<ClusterDocument>(documentSha);
      const changed = { ...document, metadata: { ...document.metadata, tags: { owner: 'somebody' } } };
      expect(await applyCluster(dependencies, `second-${name}`, changed, 'queue')).toMatchObject({ outcome: 'queued' });
      // A message that is delivered again before its turn stays where it is.
      expect(await applyCluster(dependencies, `second-${name}`, changed, 'queue')).toMatchObject({ outcome: 'queued' });
      expect((await store.clusters.head(name))?.value.queue).toHaveLength(1);
      statuses.delete(operation.id);
    }
    await deleteClusterByName(dependencies, 'delete-unwanted', 'unwanted');
    await sweepOperations(dependencies, Date.now() + 1000);
    const next = (await store.clusters.head('next'))?.value;
    expect(next).toMatchObject({ operation: { kind: 'provision', state: 'recorded', requestId: 'second-next' } });
    expect(await store.requests.get('second-next')).toMatchObject({
      outcome: 'accepted',
      operationId: next?.operation.id,
    });
    expect((await store.clusters.head('unwanted'))?.value).toMatchObject({
      phase: 'Deleting',
      operation: { kind: 'delete', state: 'recorded' },
    });
    expect(await store.requests.get('second-unwanted')).toMatchObject({
      outcome: 'refused',
      error: { code: 'CAP-1024' },
    });
  });
});
