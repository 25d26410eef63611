import type { ResourceSku } from '@azure/arm-compute';
import type { AzureFacts } from '#domain/plan/types.ts';
import { call } from '../clients/capture.ts';
import type { Clients } from '../clients/clients.ts';
import { collect } from '../clients/collect.ts';
import { need } from '../halt.ts';

type SizeFacts = AzureFacts['vmSizes'][string];

/** VM sizes of a region, by name in lower case, and the zones that any of them has. */
export interface SkuCatalogue {
  readonly zones: readonly string[];
  /** Most fault domains that an availability set of managed disks can have here; undefined: Azure does not say. */
  readonly faultDomains: number | undefined;
  readonly sizes: ReadonlyMap<string, SizeFacts>;
}

function capability(sku: ResourceSku, name: string): number {
  return Number(sku.capabilities?.find((entry) => entry.name === name)?.value ?? 0);
}

function hasCapability(sku: ResourceSku, name: string): boolean {
  return sku.capabilities?.find((entry) => entry.name === name)?.value?.toLowerCase() === 'true';
}

function sameLocation(a: string | undefined, b: string): boolean {
  return (a ?? '').toLowerCase().replaceAll(' ', '') === b.toLowerCase();
}

function zonesOf(sku: ResourceSku, location: string): readonly string[] {
  return sku.locationInfo?.find((info) => sameLocation(info.location, location))?.zones ?? [];
}

/**
 * Reduces the list of resourceSkus to what matters: zones are those of the location minus restrictions of type Zone; a
 * restriction of type Location makes a size unusable (azure-behaviour.md §6, SKU and zones). Pure.
 */
export function skuCatalogue(skus: readonly ResourceSku[], location: string): SkuCatalogue {
  const machines = skus.filter((sku) => sku.resourceType === 'virtualMachines' && sku.name !== undefined);
  const sizes = new Map<string, SizeFacts>();
  const all = new Set<string>();
  for (const sku of machines) {
    const offered = zonesOf(sku, location);
    for (const zone of offered) all.add(zone);
    const restrictions = sku.restrictions ?? [];
    const closed = restrictions.find((restriction) => restriction.type === 'Location');
    const without = new Set(
      restrictions
        .filter((restriction) => restriction.type === 'Zone')
        .flatMap((restriction) => restriction.restrictionInfo?.zones ?? []),
    );
    sizes.set((sku.name ?? '').toLowerCase(), {
      family: sku.family ?? '',
      cores: capability(sku, 'vCPUs'),
      memoryGiB: capability(sku, 'MemoryGB'),
      ...(hasCapability(sku, 'AcceleratedNetworkingEnabled') ? { acceleratedNetworking: true } : {}),
      zones: offered.filter((zone) => !without.has(zone)).sort(),
      ...(closed === undefined ? {} : { unavailable: closed.reasonCode ?? 'NotAvailableForSubscription' }),
    });
  }
  const aligned = skus.find((sku) => sku.resourceType === 'availabilitySets' && sku.name === 'Aligned');
  const faultDomains = aligned === undefined ? 0 : capability(aligned, 'MaximumPlatformFaultDomainCount');
  return { zones: [...all].sort(), faultDomains: faultDomains > 0 ? faultDomains : undefined, sizes };
}

/** The list is several MiB and changes rarely; Azure asks to keep it for hours (azure-behaviour.md §6). */
const keepMs = 60 * 60_000;
const kept = new WeakMap<Clients, Map<string, { readonly until: number; readonly catalogue: SkuCatalogue }>>();

/** Reads the catalogue of a region, at most once an hour. */
export async function readSkus(clients: Clients, location: string, fresh: boolean): Promise<SkuCatalogue> {
  const known = kept.get(clients) ?? new Map<string, { readonly until: number; readonly catalogue: SkuCatalogue }>();
  kept.set(clients, known);
  const old = known.get(location);
  if (!fresh && old !== undefined && old.until > Date.now()) return old.catalogue;
  const { resourceSkus } = await clients.compute();
  const listed = await call(() => collect(resourceSkus.list({ filter: `location eq '${location}'` })));
  const catalogue = skuCatalogue(need(listed, location, 'list the VM sizes of the region'), location);
  known.set(location, { until: Date.now() + keepMs, catalogue });
  return catalogue;
}
