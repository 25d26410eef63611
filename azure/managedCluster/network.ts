import type { VirtualNetwork } from '@azure/arm-network';
import type { ManagedPlan } from '#domain/managed/types.ts';
import type { SpecInput } from '../resource/kind.ts';
import { broughtAlong, reconcile } from '../resource/reconcile.ts';

/** The network of an AKS cluster: one subnet for its nodes, which go out by AKS's own load balancer. */
export function managedNetworkSpec(
  input: SpecInput<ManagedPlan>,
  existing: VirtualNetwork | undefined,
): VirtualNetwork | undefined {
  const { virtualNetwork, subnet } = input.plan.managed.network;
  return reconcile(existing, {
    ...broughtAlong(input),
    addressSpace: { addressPrefixes: [...virtualNetwork.cidrs] },
    subnets: [{ name: subnet.name, addressPrefix: subnet.cidr, defaultOutboundAccess: false }],
  });
}
