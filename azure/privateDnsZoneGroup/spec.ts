import type { PrivateDnsZoneGroup } from '@azure/arm-network';
import type { SpecInput } from '../resource/kind.ts';
import { createOnce } from '../resource/reconcile.ts';

/** Keeps the record of the private endpoint in the zone as long as the endpoint lives. */
export function privateDnsZoneGroupSpec(
  { resource }: SpecInput,
  existing: PrivateDnsZoneGroup | undefined,
): PrivateDnsZoneGroup | undefined {
  const privateDnsZoneId = resource.detail?.['zoneId'] ?? '';
  return createOnce(existing, { privateDnsZoneConfigs: [{ name: 'blob', privateDnsZoneId }] });
}
