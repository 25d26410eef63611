import type { InboundNatRule } from '@azure/arm-network';
import { ifMatch } from '../resource/if-match.ts';
import type { KindDefinition } from '../resource/kind.ts';
import { inboundNatRuleSpec } from './spec.ts';

export const inboundNatRule: KindDefinition<InboundNatRule> = {
  kind: 'inboundNatRule',
  title: 'inbound NAT rule',
  ownership: 'parent',
  family: 'network',
  desired: inboundNatRuleSpec,
  describe: (body) => body,
  read: async (clients, { resourceGroup, names: [balancer = '', name = ''] }) =>
    (await clients.network()).inboundNatRules.get(resourceGroup, balancer, name),
  write: async (clients, { resourceGroup, names: [balancer = '', name = ''] }, body, etag) => ({
    poller: (await clients.network()).inboundNatRules.createOrUpdate(
      resourceGroup,
      balancer,
      name,
      body,
      ifMatch(etag),
    ),
  }),
  erase: async (clients, { resourceGroup, names: [balancer = '', name = ''] }) => ({
    poller: (await clients.network()).inboundNatRules.delete(resourceGroup, balancer, name),
  }),
};
