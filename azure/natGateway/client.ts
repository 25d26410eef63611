import type { NatGateway } from '@azure/arm-network';
import { ifMatch } from '../resource/if-match.ts';
import type { KindDefinition } from '../resource/kind.ts';
import { natGatewaySpec } from './spec.ts';

export const natGateway: KindDefinition<NatGateway> = {
  kind: 'natGateway',
  title: 'NAT gateway',
  ownership: 'cluster',
  family: 'network',
  desired: natGatewaySpec,
  describe: (body) => body,
  read: async (clients, { resourceGroup, names: [name = ''] }) =>
    (await clients.network()).natGateways.get(resourceGroup, name),
  write: async (clients, { resourceGroup, names: [name = ''] }, body, etag) => ({
    poller: (await clients.network()).natGateways.createOrUpdate(resourceGroup, name, body, ifMatch(etag)),
  }),
  erase: async (clients, { resourceGroup, names: [name = ''] }) => ({
    poller: (await clients.network()).natGateways.delete(resourceGroup, name),
  }),
};
