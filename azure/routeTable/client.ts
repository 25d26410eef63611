import type { RouteTable } from '@azure/arm-network';
import { ifMatch } from '../resource/if-match.ts';
import type { KindDefinition } from '../resource/kind.ts';
import { routeTableSpec } from './spec.ts';

export const routeTable: KindDefinition<RouteTable> = {
  kind: 'routeTable',
  title: 'route table',
  ownership: 'cluster',
  family: 'network',
  desired: routeTableSpec,
  describe: (body) => body,
  read: async (clients, { resourceGroup, names: [name = ''] }) =>
    (await clients.network()).routeTables.get(resourceGroup, name),
  write: async (clients, { resourceGroup, names: [name = ''] }, body, etag) => ({
    poller: (await clients.network()).routeTables.createOrUpdate(resourceGroup, name, body, ifMatch(etag)),
  }),
  erase: async (clients, { resourceGroup, names: [name = ''] }) => ({
    poller: (await clients.network()).routeTables.delete(resourceGroup, name),
  }),
};
