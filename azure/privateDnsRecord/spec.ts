import type { GenericResource } from '@azure/arm-resources';
import type { SpecInput } from '../resource/kind.ts';
import { reconcile } from '../resource/reconcile.ts';

/** The address of a private API server under its name. */
export function privateDnsRecordSpec(
  { plan }: SpecInput,
  existing: GenericResource | undefined,
): GenericResource | undefined {
  const { private: inside } = plan.network.api;
  return reconcile(existing, { properties: { ttl: 300, aRecords: [{ ipv4Address: inside?.address ?? '' }] } });
}
