import type { GenericResource } from '@azure/arm-resources';
import type { SpecInput } from '../resource/kind.ts';
import { sharedTags } from '../resource/ownership.ts';
import { createOnce } from '../resource/reconcile.ts';

/** The zone in which private endpoints of storage accounts are found; shared by the clusters of a group. */
export function privateDnsZoneSpec(
  { plan }: SpecInput,
  existing: GenericResource | undefined,
): GenericResource | undefined {
  return createOnce(existing, { location: 'global', tags: sharedTags(plan.name, plan.tags) });
}
