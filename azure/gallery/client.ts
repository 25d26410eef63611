import type { Gallery } from '@azure/arm-compute';
import type { KindDefinition } from '../resource/kind.ts';
import { gallerySpec } from './spec.ts';

export const gallery: KindDefinition<Gallery> = {
  kind: 'gallery',
  title: 'gallery',
  ownership: 'shared',
  family: 'compute',
  desired: gallerySpec,
  describe: ({ id, tags, provisioningState }) => ({ id, tags, provisioningState }),
  read: async (clients, { resourceGroup, names: [name = ''] }) =>
    (await clients.compute()).galleries.get(resourceGroup, name),
  write: async (clients, { resourceGroup, names: [name = ''] }, body) => ({
    poller: (await clients.compute()).galleries.createOrUpdate(resourceGroup, name, body),
  }),
  erase: async (clients, { resourceGroup, names: [name = ''] }) => ({
    poller: (await clients.compute()).galleries.delete(resourceGroup, name),
  }),
};
