import { ownedTag } from '#domain/names/tags.ts';
import type { Ownership } from './kind.ts';

/** Marks what Capstan made for several clusters (account, image, gallery). */
export const sharedTag = 'capstan_managed';

/**
 * Capstan's own tag of a cluster. With the value `owned` it marks what CAPZ must leave alone (virtual network, NAT
 * gateway: with CAPZ's tag its controllers would take over their management); with `user` one user of a shared resource.
 */
export function capstanTag(cluster: string): string {
  return `capstan_cluster_${cluster}`;
}

/** Tags of a shared resource at its creation. */
export function sharedTags(cluster: string, userTags: Readonly<Record<string, string>>): Record<string, string> {
  return { ...userTags, [sharedTag]: 'true', [capstanTag(cluster)]: 'user' };
}

function find(tags: Readonly<Record<string, string>> | undefined, name: string): string | undefined {
  // Azure keeps the case of tag names but treats them as equal in any case.
  return Object.entries(tags ?? {}).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
}

/** Whether a resource with these tags is ours to use and write. What has no tags of its own belongs to its parent. */
export function isOurs(
  ownership: Ownership,
  tags: Readonly<Record<string, string>> | undefined,
  cluster: string,
): boolean {
  if (ownership === 'parent') return true;
  if (ownership === 'shared') return find(tags, sharedTag) === 'true';
  return find(tags, ownedTag(cluster)) === 'owned' || find(tags, capstanTag(cluster)) === 'owned';
}

/** Names of the clusters that use a shared resource. */
export function usersOf(tags: Readonly<Record<string, string>> | undefined): readonly string[] {
  const prefix = capstanTag('');
  return Object.keys(tags ?? {})
    .filter((key) => key.toLowerCase().startsWith(prefix))
    .map((key) => key.slice(prefix.length))
    .sort();
}
