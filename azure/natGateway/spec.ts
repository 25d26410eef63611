import type { NatGateway } from '@azure/arm-network';
import type { SpecInput } from '../resource/kind.ts';
import { broughtAlong, networkId, reconcile } from '../resource/reconcile.ts';

/** The workers' way out. */
export function natGatewaySpec(input: SpecInput, existing: NatGateway | undefined): NatGateway | undefined {
  const { plan } = input;
  const publicIp = plan.network.natGateway?.publicIp ?? '';
  return reconcile(existing, {
    ...broughtAlong(input),
    sku: { name: 'Standard' },
    idleTimeoutInMinutes: 4,
    publicIpAddresses: [{ id: networkId(plan, 'publicIPAddresses', publicIp) }],
  });
}
