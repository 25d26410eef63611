import type { VirtualNetwork } from '@azure/arm-network';
import type { AnyPlan } from '#domain/managed/types.ts';
import { managedNetworkSpec } from '../managedCluster/network.ts';
import { ifMatch } from '../resource/if-match.ts';
import type { KindDefinition } from '../resource/kind.ts';
import { checkVirtualNetwork, subnetsOf, virtualNetworkSpec } from './spec.ts';

export const virtualNetwork: KindDefinition<VirtualNetwork, AnyPlan> = {
  kind: 'virtualNetwork',
  title: 'virtual network',
  ownership: 'cluster',
  family: 'network',
  desired: ({ plan, ...input }, existing) =>
    plan.managed === undefined
      ? virtualNetworkSpec({ ...input, plan }, existing)
      : managedNetworkSpec({ ...input, plan }, existing),
  check: (existing, { plan }) => checkVirtualNetwork(existing, subnetsOf(plan), plan),
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
