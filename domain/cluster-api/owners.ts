import type { ClusterPlan } from '../plan/types.ts';
import { apiVersions, azureJsonSecretName, certificatePurposes, documentNames, namespaceOf } from './names.ts';
import type { ObjectReference } from './object.ts';

/** What owns an object, and whether it is the controlling owner. */
export interface Ownership {
  readonly owner: ObjectReference;
  readonly controller: boolean;
}

/** References to the documents that own others. */
export function ownerReferences(plan: ClusterPlan) {
  const names = documentNames(plan);
  const namespace = namespaceOf(plan);
  const reference = (apiVersion: string, kind: string, name: string): ObjectReference => ({
    apiVersion,
    kind,
    namespace,
    name,
  });
  return {
    cluster: reference(apiVersions.core, 'Cluster', names.cluster),
    azureCluster: reference(apiVersions.infrastructure, 'AzureCluster', names.cluster),
    controlPlane: reference(apiVersions.controlPlane, 'KubeadmControlPlane', names.controlPlane),
    controlPlaneTemplate: reference(apiVersions.infrastructure, 'AzureMachineTemplate', names.controlPlaneTemplate),
    machine: reference(apiVersions.core, 'Machine', names.machine),
    kubeadmConfig: reference(apiVersions.bootstrap, 'KubeadmConfig', names.machine),
    azureMachine: reference(apiVersions.infrastructure, 'AzureMachine', names.machine),
  } as const;
}

/**
 * The owner of each document of the bundle (cluster-api-pivot.md §2b: the table of Cluster API). Undefined for what
 * has none: the namespace, the identity, the Cluster.
 */
export function ownershipOf(plan: ClusterPlan, object: ObjectReference): Ownership | undefined {
  const owners = ownerReferences(plan);
  switch (object.kind) {
    case 'AzureCluster':
    case 'KubeadmControlPlane':
      return { owner: owners.cluster, controller: true };
    case 'AzureMachineTemplate':
    case 'KubeadmConfigTemplate':
    case 'MachineDeployment':
    case 'MachineHealthCheck':
      return { owner: owners.cluster, controller: false };
    case 'Machine':
      return { owner: owners.controlPlane, controller: true };
    case 'KubeadmConfig':
    case 'AzureMachine':
      return { owner: owners.machine, controller: true };
    case 'Secret':
      return secretOwner(plan, object.name, owners);
    default:
      return undefined;
  }
}

function secretOwner(
  plan: ClusterPlan,
  name: string,
  owners: ReturnType<typeof ownerReferences>,
): Ownership | undefined {
  const certificates = [...certificatePurposes.map((purpose) => `${plan.name}-${purpose}`), `${plan.name}-kubeconfig`];
  if (certificates.includes(name)) {
    return { owner: owners.controlPlane, controller: true };
  }
  if (name === plan.controlPlane.machineName) {
    return { owner: owners.kubeadmConfig, controller: true };
  }
  for (const template of [
    documentNames(plan).controlPlaneTemplate,
    ...plan.pools.flatMap((pool) => pool.shards.map((shard) => shard.machineDeployment)),
  ]) {
    if (name === azureJsonSecretName(template)) {
      return { owner: { ...owners.controlPlaneTemplate, name: template }, controller: true };
    }
  }
  return undefined;
}
