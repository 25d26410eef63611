import type { Image } from '@azure/arm-compute';
import { blobUrl } from '../clients/cloud.ts';
import type { SpecInput } from '../resource/kind.ts';
import { sharedTags } from '../resource/ownership.ts';
import { createOnce } from '../resource/reconcile.ts';

/** Address of the copied VHD. */
export function copiedBlobUrl(input: Pick<SpecInput, 'plan' | 'cloud'>): string {
  const { account, container, blob } = input.plan.storage;
  return blobUrl(input.cloud, account.name, container.name, blob);
}

/**
 * The managed image made from the copied VHD. Its name holds a hash of the source and its ETag, so one that exists is
 * the right one and is used again. A VHD does not tell its generation: 1 unless the plan says otherwise.
 */
export function imageSpec(input: SpecInput, existing: Image | undefined): Image | undefined {
  const { plan, resource } = input;
  return createOnce(existing, {
    location: plan.azure.location,
    tags: sharedTags(plan.name, plan.tags),
    hyperVGeneration: resource.detail?.['hyperVGeneration'] ?? 'V1',
    storageProfile: {
      osDisk: {
        osType: 'Linux',
        osState: 'Generalized',
        ...(plan.image.disk === undefined
          ? { blobUri: copiedBlobUrl(input) }
          : { managedDisk: { id: plan.image.disk.id } }),
        caching: 'ReadWrite',
        storageAccountType: 'Standard_LRS',
      },
      zoneResilient: false,
    },
  });
}
