import type { GalleryImageVersion } from '@azure/arm-compute';
import type { KindDefinition } from '../resource/kind.ts';
import { galleryImageVersionSpec } from './spec.ts';

export const galleryImageVersion: KindDefinition<GalleryImageVersion> = {
  kind: 'galleryImageVersion',
  title: 'gallery image version',
  ownership: 'shared',
  family: 'compute',
  desired: galleryImageVersionSpec,
  describe: ({ id, tags, provisioningState }) => ({ id, tags, provisioningState }),
  read: async (clients, { resourceGroup, names: [gallery = '', image = '', name = ''] }) =>
    (await clients.compute()).galleryImageVersions.get(resourceGroup, gallery, image, name),
  write: async (clients, { resourceGroup, names: [gallery = '', image = '', name = ''] }, body) => ({
    poller: (await clients.compute()).galleryImageVersions.createOrUpdate(resourceGroup, gallery, image, name, body),
  }),
  erase: async (clients, { resourceGroup, names: [gallery = '', image = '', name = ''] }) => ({
    poller: (await clients.compute()).galleryImageVersions.delete(resourceGroup, gallery, image, name),
  }),
};
