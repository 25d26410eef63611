import { helmProvider } from '#domain/cluster-api/versions.ts';
import type { Component, ProviderIdentity } from './component.ts';
import type { Placement } from './placement.ts';

interface Known {
  /** What the progress sentence calls it. */
  readonly title?: string;
  readonly provider?: ProviderIdentity;
  readonly stage: number;
  /** Undefined: the manifest knows best. */
  readonly placement?: Placement;
}

/**
 * What is known of the components Capstan installs. Stages: what makes the node usable (the cloud provider removes
 * the uninitialized taint, then the network, then the disks), cert-manager, whose webhook the providers' certificates
 * need, and the providers (cluster-api-pivot.md §2d.4 and §2d.5).
 */
const known: Readonly<Record<string, Known>> = {
  'cloud-provider-azure': { stage: 1, placement: 'controlPlane' },
  calico: { stage: 1 },
  'instance-metadata-policy': { stage: 1 },
  'azuredisk-csi': { stage: 1, placement: 'controlPlane' },
  'cert-manager': { stage: 2, title: 'cert-manager', placement: 'anywhere' },
  'cluster-api-core': {
    stage: 3,
    title: 'Cluster API',
    provider: { name: 'cluster-api', type: 'CoreProvider' },
    placement: 'anywhere',
  },
  'kubeadm-bootstrap': {
    stage: 3,
    provider: { name: 'kubeadm', type: 'BootstrapProvider' },
    placement: 'anywhere',
  },
  'kubeadm-control-plane': {
    stage: 3,
    provider: { name: 'kubeadm', type: 'ControlPlaneProvider' },
    placement: 'anywhere',
  },
  'cluster-api-provider-azure': {
    stage: 3,
    title: 'CAPZ',
    provider: { name: 'azure', type: 'InfrastructureProvider' },
    placement: 'controlPlane',
  },
  [helmProvider]: {
    stage: 4,
    provider: { name: 'helm', type: 'AddonProvider' },
    placement: 'anywhere',
  },
};

/**
 * Components in stages. Within a stage the given order is kept; components that Capstan does not know form stages of
 * their own, by their order, after the others. What a component says about itself wins over what is known.
 */
export function inStages(components: readonly Component[]): readonly (readonly Component[])[] {
  const placed = [...components]
    .sort((a, b) => a.order - b.order)
    .map((component) => {
      const { stage = 100 + component.order, ...description } = known[component.name] ?? {};
      return { stage, component: { ...description, ...component } };
    });
  const stages = [...new Set(placed.map(({ stage }) => stage))].sort((a, b) => a - b);
  return stages.map((stage) => placed.filter((entry) => entry.stage === stage).map(({ component }) => component));
}
