import type { Disk } from '@azure/arm-compute';
import type { SpecInput } from '../resource/kind.ts';
import { sharedTags } from '../resource/ownership.ts';
import { createOnce } from '../resource/reconcile.ts';

/** A disk for direct upload: as large as the VHD with its footer. */
export function imageDiskSpec({ plan }: SpecInput, existing: Disk | undefined): Disk | undefined {
  return createOnce(existing, {
    location: plan.azure.location,
    tags: sharedTags(plan.name, plan.tags),
    sku: { name: 'Standard_LRS' },
    osType: 'Linux',
    hyperVGeneration: 'V1',
    creationData: { createOption: 'Upload', uploadSizeBytes: plan.image.disk?.sizeBytes ?? 0 },
  });
}
