import { shortHash } from '../names/hash.ts';
import type { ClusterPlan } from './types.ts';

/**
 * The plan as it came about: when the planned zone of the first machine had no capacity and another one was taken,
 * documents and sentences name that zone.
 *
 * @param zone zone of the machine as the inventory knows it
 */
export function asBuilt(plan: ClusterPlan, zone: string | undefined): ClusterPlan {
  if (zone === undefined || zone === '' || plan.controlPlane.zone === undefined || zone === plan.controlPlane.zone)
    return plan;
  return { ...plan, controlPlane: { ...plan.controlPlane, zone } };
}

/**
 * What the first machine is made from. A machine is never changed: when another document gives another value, the one
 * that stands is not the one that is wanted.
 */
export function firstMachineSource({ spec, image }: ClusterPlan): string {
  const { kubernetes, sshKeys, nodes, proxy, trustedCa, network, controlPlane } = spec;
  const { vmSize, osDisk, etcdDisk } = controlPlane;
  const { podCidr, serviceCidr } = network;
  const parts = [
    image.id,
    kubernetes,
    sshKeys,
    nodes,
    proxy,
    trustedCa,
    podCidr,
    serviceCidr,
    vmSize,
    osDisk,
    etcdDisk,
  ];
  return shortHash(JSON.stringify(parts), 8);
}
