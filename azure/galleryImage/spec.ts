import type { GalleryImage } from '@azure/arm-compute';
import type { SpecInput } from '../resource/kind.ts';
import { sharedTags } from '../resource/ownership.ts';
import { createOnce } from '../resource/reconcile.ts';

/** The image definition that versions are put under. */
export function galleryImageSpec(input: SpecInput, existing: GalleryImage | undefined): GalleryImage | undefined {
  const { plan, resource } = input;
  return createOnce(existing, {
    location: plan.azure.location,
    tags: sharedTags(plan.name, plan.tags),
    osType: 'Linux',
    osState: 'Generalized',
    hyperVGeneration: resource.detail?.['hyperVGeneration'] ?? 'V1',
    identifier: { publisher: 'capstan', offer: 'kubernetes', sku: resource.name },
  });
}
