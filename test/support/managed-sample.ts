import { planManagedCluster } from '#domain/managed/plan.ts';
import { managedDocument } from '#domain/managed/schema.ts';
import type { ManagedDocument, ManagedFacts, ManagedPlan } from '#domain/managed/types.ts';
import { sampleDocument } from './sample-plan.ts';

/** A small AKS cluster in the simulated Azure; `spec` replaces single fields of the spec. */
export function managedSample(spec: object = {}, name = 'aks', tags: Record<string, string> = {}): ManagedDocument {
  return managedDocument.parse(rawManagedSample(spec, name, tags));
}

/** The same as somebody would write it. */
export function rawManagedSample(spec: object = {}, name = 'aks', tags: Record<string, string> = {}): object {
  return {
    apiVersion: 'capstan.dev/v1',
    kind: 'ManagedCluster',
    metadata: { name, tags: { department: 'finance', ...tags } },
    spec: {
      azure: sampleDocument().spec.azure,
      kubernetes: { version: 'v1.33.4' },
      managedControlPlane: { sku: 'Standard' },
      nodePools: [{ name: 'system', mode: 'System', replicas: 1, vmSize: 'Standard_D2s_v5' }],
      ...spec,
    },
  };
}

const size = { family: 'standardDSv5Family', cores: 2, memoryGiB: 8, zones: ['1', '2', '3'] };

export const managedFacts: ManagedFacts = {
  tenantId: '11111111-1111-4111-8111-111111111111',
  resourceGroupLocation: 'westeurope',
  regionZones: ['1', '2', '3'],
  vmSizes: { Standard_D2s_v5: size, Standard_D4s_v5: { ...size, cores: 4, memoryGiB: 16 } },
  versions: ['1.33.4', '1.33.5', '1.34.2'],
};

/** A plan of the sample. */
export function managedPlan(
  spec: object = {},
  facts: Partial<ManagedFacts> = {},
  removedTags?: readonly string[],
): ManagedPlan {
  return planManagedCluster(
    managedSample(spec),
    { ...managedFacts, ...facts },
    'c0ffee00-0000-4000-8000-000000000002',
    removedTags,
  );
}
