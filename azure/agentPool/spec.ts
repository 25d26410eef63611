import type { AgentPool, ManagedClusterAgentPoolProfileProperties } from '@azure/arm-containerservice';
import type { CapstanError } from '#domain/errors/error.ts';
import type { ManagedPlan, PlannedNodePool } from '#domain/managed/types.ts';
import { capstanError } from '../errors/capstan-error.ts';
import { compareVersions, same } from '../managedCluster/changes.ts';
import type { SpecInput } from '../resource/kind.ts';
import type { ResourceOutputs } from '../types.ts';

type Input = SpecInput<ManagedPlan>;

/** Fields of a pool that may change as long as it lives. */
type Changeable = Pick<
  AgentPool,
  | 'mode'
  | 'count'
  | 'enableAutoScaling'
  | 'minCount'
  | 'maxCount'
  | 'nodeLabels'
  | 'nodeTaints'
  | 'tags'
  | 'upgradeSettings'
>;

/** A pool as a new cluster's body and a resource of its own both describe it. */
export function agentPoolProperties(
  plan: ManagedPlan,
  pool: PlannedNodePool,
): ManagedClusterAgentPoolProfileProperties {
  return {
    ...changeable(plan, pool, undefined),
    type: 'VirtualMachineScaleSets',
    vmSize: pool.vmSize,
    osType: pool.osType,
    ...(pool.osSku === undefined ? {} : { osSKU: pool.osSku }),
    osDiskSizeGB: pool.osDiskSizeGiB,
    ...(pool.maxPods === undefined ? {} : { maxPods: pool.maxPods }),
    ...(pool.availabilityZones.length === 0 ? {} : { availabilityZones: [...pool.availabilityZones] }),
    vnetSubnetID: plan.managed.network.subnet.id,
    orchestratorVersion: pool.orchestratorVersion,
  };
}

/**
 * The agent pool. Its version is changed first and alone; the rest follows in a second write, because AKS does not
 * upgrade and scale in one operation.
 */
export function agentPoolSpec(input: Input, existing: AgentPool | undefined): AgentPool | CapstanError | undefined {
  const pool = plannedPool(input);
  if (pool === undefined)
    return capstanError('CAP-3011', `The plan has no pool ${input.resource.name}.`, { where: input.resource.id });
  if (existing === undefined) {
    const { type, ...rest } = agentPoolProperties(input.plan, pool);
    return { ...rest, ...(type === undefined ? {} : { typePropertiesType: type }) };
  }
  const version = newerVersion(pool, existing);
  if (version !== undefined) return { ...existing, orchestratorVersion: version };
  const wanted = changed(input.plan, pool, existing);
  return Object.keys(wanted).length === 0 ? undefined : { ...withoutBounds(existing, pool), ...wanted };
}

/** Fields in which a pool differs from the plan. */
export function agentPoolDiffers(input: Input, existing: AgentPool): readonly string[] {
  const pool = plannedPool(input);
  if (pool === undefined) return [];
  const version = newerVersion(pool, existing) === undefined ? [] : ['orchestratorVersion'];
  return [...version, ...Object.keys(changed(input.plan, pool, existing))];
}

function plannedPool({ plan, resource }: Input): PlannedNodePool | undefined {
  return plan.managed.pools.find((pool) => pool.key === resource.key);
}

/** An upgrade channel may have gone ahead of the document; there is no way back. */
function newerVersion({ orchestratorVersion }: PlannedNodePool, existing: AgentPool): string | undefined {
  const running = existing.currentOrchestratorVersion ?? existing.orchestratorVersion;
  if (running === undefined || compareVersions(orchestratorVersion, running) > 0) return orchestratorVersion;
  return undefined;
}

/** The autoscaler decides about the number of nodes within its bounds. */
function changeable(plan: ManagedPlan, pool: PlannedNodePool, existing: AgentPool | undefined): Changeable {
  const { autoscaling } = pool;
  const count = existing?.count ?? pool.replicas;
  return {
    mode: pool.mode,
    ...(autoscaling === undefined
      ? { count: pool.replicas, enableAutoScaling: false }
      : {
          count: Math.min(autoscaling.max, Math.max(autoscaling.min, count)),
          enableAutoScaling: true,
          minCount: autoscaling.min,
          maxCount: autoscaling.max,
        }),
    nodeLabels: { ...pool.labels },
    nodeTaints: pool.taints.map(({ key, value, effect }) => `${key}${value === '' ? '' : `=${value}`}:${effect}`),
    tags: { ...plan.tags },
    upgradeSettings: { ...existing?.upgradeSettings, maxSurge: pool.maxSurge },
  };
}

function changed(plan: ManagedPlan, pool: PlannedNodePool, existing: AgentPool): Partial<Changeable> {
  const wanted = changeable(plan, pool, existing);
  const present: Changeable = { ...existing, enableAutoScaling: existing.enableAutoScaling ?? false };
  const fields = Object.entries(wanted).filter(([field, value]) => !same(value, present[field as keyof Changeable]));
  return Object.fromEntries(fields);
}

/** Bounds without autoscaling are refused. */
function withoutBounds(existing: AgentPool, { autoscaling }: PlannedNodePool): AgentPool {
  if (autoscaling !== undefined) return existing;
  const { minCount: _min, maxCount: _max, ...rest } = existing;
  return rest;
}

/** How many nodes the pool has and what they run. */
export function agentPoolOutputs(body: AgentPool): ResourceOutputs {
  return {
    ...(body.count === undefined ? {} : { nodes: String(body.count) }),
    ...(body.currentOrchestratorVersion === undefined ? {} : { kubernetesVersion: body.currentOrchestratorVersion }),
    ...(body.nodeImageVersion === undefined ? {} : { nodeImage: body.nodeImageVersion }),
  };
}
