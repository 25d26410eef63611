import { controlPlaneKubeadmConfig, initKubeadmConfig } from '../kubeadm/config.ts';
import { controlPlaneCloudInit } from '../kubeadm/cloud-init.ts';
import type { ClusterKeys } from '../kubeadm/keys.ts';
import type { ClusterPlan } from '../plan/types.ts';
import type { Secret } from '../secret.ts';
import { azureClusterDocument, clusterDocument, identityDocument, namespaceDocument } from './cluster.ts';
import type { ObservedAzure } from './cluster.ts';
import {
  controlPlaneDocument,
  controlPlaneTemplateDocument,
  firstAzureMachineDocument,
  firstKubeadmConfigDocument,
  firstMachineDocument,
} from './control-plane.ts';
import { documentNames } from './names.ts';
import type { KubernetesObject } from './object.ts';
import { controlPlaneHealthCheck, shardDocuments, shardHealthCheck } from './pools.ts';
import {
  azureJsonSecret,
  bootstrapSecret,
  certificateSecrets,
  controlPlaneSecretFiles,
  kubeconfigSecret,
} from './secrets.ts';

/** Everything the documents are made from. */
export interface BundleInput {
  readonly plan: ClusterPlan;
  readonly observed: ObservedAzure;
  readonly keys: ClusterKeys;
  /** kubeconfig text for the controllers inside the cluster. */
  readonly kubeconfig: Secret;
}

/** CP-A's user data (not base64): what the virtual machine boots with and what the bootstrap secret holds. */
export function bootstrapData(input: Omit<BundleInput, 'kubeconfig'>): Secret {
  const { plan, observed, keys } = input;
  return controlPlaneCloudInit({
    plan,
    config: initKubeadmConfig(controlPlaneKubeadmConfig(plan)),
    keys,
    secretFiles: controlPlaneSecretFiles(plan, observed.identityClientId),
  });
}

/**
 * The documents of the hand-over, in the order in which they are created: owners before what they own, secrets before
 * the Cluster (cluster-api-pivot.md §2d.6). Owner references are added when the API server has assigned uids. The
 * last KubeadmConfig is a preview: the pivot derives the real one from the KubeadmControlPlane read back.
 */
export function pivotDocuments(input: BundleInput): readonly KubernetesObject[] {
  const { plan, observed, keys, kubeconfig } = input;
  const names = documentNames(plan);
  return [
    namespaceDocument(plan),
    ...certificateSecrets(plan, keys),
    kubeconfigSecret(plan, kubeconfig),
    bootstrapSecret(plan, bootstrapData(input)),
    azureJsonSecret(plan, observed.identityClientId, 'control-plane', names.controlPlaneTemplate),
    identityDocument(plan, observed),
    clusterDocument(plan),
    azureClusterDocument(plan, observed),
    controlPlaneTemplateDocument(plan),
    controlPlaneDocument(plan),
    firstMachineDocument(plan),
    firstKubeadmConfigDocument(plan, controlPlaneKubeadmConfig(plan)),
    firstAzureMachineDocument(plan),
  ];
}

/** The documents of the worker pools and the control plane's health check, created after the hand-over. */
export function workloadDocuments(plan: ClusterPlan, observed: ObservedAzure): readonly KubernetesObject[] {
  return [
    controlPlaneHealthCheck(plan),
    ...plan.pools.flatMap((pool) =>
      pool.shards.flatMap((shard) => [
        azureJsonSecret(plan, observed.identityClientId, 'worker', shard.machineDeployment),
        ...shardDocuments(plan, pool, shard),
        shardHealthCheck(plan, pool, shard),
      ]),
    ),
  ];
}
