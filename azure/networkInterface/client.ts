import type { NetworkInterface } from '@azure/arm-network';
import { ifMatch } from '../resource/if-match.ts';
import type { KindDefinition } from '../resource/kind.ts';
import { networkInterfaceOutputs, networkInterfaceSpec } from './spec.ts';

export const networkInterface: KindDefinition<NetworkInterface> = {
  kind: 'networkInterface',
  title: 'network interface',
  ownership: 'cluster',
  family: 'network',
  desired: networkInterfaceSpec,
  describe: (body) => body,
  outputs: networkInterfaceOutputs,
  read: async (clients, { resourceGroup, names: [name = ''] }) =>
    (await clients.network()).networkInterfaces.get(resourceGroup, name),
  write: async (clients, { resourceGroup, names: [name = ''] }, body, etag) => ({
    poller: (await clients.network()).networkInterfaces.createOrUpdate(resourceGroup, name, body, ifMatch(etag)),
  }),
  erase: async (clients, { resourceGroup, names: [name = ''] }) => ({
    poller: (await clients.network()).networkInterfaces.delete(resourceGroup, name),
  }),
};
