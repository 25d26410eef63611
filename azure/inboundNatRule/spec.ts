import type { InboundNatRule } from '@azure/arm-network';
import { loadBalancerParts } from '../loadBalancer/spec.ts';
import type { SpecInput } from '../resource/kind.ts';
import { reconcile } from '../resource/reconcile.ts';

/** CAPZ takes 22 and then 2201 upwards; the first machine has 2201 so that 22 is not published (cluster-api-pivot.md §2c). */
const firstSshPort = 2201;

/** The first machine's rule, which CAPZ would create if it were missing. The security group decides who may use it. */
export function inboundNatRuleSpec(input: SpecInput, existing: InboundNatRule | undefined): InboundNatRule | undefined {
  const { plan, resource } = input;
  return reconcile(existing, {
    name: resource.name,
    protocol: 'Tcp',
    frontendPort: Number(resource.detail?.['frontendPort'] ?? firstSshPort),
    backendPort: 22,
    idleTimeoutInMinutes: 4,
    enableFloatingIP: false,
    frontendIPConfiguration: { id: loadBalancerParts(plan).frontend.id },
  });
}
