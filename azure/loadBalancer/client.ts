import type { LoadBalancer } from '@azure/arm-network';
import { ifMatch } from '../resource/if-match.ts';
import type { KindDefinition } from '../resource/kind.ts';
import { loadBalancerSpec } from './spec.ts';

export const loadBalancer: KindDefinition<LoadBalancer> = {
  kind: 'loadBalancer',
  title: 'load balancer',
  ownership: 'cluster',
  family: 'network',
  desired: loadBalancerSpec,
  describe: (body) => body,
  read: async (clients, { resourceGroup, names: [name = ''] }) =>
    (await clients.network()).loadBalancers.get(resourceGroup, name),
  write: async (clients, { resourceGroup, names: [name = ''] }, body, etag) => ({
    poller: (await clients.network()).loadBalancers.createOrUpdate(resourceGroup, name, body, ifMatch(etag)),
  }),
  erase: async (clients, { resourceGroup, names: [name = ''] }) => ({
    poller: (await clients.network()).loadBalancers.delete(resourceGroup, name),
  }),
};
