import type { GenericResource } from '@azure/arm-resources';
import type { SpecInput } from '../resource/kind.ts';
import { broughtAlong, createOnce } from '../resource/reconcile.ts';

/** Makes the zone answer in the cluster's virtual network; machines are not registered in it. */
export function privateDnsZoneLinkSpec(
  input: SpecInput,
  existing: GenericResource | undefined,
): GenericResource | undefined {
  return createOnce(existing, {
    ...broughtAlong(input),
    location: 'global',
    properties: { virtualNetwork: { id: input.plan.network.virtualNetwork.id }, registrationEnabled: false },
  });
}
