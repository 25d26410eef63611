import type { ClusterPlan } from '../plan/types.ts';

/**
 * API versions that Capstan writes: v1beta2 for the core, kubeadm bootstrap and kubeadm control-plane groups
 * (Cluster API v1.14), v1beta1 for CAPZ v1.26 (cluster-api-pivot.md §0, item 3).
 */
export const apiVersions = {
  helm: 'addons.cluster.x-k8s.io/v1alpha1',
  core: 'cluster.x-k8s.io/v1beta2',
  bootstrap: 'bootstrap.cluster.x-k8s.io/v1beta2',
  controlPlane: 'controlplane.cluster.x-k8s.io/v1beta2',
  infrastructure: 'infrastructure.cluster.x-k8s.io/v1beta1',
  inventory: 'clusterctl.cluster.x-k8s.io/v1alpha3',
} as const;

/** API groups, as v1beta2 references name them (`apiGroup` without a version). */
export const apiGroups = {
  core: 'cluster.x-k8s.io',
  bootstrap: 'bootstrap.cluster.x-k8s.io',
  controlPlane: 'controlplane.cluster.x-k8s.io',
  infrastructure: 'infrastructure.cluster.x-k8s.io',
} as const;

/** Labels and annotations that the controllers look for (cluster-api-pivot.md §2a, §2b). */
export const wellKnown = {
  clusterName: 'cluster.x-k8s.io/cluster-name',
  controlPlane: 'cluster.x-k8s.io/control-plane',
  controlPlaneName: 'cluster.x-k8s.io/control-plane-name',
  deploymentName: 'cluster.x-k8s.io/deployment-name',
  setName: 'cluster.x-k8s.io/set-name',
  clonedFromName: 'cluster.x-k8s.io/cloned-from-name',
  clonedFromGroupKind: 'cluster.x-k8s.io/cloned-from-groupkind',
  moveHierarchy: 'clusterctl.cluster.x-k8s.io/move-hierarchy',
  paused: 'cluster.x-k8s.io/paused',
  /** Bounds that the cluster autoscaler's Cluster API provider reads off a MachineDeployment. */
  autoscalerMin: 'cluster.x-k8s.io/cluster-api-autoscaler-node-group-min-size',
  autoscalerMax: 'cluster.x-k8s.io/cluster-api-autoscaler-node-group-max-size',
  /** Prefix of what the autoscaler reads of a node that does not exist yet: cpu, memory, labels, taints. */
  autoscalerCapacity: 'capacity.cluster-autoscaler.kubernetes.io/',
  /** Workloads, or namespaces, that reach the outside through the proxy; the value is `proxy`. */
  connection: 'spectrocloud.com/connection',
  /** Capstan's own: the uid of the cluster record, on the namespace and the Cluster. */
  uid: 'capstan.dev/cluster-uid',
  /** Capstan's own: what the spec of a machine template comes to; machines are replaced when it changes. */
  fingerprint: 'capstan.dev/fingerprint',
  /** Capstan's own: the control plane or MachineDeployment that a template was made for. */
  templateFor: 'capstan.dev/template-for',
  /** Capstan's own: the worker pool of a MachineDeployment, its machines and their nodes. */
  pool: 'node.cluster.x-k8s.io/capstan-pool',
} as const;

/** Type of the secrets that belong to Cluster API. */
export const clusterSecretType = 'cluster.x-k8s.io/secret';

/** The namespace of a cluster's own documents carries the cluster's name. */
export function namespaceOf(plan: ClusterPlan): string {
  return plan.name;
}

/** Names of the documents that belong to the control plane. */
export function documentNames(plan: ClusterPlan): {
  readonly cluster: string;
  readonly identity: string;
  readonly controlPlane: string;
  readonly controlPlaneTemplate: string;
  readonly machine: string;
} {
  return {
    cluster: plan.name,
    identity: `${plan.name}-identity`,
    controlPlane: `${plan.name}-control-plane`,
    controlPlaneTemplate: `${plan.name}-control-plane`,
    machine: plan.controlPlane.machineName,
  };
}

/** Purposes of the certificate secrets, `<cluster>-<purpose>` (cluster-api-pivot.md §2b). */
export const certificatePurposes = ['ca', 'etcd', 'proxy', 'sa'] as const;
export type CertificatePurpose = (typeof certificatePurposes)[number];

/** Name of the secret in which CAPZ keeps the cloud provider configuration of a machine template. */
export function azureJsonSecretName(template: string): string {
  return `${template}-azure-json`;
}

/** Keys of that secret: CAPZ's (cluster-api-pivot.md §3). */
export const azureJsonKeys = {
  controlPlane: 'control-plane-azure.json',
  worker: 'worker-node-azure.json',
  legacy: 'azure.json',
} as const;

/**
 * `providerID` of a virtual machine: the resource group is lower-case, everything else keeps its case
 * (cluster-api-pivot.md §2c, failure traps).
 */
export function providerId(
  azure: { readonly subscriptionId: string; readonly resourceGroup: string },
  machine: string,
): string {
  return `azure:///subscriptions/${azure.subscriptionId}/resourceGroups/${azure.resourceGroup.toLowerCase()}/providers/Microsoft.Compute/virtualMachines/${machine}`;
}
