import type { AvailabilitySet } from '@azure/arm-compute';
import type { SpecInput } from '../resource/kind.ts';
import { common, createOnce } from '../resource/reconcile.ts';

/** Fault domains every region has for managed disks. */
const faultDomains = 2;

/** Where the control plane stands in regions without zones (cluster-api-pivot.md §4). */
export function availabilitySetSpec(
  input: SpecInput,
  existing: AvailabilitySet | undefined,
): AvailabilitySet | undefined {
  return createOnce(existing, {
    ...common(input),
    sku: { name: 'Aligned' },
    platformFaultDomainCount: faultDomains,
    platformUpdateDomainCount: 5,
  });
}
