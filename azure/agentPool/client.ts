import type { AgentPool } from '@azure/arm-containerservice';
import type { ManagedPlan } from '#domain/managed/types.ts';
import { aksPollSeconds } from '../managedCluster/client.ts';
import type { KindDefinition } from '../resource/kind.ts';
import { agentPoolDiffers, agentPoolOutputs, agentPoolSpec } from './spec.ts';

export const agentPool: KindDefinition<AgentPool, ManagedPlan> = {
  kind: 'agentPool',
  title: 'node pool',
  ownership: 'parent',
  family: 'containerService',
  pollSeconds: aksPollSeconds,
  readAgain: true,
  desired: agentPoolSpec,
  differs: agentPoolDiffers,
  describe: ({ id, provisioningState }) => ({ id, provisioningState }),
  outputs: agentPoolOutputs,
  read: async (clients, { resourceGroup, names: [cluster = '', name = ''] }) =>
    (await clients.containerService()).agentPools.get(resourceGroup, cluster, name),
  write: async (clients, { resourceGroup, names: [cluster = '', name = ''] }, body) => ({
    poller: (await clients.containerService()).agentPools.createOrUpdate(resourceGroup, cluster, name, body),
  }),
  erase: async (clients, { resourceGroup, names: [cluster = '', name = ''] }) => ({
    poller: (await clients.containerService()).agentPools.delete(resourceGroup, cluster, name),
  }),
};
