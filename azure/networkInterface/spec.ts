import type { NetworkInterface } from '@azure/arm-network';
import { loadBalancerParts } from '../loadBalancer/spec.ts';
import type { SpecInput } from '../resource/kind.ts';
import { common } from '../resource/reconcile.ts';
import type { ResourceOutputs } from '../types.ts';

/**
 * The first machine's interface: in the backend pool of the API load balancer, without a public address.
 * Like CAPZ, an existing one is written again only when it failed (cluster-api-pivot.md §2c).
 */
export function networkInterfaceSpec(
  input: SpecInput,
  existing: NetworkInterface | undefined,
): NetworkInterface | undefined {
  if (existing !== undefined && existing.provisioningState !== 'Failed') return undefined;
  const { plan } = input;
  const balancer = loadBalancerParts(plan);
  return {
    ...common(input, { machine: true }),
    enableAcceleratedNetworking: plan.controlPlane.acceleratedNetworking === true,
    enableIPForwarding: false,
    ipConfigurations: [
      {
        name: 'pipConfig',
        primary: true,
        privateIPAllocationMethod: 'Dynamic',
        privateIPAddressVersion: 'IPv4',
        subnet: { id: plan.network.controlPlaneSubnet.id },
        loadBalancerBackendAddressPools: [{ id: balancer.pool.id }],
        // CAPZ joins machines to their rule on a public load balancer only.
        ...(plan.network.api.private === undefined
          ? {
              loadBalancerInboundNatRules: [{ id: `${balancer.id}/inboundNatRules/${plan.controlPlane.machineName}` }],
            }
          : {}),
      },
    ],
  };
}

export function networkInterfaceOutputs(body: NetworkInterface): ResourceOutputs {
  const address = body.ipConfigurations?.[0]?.privateIPAddress;
  return address === undefined ? {} : { privateIpAddress: address };
}
