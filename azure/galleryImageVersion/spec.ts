import type { GalleryImageVersion } from '@azure/arm-compute';
import { copiedBlobUrl } from '../image/spec.ts';
import type { SpecInput } from '../resource/kind.ts';
import { sharedTags } from '../resource/ownership.ts';
import { createOnce } from '../resource/reconcile.ts';

/** The version made from the copied VHD, replicated to the region of the cluster. */
export function galleryImageVersionSpec(
  input: SpecInput,
  existing: GalleryImageVersion | undefined,
): GalleryImageVersion | undefined {
  const { plan } = input;
  return createOnce(existing, {
    location: plan.azure.location,
    tags: sharedTags(plan.name, plan.tags),
    publishingProfile: { targetRegions: [{ name: plan.azure.location, regionalReplicaCount: 1 }] },
    storageProfile: {
      osDiskImage: {
        source:
          plan.image.disk === undefined
            ? { storageAccountId: plan.storage.account.id, uri: copiedBlobUrl(input) }
            : { id: plan.image.disk.id },
      },
    },
  });
}
