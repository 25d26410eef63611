import { apiVersions } from './names.ts';

/** One thing that Capstan installs into a cluster, with the release that the documents and tests are made for. */
export interface ComponentVersion {
  /** Name in the container `components`. */
  readonly name: string;
  readonly title: string;
  readonly version: string;
  /** What it does there. */
  readonly purpose: string;
}

/** The add-on provider for Helm: installed with the first add-on that has a chart. */
export const helmProvider = 'cluster-api-addon-helm';

/** The releases that Capstan installs; equal to `scripts/components/pins.json` (cluster-api-pivot.md §2e). */
export const componentVersions: readonly ComponentVersion[] = [
  {
    name: 'cloud-provider-azure',
    title: 'cloud provider',
    version: 'v1.33.2',
    purpose: 'initialises nodes, makes load balancers',
  },
  { name: 'calico', title: 'Calico', version: 'v3.30.3', purpose: 'pod network and network policies' },
  {
    name: 'instance-metadata-policy',
    title: 'metadata policy',
    version: 'v1',
    purpose: "keeps pods from the machine's identity",
  },
  { name: 'azuredisk-csi', title: 'Azure Disk CSI', version: 'v1.33.3', purpose: 'disks, default StorageClass' },
  { name: 'cert-manager', title: 'cert-manager', version: 'v1.21.1', purpose: 'certificates of the webhooks' },
  { name: 'cluster-api-core', title: 'Cluster API', version: 'v1.14.0', purpose: 'clusters and machines' },
  { name: 'kubeadm-bootstrap', title: 'kubeadm bootstrap', version: 'v1.14.0', purpose: 'user data of machines' },
  {
    name: 'kubeadm-control-plane',
    title: 'kubeadm control plane',
    version: 'v1.14.0',
    purpose: 'control-plane machines',
  },
  {
    name: 'cluster-api-provider-azure',
    title: 'CAPZ',
    version: 'v1.26.0',
    purpose: 'Azure resources of machines; brings Azure Service Operator v2.18.0',
  },
  {
    name: helmProvider,
    title: 'Helm add-ons',
    version: 'v0.6.4',
    purpose: 'installs Helm charts; only where an add-on has one',
  },
];

/** What `GET /api/versions` answers: the components and the API versions that the documents are written in. */
export const versions = { components: componentVersions, apiVersions } as const;
