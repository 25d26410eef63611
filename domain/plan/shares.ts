import type { CapstanError } from '../errors/error.ts';
import type { ClusterPlan, PlannedResource, ResourceKind, Shares } from './types.ts';

/** What of an error says which shared thing is full. */
export type FullError = Pick<CapstanError, 'code' | 'where'>;

/** Kinds that the number of the image is part of the name of. */
const imageKinds: ReadonlySet<ResourceKind> = new Set([
  'image',
  'imageDisk',
  'gallery',
  'galleryImage',
  'galleryImageVersion',
]);

/**
 * Which number has to grow because something that the plan shares with other clusters is full. `none`: there is no other
 * one to take (a private DNS zone has the name that it must have). `planned`: the plan names it no more.
 */
export function fullPart(plan: ClusterPlan, { code, where = '' }: FullError): keyof Shares | 'none' | 'planned' {
  const { account, blob } = plan.storage;
  if (code === 'CAP-3310') {
    if (!where.endsWith(`/${blob}`)) return 'planned';
    return account.owned ? 'account' : 'copy';
  }
  const resource = plan.resources.find(({ id }) => id.toLowerCase() === where.toLowerCase());
  if (resource === undefined) return 'planned';
  if (imageKinds.has(resource.kind)) return 'image';
  return resource.kind === 'storageAccount' && resource.owned && plan.storage.network === undefined
    ? 'account'
    : 'none';
}

/** The numbers from which the next plan looks for room. */
export function sharesAfter(shares: Shares, full: keyof Shares): Shares {
  return { ...shares, [full]: (shares[full] ?? 0) + 1 };
}

/** Resources of a plan that have another id in the next one. */
export function movedResources(before: ClusterPlan, after: ClusterPlan): readonly PlannedResource[] {
  const ids = new Map(before.resources.map(({ key, id }) => [key, id]));
  return after.resources.filter(({ key, id }) => ids.has(key) && ids.get(key) !== id);
}

/** Inventory keys of what the cluster leaves because it moved on; the rest of the key is a hash of the id. */
export const leftPrefix = 'left-';
