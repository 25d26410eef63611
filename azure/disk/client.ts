import type { Disk } from '@azure/arm-compute';
import type { KindDefinition } from '../resource/kind.ts';

/** Disks are made together with their machine; on their own they are only read and deleted. */
export const disk: KindDefinition<Disk> = {
  kind: 'disk',
  title: 'disk',
  ownership: 'parent',
  family: 'compute',
  desired: () => undefined,
  describe: ({ id, tags, provisioningState }) => ({ id, tags, provisioningState }),
  read: async (clients, { resourceGroup, names: [name = ''] }) =>
    (await clients.compute()).disks.get(resourceGroup, name),
  write: async () => {
    throw new Error('a disk is made by its machine');
  },
  erase: async (clients, { resourceGroup, names: [name = ''] }) => ({
    poller: (await clients.compute()).disks.delete(resourceGroup, name),
  }),
};
