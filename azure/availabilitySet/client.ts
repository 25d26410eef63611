import type { AvailabilitySet } from '@azure/arm-compute';
import type { KindDefinition } from '../resource/kind.ts';
import { availabilitySetSpec } from './spec.ts';

export const availabilitySet: KindDefinition<AvailabilitySet> = {
  kind: 'availabilitySet',
  title: 'availability set',
  ownership: 'cluster',
  family: 'compute',
  desired: availabilitySetSpec,
  describe: ({ id, tags }) => ({ id, tags }),
  read: async (clients, { resourceGroup, names: [name = ''] }) =>
    (await clients.compute()).availabilitySets.get(resourceGroup, name),
  write: async (clients, { resourceGroup, names: [name = ''] }, body) => ({
    body: await (await clients.compute()).availabilitySets.createOrUpdate(resourceGroup, name, body),
  }),
  erase: async (clients, { resourceGroup, names: [name = ''] }) => ({
    body: await (await clients.compute()).availabilitySets.delete(resourceGroup, name),
  }),
};
