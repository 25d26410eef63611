import type { Component, ProviderIdentity } from './component.ts';

/** One entry of the `components` container's index.json, as far as it is needed here. */
export interface ComponentEntry {
  readonly name: string;
  readonly version: string;
  readonly namespace: string;
  readonly order: number;
}

interface Known {
  /** What the progress sentence calls it. */
  readonly title?: string;
  readonly provider?: ProviderIdentity;
  readonly stage: number;
}

/**
 * What is known of the components Capstan installs. Stages: what makes the node usable (the cloud provider removes
 * the uninitialized taint, then the network, then the disks), cert-manager, whose webhook the providers' certificates
 * need, and the providers (cluster-api-pivot.md §2d.4 and §2d.5).
 */
const known: Readonly<Record<string, Known>> = {
  'cloud-provider-azure': { stage: 1 },
  calico: { stage: 1 },
  'azuredisk-csi': { stage: 1 },
  'cert-manager': { stage: 2, title: 'cert-manager' },
  'cluster-api-core': { stage: 3, title: 'Cluster API', provider: { name: 'cluster-api', type: 'CoreProvider' } },
  'kubeadm-bootstrap': { stage: 3, provider: { name: 'kubeadm', type: 'BootstrapProvider' } },
  'kubeadm-control-plane': { stage: 3, provider: { name: 'kubeadm', type: 'ControlPlaneProvider' } },
  'cluster-api-provider-azure': {
    stage: 3,
    title: 'CAPZ',
    provider: { name: 'azure', type: 'InfrastructureProvider' },
  },
};

/**
 * Components from the index and their manifest texts (by name), in the order in which they are applied. Components
 * that Capstan does not know keep the index's order and come after the others.
 */
export function componentsFrom(
  index: readonly ComponentEntry[],
  manifests: Readonly<Record<string, string>>,
  variables: Readonly<Record<string, string>> = {},
): readonly Component[] {
  return [...index]
    .sort((a, b) => a.order - b.order)
    .map((entry) => {
      const { stage = 100 + entry.order, title, provider } = known[entry.name] ?? {};
      const manifest = manifests[entry.name];
      if (manifest === undefined) {
        throw new RangeError(`the manifest of component ${entry.name} was not given`);
      }
      const base = {
        name: entry.name,
        version: entry.version,
        namespace: entry.namespace,
        manifest,
        variables,
        order: stage,
      };
      return {
        ...base,
        ...(title === undefined ? {} : { title }),
        ...(provider === undefined ? {} : { provider }),
      };
    });
}
