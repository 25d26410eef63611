import type { AvailabilitySet } from '@azure/arm-compute';
import type { SpecInput } from '../resource/kind.ts';
import { common, createOnce } from '../resource/reconcile.ts';

/** Fault domains every region has for managed disks. */
const fewestFaultDomains = 2;

/**
 * Where the control plane stands in regions without zones, as CAPZ would make it: over all fault domains of the region,
 * with the role `common` (cluster-api-pivot.md §4; cluster-api-provider-azure, availabilitysets/spec.go).
 */
export function availabilitySetSpec(
  input: SpecInput,
  existing: AvailabilitySet | undefined,
): AvailabilitySet | undefined {
  return createOnce(existing, {
    ...common(input, { role: 'common', machine: true }),
    sku: { name: 'Aligned' },
    platformFaultDomainCount: input.plan.controlPlane.faultDomains ?? fewestFaultDomains,
    platformUpdateDomainCount: 5,
  });
}
