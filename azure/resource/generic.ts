import type { GenericResource } from '@azure/arm-resources';
import type { KindDefinition } from './kind.ts';

/** Resources of the providers that no package of ours models, by their id. */
export function genericCalls(
  apiVersion: string,
): Pick<KindDefinition<GenericResource>, 'family' | 'read' | 'write' | 'erase'> {
  // The SDK puts a slash before the id itself.
  return {
    family: 'resources',
    read: async (clients, { id }) => (await clients.resources()).resources.getById(id.slice(1), apiVersion),
    write: async (clients, { id }, body) => ({
      poller: (await clients.resources()).resources.createOrUpdateById(id.slice(1), apiVersion, body),
    }),
    erase: async (clients, { id }) => ({
      poller: (await clients.resources()).resources.deleteById(id.slice(1), apiVersion),
    }),
  };
}

/** What every resource shows in the same place; the state stands among the properties here. */
export function describeGeneric({ id, tags, properties }: GenericResource) {
  const state = properties?.['provisioningState'];
  return { id, tags, provisioningState: typeof state === 'string' ? state : undefined };
}

/** API version of Microsoft.Network/privateDnsZones (azure-recordings/privateDnsZones.json). */
export const privateDnsVersion = '2024-06-01';
