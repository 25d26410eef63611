import { splitNodeLabels, workerKubeadmConfig } from '../kubeadm/config.ts';
import type { ClusterPlan, PlannedPool, PlannedShard } from '../plan/types.ts';
import { clusterLabels } from './cluster.ts';
import { workerMachineSpec } from './machine-spec.ts';
import { apiGroups, apiVersions, namespaceOf, wellKnown } from './names.ts';
import type { KubernetesObject } from './object.ts';

/**
 * What makes the machines of one pool in one zone, in the order in which it is created: machine template, kubeadm
 * template, MachineDeployment. Machine deployments do not spread over zones by themselves, hence one per zone
 * (cluster-api-pivot.md §4).
 */
export function shardDocuments(plan: ClusterPlan, pool: PlannedPool, shard: PlannedShard): readonly KubernetesObject[] {
  const name = shard.machineDeployment;
  const namespace = namespaceOf(plan);
  const metadata = { name, namespace, labels: { ...clusterLabels(plan), [wellKnown.pool]: pool.name } };
  return [
    {
      apiVersion: apiVersions.infrastructure,
      kind: 'AzureMachineTemplate',
      metadata,
      spec: { template: { spec: workerMachineSpec(plan, pool) } },
    },
    {
      apiVersion: apiVersions.bootstrap,
      kind: 'KubeadmConfigTemplate',
      metadata,
      spec: { template: { spec: workerKubeadmConfig(plan, pool, shard) } },
    },
    machineDeployment(plan, pool, shard),
  ];
}

/** Health check of one pool in one zone: replaces unhealthy machines unless too many are at once. */
export function shardHealthCheck(plan: ClusterPlan, pool: PlannedPool, shard: PlannedShard): KubernetesObject {
  const name = shard.machineDeployment;
  const metadata = {
    name,
    namespace: namespaceOf(plan),
    labels: { ...clusterLabels(plan), [wellKnown.pool]: pool.name },
  };
  const selected = { [wellKnown.clusterName]: plan.name, [wellKnown.deploymentName]: name };
  return healthCheck(plan, name, metadata, selected, '40%');
}

/** Health check of the control plane; created after it has grown, one unhealthy machine at a time. */
export function controlPlaneHealthCheck(plan: ClusterPlan): KubernetesObject {
  const name = `${plan.name}-control-plane`;
  const metadata = { name, namespace: namespaceOf(plan), labels: clusterLabels(plan) };
  return healthCheck(plan, name, metadata, { [wellKnown.clusterName]: plan.name, [wellKnown.controlPlane]: '' }, 1);
}

function machineDeployment(plan: ClusterPlan, pool: PlannedPool, shard: PlannedShard): KubernetesObject {
  const name = shard.machineDeployment;
  const selected = { [wellKnown.clusterName]: plan.name, [wellKnown.deploymentName]: name };
  return {
    apiVersion: apiVersions.core,
    kind: 'MachineDeployment',
    metadata: { name, namespace: namespaceOf(plan), labels: { ...clusterLabels(plan), [wellKnown.pool]: pool.name } },
    spec: {
      clusterName: plan.name,
      replicas: shard.replicas,
      rollout: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } },
      selector: { matchLabels: selected },
      template: {
        metadata: { labels: { ...splitNodeLabels(pool.labels).machine, ...selected, [wellKnown.pool]: pool.name } },
        spec: {
          clusterName: plan.name,
          version: plan.kubernetesVersion,
          ...(shard.zone === undefined ? {} : { failureDomain: shard.zone }),
          bootstrap: { configRef: { apiGroup: apiGroups.bootstrap, kind: 'KubeadmConfigTemplate', name } },
          infrastructureRef: { apiGroup: apiGroups.infrastructure, kind: 'AzureMachineTemplate', name },
        },
      },
    },
  };
}

function healthCheck(
  plan: ClusterPlan,
  name: string,
  metadata: KubernetesObject['metadata'],
  matchLabels: Readonly<Record<string, string>>,
  atMost: number | string,
): KubernetesObject {
  const condition = (status: string) => ({ type: 'Ready', status, timeoutSeconds: 600 });
  return {
    apiVersion: apiVersions.core,
    kind: 'MachineHealthCheck',
    metadata: { ...metadata, name },
    spec: {
      clusterName: plan.name,
      selector: { matchLabels },
      checks: {
        nodeStartupTimeoutSeconds: 1800,
        unhealthyNodeConditions: [condition('Unknown'), condition('False')],
      },
      remediation: { triggerIf: { unhealthyLessThanOrEqualTo: atMost } },
    },
  };
}
