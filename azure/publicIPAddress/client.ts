import type { PublicIPAddress } from '@azure/arm-network';
import { ifMatch } from '../resource/if-match.ts';
import type { KindDefinition } from '../resource/kind.ts';
import { publicIPAddressOutputs, publicIPAddressSpec } from './spec.ts';

export const publicIPAddress: KindDefinition<PublicIPAddress> = {
  kind: 'publicIPAddress',
  title: 'public IP address',
  ownership: 'cluster',
  family: 'network',
  desired: publicIPAddressSpec,
  describe: (body) => body,
  outputs: publicIPAddressOutputs,
  read: async (clients, { resourceGroup, names: [name = ''] }) =>
    (await clients.network()).publicIPAddresses.get(resourceGroup, name),
  write: async (clients, { resourceGroup, names: [name = ''] }, body, etag) => ({
    poller: (await clients.network()).publicIPAddresses.createOrUpdate(resourceGroup, name, body, ifMatch(etag)),
  }),
  erase: async (clients, { resourceGroup, names: [name = ''] }) => ({
    poller: (await clients.network()).publicIPAddresses.delete(resourceGroup, name),
  }),
};
