import type { PublicIPAddress } from '@azure/arm-network';
import type { SpecInput } from '../resource/kind.ts';
import { common, reconcile } from '../resource/reconcile.ts';
import type { ResourceOutputs } from '../types.ts';

/** A static Standard address over all zones of the region; the API server's carries the DNS label of the cluster. */
export function publicIPAddressSpec(
  input: SpecInput,
  existing: PublicIPAddress | undefined,
): PublicIPAddress | undefined {
  const { plan, resource } = input;
  const { api } = plan.network;
  const named: PublicIPAddress = {
    ...common(input),
    ...(resource.name === api.publicIp ? { dnsSettings: { domainNameLabel: api.dnsLabel } } : {}),
  };
  // Sku, zones and allocation cannot change later.
  if (existing !== undefined) return reconcile(existing, named);
  return {
    ...named,
    sku: { name: 'Standard' },
    publicIPAllocationMethod: 'Static',
    publicIPAddressVersion: 'IPv4',
    ...(plan.regionZones.length === 0 ? {} : { zones: [...plan.regionZones] }),
  };
}

export function publicIPAddressOutputs(body: PublicIPAddress): ResourceOutputs {
  const { ipAddress, dnsSettings } = body;
  return {
    ...(ipAddress === undefined ? {} : { ipAddress }),
    ...(dnsSettings?.fqdn === undefined ? {} : { fqdn: dnsSettings.fqdn }),
  };
}
