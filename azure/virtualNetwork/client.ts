import type { VirtualNetwork } from '@azure/arm-network';
import { ifMatch } from '../resource/if-match.ts';
import type { KindDefinition } from '../resource/kind.ts';
import { checkVirtualNetwork, virtualNetworkSpec } from './spec.ts';

export const virtualNetwork: KindDefinition<VirtualNetwork> = {
  kind: 'virtualNetwork',
  title: 'virtual network',
  ownership: 'cluster',
  family: 'network',
  desired: virtualNetworkSpec,
  check: checkVirtualNetwork,
  describe: (body) => body,
  read: async (clients, { resourceGroup, names: [name = ''] }) =>
    (await clients.network()).virtualNetworks.get(resourceGroup, name),
  write: async (clients, { resourceGroup, names: [name = ''] }, body, etag) => ({
    poller: (await clients.network()).virtualNetworks.createOrUpdate(resourceGroup, name, body, ifMatch(etag)),
  }),
  erase: async (clients, { resourceGroup, names: [name = ''] }) => ({
    poller: (await clients.network()).virtualNetworks.delete(resourceGroup, name),
  }),
};
