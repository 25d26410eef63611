import type { BlobContainer } from '@azure/arm-storage';
import type { KindDefinition } from '../resource/kind.ts';
import { blobContainerSpec } from './spec.ts';

/** Through the management plane, which needs no key and no data role. */
export const blobContainer: KindDefinition<BlobContainer> = {
  kind: 'blobContainer',
  title: 'blob container',
  ownership: 'parent',
  family: 'storage',
  desired: blobContainerSpec,
  describe: ({ id }) => ({ id }),
  read: async (clients, { resourceGroup, names: [account = '', , name = ''] }) =>
    (await clients.storage()).blobContainers.get(resourceGroup, account, name),
  write: async (clients, { resourceGroup, names: [account = '', , name = ''] }, body) => ({
    body: await (await clients.storage()).blobContainers.create(resourceGroup, account, name, body),
  }),
  erase: async (clients, { resourceGroup, names: [account = '', , name = ''] }) => ({
    body: await (await clients.storage()).blobContainers.delete(resourceGroup, account, name),
  }),
};

/** The container of a cluster's relay: the same, but the cluster's own. */
export const relayContainer: KindDefinition<BlobContainer> = {
  ...blobContainer,
  kind: 'relayContainer',
  title: 'relay container',
};
