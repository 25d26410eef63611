import type { ClusterPlan } from '#domain/plan/types.ts';
import type { Connection } from '../clients/clients.ts';
import { unanswered } from '../clients/unanswered.ts';
import { parseArmId } from '../resource/arm-id.ts';
import { changeTags } from '../resource/join.ts';
import type { TagChange, TagProgress } from '../types.ts';
import { findOwned } from './find.ts';

/**
 * Brings the user's tags onto the resources of a cluster, also those that its own controllers made: a merge for what is
 * missing or different, a removal for what went. What is shared with other clusters is left alone.
 *
 * @param most resources that are written in this call; `left` tells how many remain
 * @throws Error when Azure refuses one, for the caller's back-off
 */
export async function applyTags(
  connection: Connection,
  plan: ClusterPlan,
  change: TagChange,
  most: number,
): Promise<TagProgress> {
  // Role assignments have no tags.
  const tagged = (await findOwned(connection, plan)).filter(({ kind }) => kind !== 'roleAssignment');
  const due = tagged.flatMap(({ id, tags }) => {
    const set = Object.fromEntries(Object.entries(change.set).filter(([key, value]) => tags[key] !== value));
    const remove = Object.fromEntries(change.remove.filter((key) => key in tags).map((key) => [key, tags[key] ?? '']));
    return Object.keys(set).length + Object.keys(remove).length === 0 ? [] : [{ id, set, remove }];
  });
  const clients = connection.clients(plan.azure.subscriptionId);
  for (const { id, set, remove } of due.slice(0, most)) {
    const target = parseArmId(id);
    for (const [operation, tags] of [
      ['Merge', set],
      ['Delete', remove],
    ] as const) {
      if (Object.keys(tags).length === 0) continue;
      const written = await changeTags(clients, target, operation, tags);
      if (!written.ok && written.failure.status !== 404) throw unanswered(`${id} cannot be tagged`, written.failure);
    }
  }
  return { changed: Math.min(due.length, most), left: Math.max(0, due.length - most) };
}
