import { planCluster } from '#domain/plan/plan.ts';
import type { AzureFacts, ClusterPlan } from '#domain/plan/types.ts';
import { clusterDocument } from '#domain/spec/schema.ts';
import type { ClusterDocument } from '#domain/spec/types.ts';

/** The base image of a Kubernetes version, as the simulated Azure has it. */
export const sampleImage = (version: string) => ({
  vhd: `https://capstanimages.blob.core.windows.net/images/ubuntu-2404-${version}.vhd`,
});

/** The network of a user, as the simulated Azure has it. */
export const corporateNetwork = {
  placement: 'static',
  resourceGroup: 'network',
  virtualNetwork: 'corp-vnet',
  controlPlaneSubnet: 'corp-control-plane',
  workerSubnet: 'corp-workers',
} as const;

/** The document of samples/cluster.yaml, in short, as JSON. `patch` is merged into `spec`. */
export function sampleDocument(patch: Record<string, unknown> = {}, name = 'demo'): ClusterDocument {
  return clusterDocument.parse({
    apiVersion: 'capstan.dev/v1',
    kind: 'Cluster',
    metadata: { name, tags: { department: 'finance' } },
    spec: {
      azure: {
        subscriptionId: '22222222-2222-4222-8222-222222222222',
        location: 'westeurope',
        resourceGroup: 'platform',
      },
      kubernetes: { version: 'v1.33.4' },
      sshKeys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Zm9vYmFyYmF6cXV4 ops'],
      image: sampleImage('v1.33.4'),
      controlPlane: { replicas: 3, vmSize: 'Standard_D2s_v5' },
      workerPools: [{ name: 'general', replicas: 5, vmSize: 'Standard_D4s_v5', zones: ['1', '2', '3'] }],
      ...patch,
    },
  });
}

export function sampleFacts(patch: Partial<AzureFacts> = {}): AzureFacts {
  const size = (family: string, cores: number) => ({ family, cores, memoryGiB: cores * 4, zones: ['1', '2', '3'] });
  return {
    tenantId: '11111111-1111-4111-8111-111111111111',
    resourceGroupLocation: 'westeurope',
    regionZones: ['1', '2', '3'],
    vmSizes: {
      Standard_D2s_v5: size('standardDSv5Family', 2),
      Standard_D4s_v5: size('standardDSv5Family', 4),
    },
    storageAccountName: 'stbcdfghjklmnp',
    storageAccountExists: false,
    imageSource: { etag: '"0x8DD0000000000"', sizeBytes: 32_212_255_232, kubernetesVersion: 'v1.33.4' },
    ...patch,
  };
}

/** The plan of the sample cluster, with a fixed uid. */
export function samplePlan(
  patch: { spec?: Record<string, unknown>; facts?: Partial<AzureFacts>; name?: string } = {},
): ClusterPlan {
  return planCluster(
    sampleDocument(patch.spec, patch.name),
    sampleFacts(patch.facts),
    'c0ffee00-0000-4000-8000-000000000001',
  );
}
