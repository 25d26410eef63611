import type { Gallery } from '@azure/arm-compute';
import type { SpecInput } from '../resource/kind.ts';
import { sharedTags } from '../resource/ownership.ts';
import { createOnce } from '../resource/reconcile.ts';

/** The gallery for images made by Capstan, shared by the clusters of a group. */
export function gallerySpec(input: SpecInput, existing: Gallery | undefined): Gallery | undefined {
  const { plan } = input;
  return createOnce(existing, {
    location: plan.azure.location,
    tags: sharedTags(plan.name, plan.tags),
    description: 'Node images of Capstan clusters',
  });
}
