import type { ResourceKind } from './types.ts';

/**
 * What is deleted when: the reverse of creation, holders before what they hold (azure-behaviour.md §6). Kinds of one
 * rank go side by side; undefined kinds go with their parents and are never deleted on their own.
 */
const ranks: Readonly<Partial<Record<ResourceKind, number>>> = {
  virtualMachine: 1,
  networkInterface: 2,
  disk: 2,
  loadBalancer: 3,
  availabilitySet: 3,
  privateEndpoint: 3,
  privateDnsZoneLink: 3,
  virtualNetwork: 4,
  natGateway: 5,
  networkSecurityGroup: 5,
  routeTable: 5,
  publicIPAddress: 6,
  roleAssignment: 6,
  galleryImageVersion: 6,
  image: 6,
  imageDisk: 7,
  galleryImage: 7,
  userAssignedIdentity: 7,
  gallery: 8,
  storageAccount: 8,
  privateDnsZone: 8,
};

/** Orders what is deleted into waves of keys. */
export function deletionWaves(
  resources: readonly { readonly key: string; readonly kind: ResourceKind }[],
): readonly (readonly string[])[] {
  const waves = new Map<number, string[]>();
  for (const { key, kind } of resources) {
    const rank = ranks[kind];
    if (rank !== undefined) waves.set(rank, [...(waves.get(rank) ?? []), key]);
  }
  return [...waves.entries()].sort(([a], [b]) => a - b).map(([, keys]) => keys.sort());
}
