import { type CallResult, call } from '../clients/capture.ts';
import type { Clients } from '../clients/clients.ts';
import type { ArmId } from './arm-id.ts';
import type { Described } from './kind.ts';
import { capstanTag, usersOf } from './ownership.ts';

/**
 * Adds the cluster's tag to a shared resource through the tags API: a merge on Azure's side, so that two clusters that
 * join at the same moment do not lose each other's tag. (Accounts, images and galleries have no ETag in ARM that a write
 * could be made conditional on; the copied blob has one, see storage/users.ts.)
 *
 * @returns undefined when the tag is there already
 */
export async function joinShared(
  clients: Clients,
  id: ArmId,
  described: Described,
  cluster: string,
): Promise<CallResult<unknown> | undefined> {
  if (usersOf(described.tags).includes(cluster)) return undefined;
  return changeTags(clients, id, 'Merge', { [capstanTag(cluster)]: 'user' });
}

/** Removes the cluster's tag from a shared resource. */
export async function leaveShared(clients: Clients, id: ArmId, cluster: string): Promise<CallResult<unknown>> {
  return changeTags(clients, id, 'Delete', { [capstanTag(cluster)]: 'user' });
}

/** Changes single tags of a resource and leaves the others. */
export async function changeTags(
  clients: Clients,
  id: ArmId,
  operation: 'Merge' | 'Delete',
  tags: Record<string, string>,
): Promise<CallResult<unknown>> {
  const { tagsOperations } = await clients.resources();
  // The tags API answers 200 at once; 202 leaves the change in progress, which the next read shows.
  return call(async () => {
    // The SDK puts a slash before the scope itself.
    const poller = tagsOperations.updateAtScope(id.id.slice(1), { operation, properties: { tags } });
    await poller.submitted();
    return {};
  });
}
