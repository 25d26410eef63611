import type { PrivateDnsZoneGroup } from '@azure/arm-network';
import type { KindDefinition } from '../resource/kind.ts';
import { privateDnsZoneGroupSpec } from './spec.ts';

export const privateDnsZoneGroup: KindDefinition<PrivateDnsZoneGroup> = {
  kind: 'privateDnsZoneGroup',
  title: 'DNS record of the private endpoint',
  ownership: 'parent',
  family: 'network',
  desired: privateDnsZoneGroupSpec,
  describe: ({ id, provisioningState }) => ({ id, provisioningState }),
  read: async (clients, { resourceGroup, names: [endpoint = '', name = ''] }) =>
    (await clients.network()).privateDnsZoneGroups.get(resourceGroup, endpoint, name),
  write: async (clients, { resourceGroup, names: [endpoint = '', name = ''] }, body) => ({
    poller: (await clients.network()).privateDnsZoneGroups.createOrUpdate(resourceGroup, endpoint, name, body),
  }),
  erase: async (clients, { resourceGroup, names: [endpoint = '', name = ''] }) => ({
    poller: (await clients.network()).privateDnsZoneGroups.delete(resourceGroup, endpoint, name),
  }),
};
