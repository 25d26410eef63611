import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '#config/config.ts';
import type { ClusterHead } from '#domain/record.ts';
import { createClusterTable } from '#store/clusters.ts';
import { canonicalJson, createDocumentStore, sha256 } from '#store/documents.ts';
import { createEventTable } from '#store/events.ts';
import { createGatewayTable } from '#store/gateways.ts';
import { createRequestTable } from '#store/requests.ts';
import { createStore, type Store } from '#store/store.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { createStorageClients } from '../support/virtual/stand-ins/store-clients.ts';

/** The store over the real storage SDKs, on Azurite; and over the clients in memory that virtual time uses. */
let azurite: Azurite;
let store: Store;

beforeAll(async () => {
  azurite = await startAzurite();
}, 60_000);
afterAll(async () => {
  await azurite.stop();
});

function storeInMemory(): Store {
  const clients = createStorageClients();
  return {
    clusters: createClusterTable(clients),
    documents: createDocumentStore(clients),
    events: createEventTable(clients),
    gateways: createGatewayTable(clients),
    requests: createRequestTable(clients),
  };
}

const stores = {
  'on Azurite': () => createStore(readConfig({ AzureWebJobsStorage: azurite.connectionString }).storage),
  'in memory': storeInMemory,
};

const head = (name: string): ClusterHead => ({
  name,
  uid: 'u',
  generation: 1,
  observedGeneration: 0,
  phase: 'Accepted',
  tags: { department: 'finance' },
  location: 'westeurope',
  documentSha: 'x',
  operation: {
    id: `${name}-1`,
    kind: 'provision',
    requestId: 'r',
    state: 'recorded',
    recordedAt: '2026-01-01T00:00:00Z',
  },
  operations: 1,
  createdAt: '2026-01-01T00:00:00Z',
  updatedAt: '2026-01-01T00:00:00Z',
});

describe.each(Object.entries(stores))('%s', (_where, open) => {
  beforeAll(() => {
    store = open();
  });

  describe('the cluster table', () => {
    it('lets exactly one of many writers create a head, and one of many change it', async () => {
      const created = await Promise.all(Array.from({ length: 8 }, async () => store.clusters.insertHead(head('race'))));
      expect(created.filter(Boolean)).toHaveLength(1);
      const row = (await store.clusters.head('race'))!;
      const replaced = await Promise.all(
        Array.from({ length: 8 }, async (_, index) =>
          store.clusters.replaceHead({ ...row.value, generation: index + 2 }, row.etag),
        ),
      );
      expect(replaced.filter(Boolean)).toHaveLength(1);
    });

    it('keeps steps and inventory apart per cluster and clears them for a new life', async () => {
      await store.clusters.insertHead(head('a'));
      await store.clusters.insertHead(head('b'));
      const item = {
        key: 'vnet',
        id: '/x',
        kind: 'virtualNetwork',
        owned: true,
        state: 'created',
        outputs: {},
      } as const;
      await store.clusters.putItem('a', item);
      await store.clusters.putItem('b', { ...item, id: '/y' });
      await store.clusters.putStep('a', {
        id: 'network',
        state: 'running',
        operationId: 'a-1',
        touchedAt: '2026-01-01T00:00:00Z',
      });
      expect(await store.clusters.items('a')).toEqual([item]);
      await store.clusters.clear('a');
      expect(await store.clusters.rows('a')).toMatchObject({ steps: [], items: [], head: { name: 'a' } });
      expect(await store.clusters.items('b')).toHaveLength(1);
    });

    it('keeps texts that are longer than one table property', async () => {
      await store.clusters.insertHead(head('long'));
      const sentence = 'ä'.repeat(80_000);
      await store.clusters.putStep('long', {
        id: 'network',
        state: 'running',
        operationId: 'o',
        touchedAt: 't',
        sentence,
      });
      const read = (await store.clusters.step('long', 'network'))?.sentence ?? '';
      expect([read.length, read === sentence]).toEqual([sentence.length, true]);
    });
  });

  describe('events', () => {
    it('lists the newest first, once each, and only what is newer than a cursor', async () => {
      const event = (id: string, second: number) => ({
        id,
        type: 'step.done',
        at: `2026-01-01T00:00:0${second}.000Z`,
        operationId: 'o',
        sentence: id,
      });
      expect(await store.events.append('e', event('one', 1))).toBe(true);
      expect(await store.events.append('e', event('two', 2))).toBe(true);
      expect(await store.events.append('e', event('one', 9))).toBe(false);
      const all = await store.events.list('e', { limit: 10 });
      expect(all.map((entry) => [entry.id, entry.at])).toEqual([
        ['two', '2026-01-01T00:00:02.000Z'],
        ['one', '2026-01-01T00:00:01.000Z'],
      ]);
      expect(await store.events.list('e', { limit: 10, after: all[0]!.cursor })).toEqual([]);
      expect((await store.events.list('e', { limit: 10, after: all[1]!.cursor })).map((entry) => entry.id)).toEqual([
        'two',
      ]);
    });
  });

  describe('documents', () => {
    it('are named by their content, whatever the order of keys', async () => {
      const sha = await store.documents.putContent({ b: 1, a: [2, { d: 3, c: 4 }] });
      expect(sha).toBe(sha256('{"a":[2,{"c":4,"d":3}],"b":1}'));
      expect(canonicalJson(await store.documents.getContent(sha))).toBe('{"a":[2,{"c":4,"d":3}],"b":1}');
      await expect(store.documents.getContent('0'.repeat(64))).rejects.toThrow(/missing/);
    });

    it('can be replaced by name, and an absent one is undefined', async () => {
      await store.documents.put('pollers/x', '1');
      await store.documents.put('pollers/x', '2');
      expect(await store.documents.get('pollers/x')).toBe('2');
      await store.documents.delete('pollers/x');
      await store.documents.delete('pollers/x');
      expect(await store.documents.get('pollers/x')).toBeUndefined();
    });
  });
});

describe('documents that are named by their content', () => {
  it('are read from storage once, and what one reader changes no other one sees', async () => {
    const clients = createStorageClients();
    const documents = createDocumentStore(clients);
    const sha = await documents.putContent({ list: [1] });
    (await documents.getContent<{ list: number[] }>(sha)).list.push(2);
    await (await clients.blobs()).getContainerClient('capstan').getBlobClient(`content/${sha}`).deleteIfExists();
    expect(await documents.getContent(sha)).toEqual({ list: [1] });
    await expect(createDocumentStore(clients).getContent(sha)).rejects.toThrow(/missing/);
  });
});
