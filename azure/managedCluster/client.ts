import type { ManagedCluster } from '@azure/arm-containerservice';
import type { ManagedPlan } from '#domain/managed/types.ts';
import type { KindDefinition } from '../resource/kind.ts';
import { managedClusterDiffers, managedClusterOutputs, managedClusterSpec } from './spec.ts';

/** AKS sends no Retry-After (azure-recordings/README.md), and its operations take minutes. */
export const aksPollSeconds = 15;

export const managedCluster: KindDefinition<ManagedCluster, ManagedPlan> = {
  kind: 'managedCluster',
  title: 'AKS cluster',
  ownership: 'cluster',
  family: 'containerService',
  pollSeconds: aksPollSeconds,
  readAgain: true,
  removesTags: true,
  desired: managedClusterSpec,
  differs: managedClusterDiffers,
  describe: ({ id, tags, provisioningState }) => ({ id, tags, provisioningState }),
  outputs: managedClusterOutputs,
  read: async (clients, { resourceGroup, names: [name = ''] }) =>
    (await clients.containerService()).managedClusters.get(resourceGroup, name),
  write: async (clients, { resourceGroup, names: [name = ''] }, body) => ({
    poller: (await clients.containerService()).managedClusters.createOrUpdate(resourceGroup, name, body),
  }),
  erase: async (clients, { resourceGroup, names: [name = ''] }) => ({
    poller: (await clients.containerService()).managedClusters.delete(resourceGroup, name),
  }),
};
