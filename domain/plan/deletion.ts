import type { InventoryItem } from '../record.ts';
import type { ResourceKind } from './types.ts';

/**
 * What is deleted when: the reverse of creation, holders before what they hold (azure-behaviour.md §6). Kinds of one
 * rank go side by side; undefined kinds go with their parents and are never deleted on their own.
 */
const ranks: Readonly<Partial<Record<ResourceKind, number>>> = {
  virtualMachine: 1,
  // Its pools and the group of its nodes go with it.
  managedCluster: 1,
  networkInterface: 2,
  disk: 2,
  loadBalancer: 3,
  relayContainer: 4,
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
  // The copy of the image in it; the container itself goes with its account.
  blobContainer: 7,
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

/** What a deletion did: one line per resource of the inventory, and the keys. */
export interface DeletionReport {
  readonly deleted: readonly { readonly id: string; readonly kind: ResourceKind }[];
  readonly kept: readonly {
    readonly id: string;
    readonly kind: ResourceKind;
    readonly reason: string;
    /** Clusters that still use it. */
    readonly users: readonly string[];
  }[];
  readonly secrets: readonly DeletedSecret[];
}

/** A deleted secret of the Key Vault; `recoverableUntil` (ISO 8601) when it could not be purged. */
export interface DeletedSecret {
  readonly name: string;
  readonly purged: boolean;
  readonly recoverableUntil?: string;
}

/** Name of the blob with what became of the secrets of one life of a cluster. */
export function deletedSecretsDocument(uid: string): string {
  return `deletion/${uid}.json`;
}

/** The lists at the end of a deletion, from the inventory. Pure. */
export function deletionReport(items: readonly InventoryItem[], secrets: readonly DeletedSecret[]): DeletionReport {
  const line = ({ id, kind }: InventoryItem) => ({ id, kind });
  return {
    deleted: items.filter((item) => item.state === 'deleted').map(line),
    kept: items
      .filter((item) => item.state === 'kept')
      .map((item) => ({ ...line(item), ...keptReason(item.outputs['reason'] ?? '') })),
    secrets,
  };
}

function keptReason(reason: string): { readonly reason: string; readonly users: readonly string[] } {
  const users = /^used by (.+)$/.exec(reason)?.[1]?.split(', ') ?? [];
  return { reason, users };
}

/**
 * Items as they are when nothing is left to delete: what went with its parent, and what belongs to the user. An id that
 * was never completed names nothing that was made. Pure.
 *
 * @returns the items that change
 */
export function settledItems(items: readonly InventoryItem[]): readonly InventoryItem[] {
  const stays = (id: string) => items.some((item) => item.state === 'kept' && id.startsWith(`${item.id}/`));
  return items
    .filter((item) => item.state !== 'deleted' && item.state !== 'kept')
    .map((item) => {
      if (item.owned && !stays(item.id)) return { ...item, state: 'deleted', outputs: {} };
      const reason = item.owned ? 'it is part of a resource that is kept' : 'it belongs to you';
      return { ...item, state: 'kept', outputs: { reason } };
    });
}
