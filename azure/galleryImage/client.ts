import type { GalleryImage } from '@azure/arm-compute';
import type { KindDefinition } from '../resource/kind.ts';
import { galleryImageSpec } from './spec.ts';

export const galleryImage: KindDefinition<GalleryImage> = {
  kind: 'galleryImage',
  title: 'gallery image',
  ownership: 'shared',
  family: 'compute',
  desired: galleryImageSpec,
  describe: ({ id, tags, provisioningState }) => ({ id, tags, provisioningState }),
  read: async (clients, { resourceGroup, names: [gallery = '', name = ''] }) =>
    (await clients.compute()).galleryImages.get(resourceGroup, gallery, name),
  write: async (clients, { resourceGroup, names: [gallery = '', name = ''] }, body) => ({
    poller: (await clients.compute()).galleryImages.createOrUpdate(resourceGroup, gallery, name, body),
  }),
  erase: async (clients, { resourceGroup, names: [gallery = '', name = ''] }) => ({
    poller: (await clients.compute()).galleryImages.delete(resourceGroup, gallery, name),
  }),
};
