import type { PrivateEndpoint } from '@azure/arm-network';
import type { KindDefinition } from '../resource/kind.ts';
import { privateEndpointSpec } from './spec.ts';

export const privateEndpoint: KindDefinition<PrivateEndpoint> = {
  kind: 'privateEndpoint',
  title: 'private endpoint',
  ownership: 'cluster',
  family: 'network',
  desired: privateEndpointSpec,
  describe: (body) => body,
  read: async (clients, { resourceGroup, names: [name = ''] }) =>
    (await clients.network()).privateEndpoints.get(resourceGroup, name),
  write: async (clients, { resourceGroup, names: [name = ''] }, body) => ({
    poller: (await clients.network()).privateEndpoints.createOrUpdate(resourceGroup, name, body),
  }),
  erase: async (clients, { resourceGroup, names: [name = ''] }) => ({
    poller: (await clients.network()).privateEndpoints.delete(resourceGroup, name),
  }),
};
