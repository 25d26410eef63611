import type { Image } from '@azure/arm-compute';
import type { KindDefinition } from '../resource/kind.ts';
import { imageSpec } from './spec.ts';

export const image: KindDefinition<Image> = {
  kind: 'image',
  title: 'image',
  ownership: 'shared',
  family: 'compute',
  desired: imageSpec,
  describe: ({ id, tags, provisioningState }) => ({ id, tags, provisioningState }),
  read: async (clients, { resourceGroup, names: [name = ''] }) =>
    (await clients.compute()).images.get(resourceGroup, name),
  write: async (clients, { resourceGroup, names: [name = ''] }, body) => ({
    poller: (await clients.compute()).images.createOrUpdate(resourceGroup, name, body),
  }),
  erase: async (clients, { resourceGroup, names: [name = ''] }) => ({
    poller: (await clients.compute()).images.delete(resourceGroup, name),
  }),
};
