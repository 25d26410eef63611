import type { PrivateEndpoint } from '@azure/arm-network';
import type { SpecInput } from '../resource/kind.ts';
import { broughtAlong, createOnce } from '../resource/reconcile.ts';

/** The address of the storage account inside the cluster's network. */
export function privateEndpointSpec(
  input: SpecInput,
  existing: PrivateEndpoint | undefined,
): PrivateEndpoint | undefined {
  const { plan, resource } = input;
  return createOnce(existing, {
    ...broughtAlong(input),
    subnet: { id: plan.network.workerSubnet.id },
    privateLinkServiceConnections: [
      { name: resource.name, privateLinkServiceId: plan.storage.account.id, groupIds: ['blob'] },
    ],
  });
}
