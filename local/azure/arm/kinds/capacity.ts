import { findSize, type Restriction, SEEDED_RESTRICTIONS, SIZES, type Size, zonesOf } from '../catalogue/sizes.ts';
import { ArmError } from '../engine/errors.ts';
import { at, type JsonObject, number, object, strings, text } from '../engine/json.ts';
import type { World } from '../engine/model.ts';
import type { Resource } from '../engine/store.ts';
import { locationOf, normalLocation } from '../engine/view.ts';

const MACHINES = 'Microsoft.Compute/virtualMachines';
const SCALE_SETS = 'Microsoft.Compute/virtualMachineScaleSets';

/** Limits of a fresh subscription; `POST /_simulator/faults` with `quota` changes them. */
const DEFAULT_FAMILY_LIMIT = 2000;
const DEFAULT_REGIONAL_LIMIT = 4000;

/** The restrictions in force: the seeded ones and those set through the control door. */
export function restrictions(world: World): readonly Restriction[] {
  const added = world.store.setting('restrictions');
  return [...SEEDED_RESTRICTIONS, ...((Array.isArray(added) ? added : []) as unknown as readonly Restriction[])];
}

function limitOf(world: World, location: string, family: string): number {
  const set = number(object(object(world.store.setting('quotas'))[location])[family.toLowerCase()]);
  return set ?? (family === 'cores' ? DEFAULT_REGIONAL_LIMIT : DEFAULT_FAMILY_LIMIT);
}

/** Cores in use in a region, by lower-case family and in all (`cores`); stopped machines count too. */
export function coresInUse(world: World, location: string, subscription: string, except = ''): Map<string, number> {
  const used = new Map<string, number>([
    ['cores', 0],
    ['machines', 0],
    ['scalesets', 0],
  ]);
  const add = (name: string, amount: number) => used.set(name, (used.get(name) ?? 0) + amount);
  for (const machine of world.store.ofType(MACHINES)) {
    if (
      machine.key === except ||
      locationOf(machine) !== location ||
      !machine.key.startsWith(`/subscriptions/${subscription}/`)
    )
      continue;
    const size = findSize(text(at(machine.body, 'properties', 'hardwareProfile', 'vmSize')) ?? '');
    add('machines', 1);
    if (size === undefined) continue;
    add('cores', size.cores);
    add(size.family.toLowerCase(), size.cores);
  }
  for (const set of world.store.ofType(SCALE_SETS)) {
    if (locationOf(set) !== location || !set.key.startsWith(`/subscriptions/${subscription}/`)) continue;
    const size = findSize(text(at(set.body, 'sku', 'name')) ?? '');
    const count = number(at(set.body, 'sku', 'capacity')) ?? 0;
    add('scalesets', 1);
    add('cores', (size?.cores ?? 0) * count);
    add(size?.family.toLowerCase() ?? '', (size?.cores ?? 0) * count);
  }
  return used;
}

/** The quota that has no room for so many more cores of a size, undefined when there is room. */
export function checkFamilyQuota(
  world: World,
  size: Size,
  cores: number,
  location: string,
  subscription: string,
): { readonly family: string; readonly remaining: number } | undefined {
  const used = coresInUse(world, location, subscription);
  for (const family of [size.family, 'cores']) {
    const remaining = limitOf(world, location, family) - (used.get(family.toLowerCase()) ?? 0);
    if (cores > remaining) return { family, remaining };
  }
  return undefined;
}

/** Refuses a size that the subscription may not use there: 409 SkuNotAvailable. */
export function checkRestrictions(
  world: World,
  size: Size,
  location: string,
  zone: string | undefined,
  id: string,
  subscription: string,
): void {
  const hit = restrictions(world).some(
    (restriction) =>
      restriction.name.toLowerCase() === size.name.toLowerCase() &&
      normalLocation(restriction.location) === location &&
      (restriction.zones === undefined || (zone !== undefined && restriction.zones.includes(zone))),
  );
  if (!hit) return;
  throw new ArmError(
    409,
    'SkuNotAvailable',
    `The requested size for resource '${id}' is currently not available in location '${location}' zones '${zone ?? ''}' for subscription '${subscription}'. Please try another size or deploy to a different location or zones. See https://aka.ms/azureskunotavailable for details.`,
  );
}

/** Refuses what exceeds the quota: 409 OperationNotAllowed with limit, usage and what would be needed. */
export function checkQuota(world: World, size: Size, location: string, subscription: string, except: string): void {
  const used = coresInUse(world, location, subscription, except);
  for (const [name, title] of [
    [size.family, `${size.family} Cores`],
    ['cores', 'Total Regional Cores'],
  ] as const) {
    const limit = limitOf(world, location, name);
    const current = used.get(name.toLowerCase()) ?? 0;
    if (current + size.cores <= limit) continue;
    throw new ArmError(
      409,
      'OperationNotAllowed',
      `Operation could not be completed as it results in exceeding approved ${title} quota. Additional details - Deployment Model: Resource Manager, Location: ${location}, Current Limit: ${limit}, Current Usage: ${current}, Additional Required: ${size.cores}, (Minimum) New Limit Required: ${current + size.cores}. Setup Alerts when Quota reaches threshold. Learn more at https://aka.ms/quotamonitoringalerting . Submit a request for Quota increase at https://aka.ms/ProdportalCRP/#blade/Microsoft_Azure_Capacity/UsageAndQuota.ReactView by specifying parameters listed in the 'Details' section for deployment to succeed. Please read more about quota limits at https://docs.microsoft.com/en-us/azure/azure-supportability/per-vm-quota-requests`,
    );
  }
}

/** Compute usages of a region. */
export function computeUsages(world: World, location: string, subscription: string): JsonObject[] {
  const used = coresInUse(world, location, subscription);
  const usage = (value: string, localizedValue: string, currentValue: number, limit: number): JsonObject => ({
    limit,
    unit: 'Count',
    currentValue,
    name: { value, localizedValue },
  });
  const families = [...new Set(SIZES.map((size) => size.family))];
  let sets = 0;
  for (const set of world.store.ofType('Microsoft.Compute/availabilitySets'))
    if (locationOf(set) === location) sets += 1;
  return [
    usage('availabilitySets', 'Availability Sets', sets, 2500),
    usage('cores', 'Total Regional vCPUs', used.get('cores') ?? 0, limitOf(world, location, 'cores')),
    usage('virtualMachines', 'Virtual Machines', used.get('machines') ?? 0, 25_000),
    usage('virtualMachineScaleSets', 'Virtual Machine Scale Sets', used.get('scalesets') ?? 0, 2500),
    ...families.map((family) =>
      usage(
        family,
        `${family.replace(/^standard/u, 'Standard ')} vCPUs`,
        used.get(family.toLowerCase()) ?? 0,
        limitOf(world, location, family),
      ),
    ),
  ];
}

/** Regions whose availability sets of managed disks have three fault domains; the others have two. */
const threeFaultDomains = new Set([
  'canadacentral',
  'centralus',
  'eastus',
  'eastus2',
  'northcentralus',
  'northeurope',
  'southcentralus',
  'westeurope',
  'westus',
]);

/** The catalogue of one region in the form of `Microsoft.Compute/skus`. */
export function skusOf(world: World, location: string): JsonObject[] {
  return [...availabilitySetSkus(location), ...sizeSkus(world, location)];
}

/** Availability sets: `Classic` has its disks in accounts, `Aligned` managed ones. */
function availabilitySetSkus(location: string): JsonObject[] {
  return ['Classic', 'Aligned'].map((name) => ({
    resourceType: 'availabilitySets',
    name,
    locations: [location],
    locationInfo: [{ location, zones: [] }],
    capabilities: [
      {
        name: 'MaximumPlatformFaultDomainCount',
        value: name === 'Classic' || threeFaultDomains.has(location) ? '3' : '2',
      },
    ],
    restrictions: [],
  }));
}

function sizeSkus(world: World, location: string): JsonObject[] {
  const zones = zonesOf(location);
  const all = restrictions(world);
  return SIZES.map((size) => {
    const own = all.filter(
      (item) => item.name.toLowerCase() === size.name.toLowerCase() && normalLocation(item.location) === location,
    );
    return {
      resourceType: 'virtualMachines',
      name: size.name,
      tier: 'Standard',
      size: size.size,
      family: size.family,
      locations: [location],
      locationInfo: [{ location, zones: [...zones], zoneDetails: [] }],
      capabilities: [
        { name: 'vCPUs', value: String(size.cores) },
        { name: 'vCPUsAvailable', value: String(size.cores) },
        { name: 'MemoryGB', value: String(size.memoryGiB) },
        { name: 'MaxDataDiskCount', value: String(size.maxDataDisks) },
        { name: 'CpuArchitectureType', value: 'x64' },
        { name: 'HyperVGenerations', value: size.generations },
        { name: 'PremiumIO', value: size.premium ? 'True' : 'False' },
        { name: 'AcceleratedNetworkingEnabled', value: 'True' },
        { name: 'EphemeralOSDiskSupported', value: 'False' },
        { name: 'EncryptionAtHostSupported', value: 'True' },
        { name: 'MaxNetworkInterfaces', value: '2' },
      ],
      restrictions: own.map((item) => ({
        type: item.zones === undefined ? 'Location' : 'Zone',
        values: [location],
        restrictionInfo: { locations: [location], ...(item.zones === undefined ? {} : { zones: [...item.zones] }) },
        reasonCode: 'NotAvailableForSubscription',
      })),
    };
  });
}

/** Places that have no room for a size, set through `POST /_simulator/faults` with `capacity`. */
export interface NoCapacity {
  readonly size: string;
  readonly location: string;
  readonly zones?: readonly string[] | undefined;
}

/** The error with which the create of a machine ends where there is no room (quotedErrors.json; azure-behaviour.md §6). */
export function allocationFailure(world: World, machine: Resource): JsonObject | undefined {
  const full = world.store.setting('noCapacity');
  const entries = (Array.isArray(full) ? full : []) as unknown as readonly NoCapacity[];
  const size = text(at(machine.body, 'properties', 'hardwareProfile', 'vmSize'))?.toLowerCase();
  const [zone] = strings(machine.body['zones']);
  const hit = entries.find(
    (entry) =>
      entry.size.toLowerCase() === size &&
      normalLocation(entry.location) === locationOf(machine) &&
      (entry.zones === undefined || (zone !== undefined && entry.zones.includes(zone))),
  );
  if (hit === undefined) return undefined;
  return zone === undefined
    ? {
        code: 'AllocationFailed',
        message:
          'Allocation failed. We do not have sufficient capacity for the requested VM size in this region. Read more about improving likelihood of allocation success at https://aka.ms/allocation-guidance',
      }
    : {
        code: 'ZonalAllocationFailed',
        message:
          'Allocation failed. We do not have sufficient capacity for the requested VM size in this zone. Read more about improving likelihood of allocation success at https://aka.ms/allocation-guidance',
      };
}
