import type { Disk } from '@azure/arm-compute';
import { disk } from '../disk/client.ts';
import type { KindDefinition } from '../resource/kind.ts';
import { imageDiskSpec } from './spec.ts';

/** The disk that an image is made from when it is not imported from the blob: empty at first, written through its SAS. */
export const imageDisk: KindDefinition<Disk> = {
  ...disk,
  kind: 'imageDisk',
  title: 'disk of the image',
  ownership: 'shared',
  desired: imageDiskSpec,
  write: async (clients, { resourceGroup, names: [name = ''] }, body) => ({
    poller: (await clients.compute()).disks.createOrUpdate(resourceGroup, name, body),
  }),
};
