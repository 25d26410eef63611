import type { BlobContainer } from '@azure/arm-storage';
import type { SpecInput } from '../resource/kind.ts';
import { createOnce } from '../resource/reconcile.ts';

/** The container of the base image; never public. */
export function blobContainerSpec(_: SpecInput, existing: BlobContainer | undefined): BlobContainer | undefined {
  return createOnce(existing, { publicAccess: 'None' });
}
