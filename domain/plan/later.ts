import { armId } from '../names/names.ts';
import { createSeconds } from './durations.ts';
import type { ClusterPlan, ResourceKind } from './types.ts';
import type { StepId } from '../steps.ts';

/** Stands for the characters that Cluster API or Azure choose in a name. */
export const anyName = '<random>';

/** A resource that nobody writes on its own account: a disk made with its machine, or what the controllers make. */
export interface LaterResource {
  readonly key: string;
  readonly kind: ResourceKind;
  readonly name: string;
  readonly id: string;
  readonly step: StepId;
  readonly by: 'capstan' | 'controllers';
  /** Azure seconds. */
  readonly seconds: number;
}

const types: Readonly<Partial<Record<ResourceKind, string>>> = {
  virtualMachine: 'Microsoft.Compute/virtualMachines',
  disk: 'Microsoft.Compute/disks',
  availabilitySet: 'Microsoft.Compute/availabilitySets',
  networkInterface: 'Microsoft.Network/networkInterfaces',
  inboundNatRule: 'Microsoft.Network/loadBalancers/inboundNatRules',
};

/**
 * What a provision makes beyond the planned resources: the disks of the first machine, and after the hand-over the
 * machines of the cluster's own controllers, with the names CAPZ gives them (cluster-api-pivot.md §2c).
 */
export function laterResources(plan: ClusterPlan): readonly LaterResource[] {
  const { subscriptionId, resourceGroup } = plan.azure;
  const row = (
    key: string,
    kind: ResourceKind,
    step: StepId,
    by: LaterResource['by'],
    ...names: readonly string[]
  ): LaterResource => ({
    key,
    kind,
    name: names.at(-1) ?? '',
    id: armId(subscriptionId, resourceGroup, types[kind] ?? '', ...names),
    step,
    by,
    // A disk comes with its machine, in the same write.
    seconds: kind === 'disk' ? 0 : createSeconds[kind],
  });
  const first = plan.controlPlane.machineName;
  const rows: LaterResource[] = [
    row('systemDisk', 'disk', 'controlPlane', 'capstan', `${first}_OSDisk`),
    row('etcdDisk', 'disk', 'controlPlane', 'capstan', `${first}_etcddisk`),
  ];
  for (let index = 2; index <= plan.controlPlane.replicas; index++) {
    const name = `${plan.name}-control-plane-${anyName}`;
    const key = `controlPlane/${index}`;
    const step = 'controlPlaneScale';
    const balancer = plan.network.api.loadBalancer;
    rows.push(
      row(`${key}/inboundNatRule`, 'inboundNatRule', step, 'controllers', balancer, name),
      row(`${key}/networkInterface`, 'networkInterface', step, 'controllers', `${name}-nic`),
      row(`${key}/virtualMachine`, 'virtualMachine', step, 'controllers', name),
      row(`${key}/systemDisk`, 'disk', step, 'controllers', `${name}_OSDisk`),
      row(`${key}/etcdDisk`, 'disk', step, 'controllers', `${name}_etcddisk`),
    );
  }
  for (const shard of plan.pools.flatMap((pool) => pool.shards)) {
    const { machineDeployment, replicas } = shard;
    const step = 'workerPools';
    // Without zones CAPZ spreads each MachineDeployment over an availability set of its own.
    if (plan.regionZones.length === 0 && replicas > 0) {
      const set = `${plan.name}_${machineDeployment}-as`;
      rows.push(row(`${machineDeployment}/availabilitySet`, 'availabilitySet', step, 'controllers', set));
    }
    for (let index = 1; index <= replicas; index++) {
      const name = `${machineDeployment}-${anyName}-${anyName}`;
      const key = `${machineDeployment}/${index}`;
      rows.push(
        row(`${key}/networkInterface`, 'networkInterface', step, 'controllers', `${name}-nic`),
        row(`${key}/virtualMachine`, 'virtualMachine', step, 'controllers', name),
        row(`${key}/systemDisk`, 'disk', step, 'controllers', `${name}_OSDisk`),
      );
    }
  }
  return rows;
}
