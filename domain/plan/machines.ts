import { clusterNames, firstMachineName, machineDeploymentName } from '../names/names.ts';
import { spread, usableZones } from '../network/zones.ts';
import type { ClusterDocument, WorkerPoolSpec } from '../spec/types.ts';
import type { ResourceInput } from './resources.ts';
import type { AzureFacts, PlannedControlPlane, PlannedPool, PlannedShard } from './types.ts';

/** Control plane part of the plan. In regions without zones CAPZ uses an availability set (cluster-api-pivot.md §4). */
export function planControlPlane(document: ClusterDocument, facts: AzureFacts, uid: string): PlannedControlPlane {
  const { controlPlane } = document.spec;
  const zones = usableZones(controlPlane.zones, facts.vmSizes[controlPlane.vmSize]?.zones ?? []);
  const zoned = facts.regionZones.length > 0;
  const { faultDomains } = facts;
  return {
    replicas: controlPlane.replicas,
    vmSize: controlPlane.vmSize,
    machineName: firstMachineName(document.metadata.name, uid),
    zone: zoned ? zones[0] : undefined,
    zones: zoned ? zones : [],
    availabilitySet: zoned ? undefined : clusterNames(document.metadata.name).availabilitySet,
    ...(zoned || faultDomains === undefined ? {} : { faultDomains }),
    ...accelerated(facts, controlPlane.vmSize),
    osDisk: controlPlane.osDisk,
    etcdDisk: controlPlane.etcdDisk,
    healthCheck: controlPlane.healthCheck,
  };
}

/** One worker pool: one MachineDeployment per usable zone, or a single one in regions without zones. */
export function planPool(cluster: string, pool: WorkerPoolSpec, facts: AzureFacts): PlannedPool {
  const shards: PlannedShard[] =
    facts.regionZones.length === 0
      ? [
          {
            zone: undefined,
            replicas: pool.replicas,
            machineDeployment: machineDeploymentName(cluster, pool.name, undefined),
          },
        ]
      : spread(pool.replicas, usableZones(pool.zones, facts.vmSizes[pool.vmSize]?.zones ?? [])).map((share) => ({
          zone: share.zone,
          replicas: share.count,
          machineDeployment: machineDeploymentName(cluster, pool.name, share.zone),
        }));
  const { name, vmSize, replicas, osDisk, labels, taints, rollout, healthCheck } = pool;
  const size = facts.vmSizes[vmSize];
  const capacity = size === undefined ? {} : { capacity: { cores: size.cores, memoryGiB: size.memoryGiB } };
  return {
    name,
    vmSize,
    ...accelerated(facts, vmSize),
    ...capacity,
    replicas,
    shards,
    osDisk,
    labels,
    taints,
    rollout,
    healthCheck,
  };
}

/** CAPZ gives an interface accelerated networking where the size has it; written out, so that CP-A's is no other. */
function accelerated(facts: AzureFacts, vmSize: string): { readonly acceleratedNetworking?: boolean } {
  return facts.vmSizes[vmSize]?.acceleratedNetworking === true ? { acceleratedNetworking: true } : {};
}

/** Resources of the control-plane step: what CAPZ would make for the first machine. */
export function machineResources(controlPlane: PlannedControlPlane, loadBalancer: string): readonly ResourceInput[] {
  const step = 'controlPlane';
  const { machineName, availabilitySet } = controlPlane;
  const set: ResourceInput[] =
    availabilitySet === undefined
      ? []
      : [{ key: 'availabilitySet', kind: 'availabilitySet', names: [availabilitySet], step }];
  return [
    ...set,
    {
      key: 'inboundNatRule',
      kind: 'inboundNatRule',
      names: [loadBalancer, machineName],
      step,
      needs: ['loadBalancer'],
    },
    {
      key: 'networkInterface',
      kind: 'networkInterface',
      names: [`${machineName}-nic`],
      step,
      needs: ['inboundNatRule', 'virtualNetwork'],
    },
    {
      key: 'virtualMachine',
      kind: 'virtualMachine',
      names: [machineName],
      step,
      needs: ['networkInterface', 'image', 'identity', ...set.map((resource) => resource.key)],
    },
  ];
}
