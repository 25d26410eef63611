import { autoscalingOf } from '../kubeadm/additions.ts';
import { splitNodeLabels, workerKubeadmConfig } from '../kubeadm/config.ts';
import { spread } from '../network/zones.ts';
import type { ClusterPlan, PlannedPool, PlannedShard } from '../plan/types.ts';
import type { HealthCheckSpec } from '../spec/types.ts';
import { clusterLabels } from './cluster.ts';
import { workerMachineSpec } from './machine-spec.ts';
import { apiGroups, apiVersions, namespaceOf, wellKnown } from './names.ts';
import type { KubernetesObject } from './object.ts';
import { asTemplate } from './templates.ts';

/**
 * What makes the machines of one pool in one zone, in the order in which it is created: machine template, kubeadm
 * template, MachineDeployment. Machine deployments do not spread over zones by themselves, hence one per zone
 * (cluster-api-pivot.md §4).
 */
export function shardDocuments(plan: ClusterPlan, pool: PlannedPool, shard: PlannedShard): readonly KubernetesObject[] {
  const name = shard.machineDeployment;
  return [
    ...shardTemplates(plan, pool, shard),
    machineDeployment(plan, pool, shard, { machine: name, bootstrap: name }),
  ];
}

/** Machine template and kubeadm template of one pool in one zone, under their first names. */
export function shardTemplates(
  plan: ClusterPlan,
  pool: PlannedPool,
  shard: PlannedShard,
): readonly [KubernetesObject, KubernetesObject] {
  const name = shard.machineDeployment;
  const namespace = namespaceOf(plan);
  const metadata = { name, namespace, labels: { ...clusterLabels(plan), [wellKnown.pool]: pool.name } };
  return [
    asTemplate(name, {
      apiVersion: apiVersions.infrastructure,
      kind: 'AzureMachineTemplate',
      metadata,
      spec: { template: { spec: workerMachineSpec(plan, pool) } },
    }),
    asTemplate(name, {
      apiVersion: apiVersions.bootstrap,
      kind: 'KubeadmConfigTemplate',
      metadata,
      spec: { template: { spec: workerKubeadmConfig(plan, pool, shard) } },
    }),
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
  // A percentage is rounded down: of one or two machines 40 % would be none, and none would ever be replaced.
  return healthCheck(plan, metadata, selected, pool.healthCheck, shard.replicas < 3 ? 1 : '40%');
}

/**
 * Health check of the control plane; created after it has grown. Remediation is allowed while the unhealthy machines
 * are fewer than etcd can lose and keep its quorum; the control plane controller replaces one at a time.
 */
export function controlPlaneHealthCheck(plan: ClusterPlan): KubernetesObject {
  const name = `${plan.name}-control-plane`;
  const metadata = { name, namespace: namespaceOf(plan), labels: clusterLabels(plan) };
  const atMost = Math.max(1, Math.floor((plan.controlPlane.replicas - 1) / 2));
  const selected = { [wellKnown.clusterName]: plan.name, [wellKnown.controlPlane]: '' };
  return healthCheck(plan, metadata, selected, plan.controlPlane.healthCheck, atMost);
}

/**
 * The shard's part of the pool's autoscaler bounds, spread over the zones as the replicas are; undefined: the size is
 * fixed.
 */
export function shardBounds(
  plan: ClusterPlan,
  pool: PlannedPool,
  shard: PlannedShard,
): { readonly min: number; readonly max: number } | undefined {
  const bounds = autoscalingOf(plan, pool.name);
  if (bounds === undefined) {
    return undefined;
  }
  const share = (count: number): number =>
    shard.zone === undefined
      ? count
      : (spread(
          count,
          pool.shards.flatMap(({ zone }) => zone ?? []),
        ).find(({ zone }) => zone === shard.zone)?.count ?? count);
  return { min: share(bounds.min), max: share(bounds.max) };
}

function autoscalerAnnotations(
  plan: ClusterPlan,
  pool: PlannedPool,
  shard: PlannedShard,
): { readonly annotations?: Readonly<Record<string, string>> } {
  const bounds = shardBounds(plan, pool, shard);
  if (bounds === undefined) return {};
  return {
    annotations: {
      [wellKnown.autoscalerMin]: `${bounds.min}`,
      [wellKnown.autoscalerMax]: `${bounds.max}`,
      ...capacityAnnotations(plan, pool, shard),
    },
  };
}

/**
 * What a node of this shard would be like: a group without a node can only grow when the autoscaler is told
 * (Cluster API book, "Using the Cluster Autoscaler", scale from zero; CAPZ publishes no capacity of its templates).
 */
function capacityAnnotations(
  plan: ClusterPlan,
  pool: PlannedPool,
  shard: PlannedShard,
): Readonly<Record<string, string>> {
  if (pool.capacity === undefined) return {};
  const zone = shard.zone === undefined ? [] : [`topology.kubernetes.io/zone=${plan.azure.location}-${shard.zone}`];
  const labels = [...Object.entries(pool.labels).map(([key, value]) => `${key}=${value}`), ...zone];
  const taints = pool.taints.map(({ key, value, effect }) => `${key}=${value}:${effect}`);
  const prefix = wellKnown.autoscalerCapacity;
  return {
    [`${prefix}cpu`]: `${pool.capacity.cores}`,
    [`${prefix}memory`]: `${pool.capacity.memoryGiB}Gi`,
    [`${prefix}ephemeral-disk`]: `${pool.osDisk.sizeGiB}Gi`,
    ...(labels.length === 0 ? {} : { [`${prefix}labels`]: labels.join(',') }),
    ...(taints.length === 0 ? {} : { [`${prefix}taints`]: taints.join(',') }),
  };
}

/** Names of the two templates that a MachineDeployment makes its machines from. */
export interface TemplateNames {
  readonly machine: string;
  readonly bootstrap: string;
}

/**
 * The MachineDeployment of one pool in one zone.
 *
 * @param replicas where the autoscaler has decided otherwise
 */
export function machineDeployment(
  plan: ClusterPlan,
  pool: PlannedPool,
  shard: PlannedShard,
  templates: TemplateNames,
  replicas = shard.replicas,
): KubernetesObject {
  const name = shard.machineDeployment;
  const selected = { [wellKnown.clusterName]: plan.name, [wellKnown.deploymentName]: name };
  return {
    apiVersion: apiVersions.core,
    kind: 'MachineDeployment',
    metadata: {
      name,
      namespace: namespaceOf(plan),
      labels: { ...clusterLabels(plan), [wellKnown.pool]: pool.name },
      ...autoscalerAnnotations(plan, pool, shard),
    },
    spec: {
      clusterName: plan.name,
      replicas,
      rollout: { strategy: { type: 'RollingUpdate', rollingUpdate: pool.rollout } },
      selector: { matchLabels: selected },
      template: {
        metadata: { labels: { ...splitNodeLabels(pool.labels).machine, ...selected, [wellKnown.pool]: pool.name } },
        spec: {
          clusterName: plan.name,
          version: plan.kubernetesVersion,
          ...(shard.zone === undefined ? {} : { failureDomain: shard.zone }),
          bootstrap: {
            configRef: { apiGroup: apiGroups.bootstrap, kind: 'KubeadmConfigTemplate', name: templates.bootstrap },
          },
          infrastructureRef: {
            apiGroup: apiGroups.infrastructure,
            kind: 'AzureMachineTemplate',
            name: templates.machine,
          },
        },
      },
    },
  };
}

function healthCheck(
  plan: ClusterPlan,
  metadata: KubernetesObject['metadata'],
  matchLabels: Readonly<Record<string, string>>,
  bounds: HealthCheckSpec,
  atMost: number | string,
): KubernetesObject {
  const condition = (status: string) => ({ type: 'Ready', status, timeoutSeconds: bounds.unhealthySeconds });
  return {
    apiVersion: apiVersions.core,
    kind: 'MachineHealthCheck',
    metadata,
    spec: {
      clusterName: plan.name,
      selector: { matchLabels },
      checks: {
        nodeStartupTimeoutSeconds: bounds.startupSeconds,
        unhealthyNodeConditions: [condition('Unknown'), condition('False')],
      },
      remediation: { triggerIf: { unhealthyLessThanOrEqualTo: bounds.maxUnhealthy ?? atMost } },
    },
  };
}
