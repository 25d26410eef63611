import type { NetworkSecurityGroup } from '@azure/arm-network';
import { differences } from '../resource/covers.ts';
import { ifMatch } from '../resource/if-match.ts';
import type { KindDefinition } from '../resource/kind.ts';
import { networkSecurityGroupSpec } from './spec.ts';

export const networkSecurityGroup: KindDefinition<NetworkSecurityGroup> = {
  kind: 'networkSecurityGroup',
  title: 'network security group',
  ownership: 'cluster',
  family: 'network',
  desired: networkSecurityGroupSpec,
  differs: (input, existing) => {
    const wanted = networkSecurityGroupSpec(input, existing);
    if (wanted === undefined) return [];
    const fields = differences(existing, wanted);
    // A caller too many is a difference, too.
    return fields.length === 0 ? ['securityRules'] : fields;
  },
  describe: (body) => body,
  read: async (clients, { resourceGroup, names: [name = ''] }) =>
    (await clients.network()).networkSecurityGroups.get(resourceGroup, name),
  write: async (clients, { resourceGroup, names: [name = ''] }, body, etag) => ({
    poller: (await clients.network()).networkSecurityGroups.createOrUpdate(resourceGroup, name, body, ifMatch(etag)),
  }),
  erase: async (clients, { resourceGroup, names: [name = ''] }) => ({
    poller: (await clients.network()).networkSecurityGroups.delete(resourceGroup, name),
  }),
};
