import { LOCATIONS } from '../catalogue/locations.ts';
import { requireGroup } from '../engine/conditions.ts';
import { requireResource } from '../engine/crud.ts';
import { ArmError, jsonReply } from '../engine/errors.ts';
import { parseResourceId } from '../engine/ids.ts';
import { type JsonObject, number, object } from '../engine/json.ts';
import type { World } from '../engine/model.ts';
import { pageReply } from '../engine/paging.ts';
import { locationOf, normalLocation, wireOf } from '../engine/view.ts';
import { computeUsages, skusOf } from './capacity.ts';
import { type Handlers, subscriptionIn } from './handlers.ts';
import { instanceView } from './machinePower.ts';
import { isLabelFree } from './publicAddresses.ts';
import { virtualMachines } from './virtualMachines.ts';
import { virtualNetworks } from './virtualNetworks.ts';
import { addressAvailability } from './addresses.ts';

/** Region in a `locations/{location}` address; 400 when Azure has no such region. */
function regionIn(names: readonly string[]): string {
  const location = normalLocation(names[0] ?? '');
  if (LOCATIONS.some((known) => known.name === location)) return location;
  throw new ArmError(
    400,
    'NoRegisteredProviderFound',
    `No registered resource provider found for location '${names[0] ?? ''}'.`,
    { cause: 'gateway' },
  );
}

/** [name in usages, title, type, default limit] of Microsoft.Network. */
const NETWORK_USAGES = [
  ['VirtualNetworks', 'Virtual Networks', 'Microsoft.Network/virtualNetworks', 1000],
  ['StaticPublicIPAddresses', 'Static Public IP Addresses', 'Microsoft.Network/publicIPAddresses', 1000],
  ['PublicIPAddresses', 'Public IP Addresses', 'Microsoft.Network/publicIPAddresses', 1000],
  ['StandardSkuPublicIpAddresses', 'Public IPv4 Addresses - Standard', 'Microsoft.Network/publicIPAddresses', 1000],
  ['NetworkSecurityGroups', 'Network Security Groups', 'Microsoft.Network/networkSecurityGroups', 5000],
  ['LoadBalancers', 'Load Balancers', 'Microsoft.Network/loadBalancers', 1000],
  ['StandardSkuLoadBalancers', 'Standard Sku Load Balancers', 'Microsoft.Network/loadBalancers', 1000],
  ['NetworkInterfaces', 'Network Interfaces', 'Microsoft.Network/networkInterfaces', 65_536],
  ['RouteTables', 'Route Tables', 'Microsoft.Network/routeTables', 200],
  ['NatGateways', 'Nat Gateways', 'Microsoft.Network/natGateways', 1000],
] as const;

function networkUsages(world: World, location: string, subscription: string): JsonObject[] {
  const limits = object(object(world.store.setting('quotas'))[location]);
  return NETWORK_USAGES.map(([value, localizedValue, type, limit]) => {
    return {
      currentValue: world.store.count(type, subscription, location),
      id: `/subscriptions/${subscription}/providers/Microsoft.Network/locations/${location}/usages/${value}`,
      limit: number(limits[value.toLowerCase()]) ?? limit,
      name: { localizedValue, value },
      unit: 'Count',
    };
  });
}

/** Refuses a public address, network or load balancer beyond its limit. */
export function checkNetworkQuota(world: World, type: string, location: string, subscription: string): void {
  const limits = object(object(world.store.setting('quotas'))[location]);
  for (const [value, title, counted, fallback] of NETWORK_USAGES) {
    if (counted !== type) continue;
    const limit = number(limits[value.toLowerCase()]) ?? fallback;
    if (world.store.count(type, subscription, location) < limit) continue;
    const code = type.endsWith('publicIPAddresses')
      ? 'PublicIPCountLimitReached'
      : `${value.replace(/s$/u, '')}CountLimitReached`;
    throw new ArmError(
      400,
      code,
      `Cannot create more than ${limit} ${title.toLowerCase()} for this subscription in this region.`,
      { details: [] },
    );
  }
}

const VM = '/subscriptions/{}/resourcegroups/{}/providers/microsoft.compute/virtualmachines/{}';

const NETWORK = '/subscriptions/{}/resourcegroups/{}/providers/microsoft.network/virtualnetworks/{}';

export const catalogueHandlers: Handlers = {
  [`GET ${NETWORK}/checkipaddressavailability`](world, call, address) {
    const id = parseResourceId(address.path.replace(/\/checkipaddressavailability$/iu, ''));
    if (id === undefined)
      throw new ArmError(400, 'InvalidResourceId', `'${address.path}' is not an address of a virtual network.`);
    requireGroup(world, id, false);
    const network = requireResource(world, virtualNetworks, id);
    return jsonReply(200, addressAvailability(world, network, call.request.query.get('ipAddress') ?? ''));
  },
  'GET /subscriptions/{}/providers/microsoft.compute/skus'(world, call) {
    const filter = call.request.query.get('$filter') ?? '';
    const location = /^location eq '(?<name>[^']+)'$/iu.exec(filter.trim())?.groups?.['name'];
    if (filter !== '' && location === undefined) {
      throw new ArmError(
        400,
        'InvalidFilterInQueryString',
        `Invalid $filter '${filter}': only "location eq '<region>'" is supported.`,
        { cause: 'gateway' },
      );
    }
    const regions = location === undefined ? LOCATIONS.map((known) => known.name) : [normalLocation(location)];
    return jsonReply(200, {
      value: regions
        .filter((name) => LOCATIONS.some((known) => known.name === name))
        .flatMap((name) => skusOf(world, name)),
    });
  },
  'GET /subscriptions/{}/providers/microsoft.compute/locations/{}/usages': (world, _call, address) =>
    jsonReply(200, { value: computeUsages(world, regionIn(address.names), subscriptionIn(address)) }),
  'GET /subscriptions/{}/providers/microsoft.compute/locations/{}/virtualmachines'(world, call, address) {
    const location = regionIn(address.names);
    const machines = [...world.store.ofType(virtualMachines.type)].filter(
      (machine) => locationOf(machine) === location,
    );
    return pageReply(
      world,
      call.request,
      machines.map((machine) => wireOf(world, machine)),
    );
  },
  'GET /subscriptions/{}/providers/microsoft.network/locations/{}/usages': (world, _call, address) =>
    jsonReply(200, { value: networkUsages(world, regionIn(address.names), subscriptionIn(address)) }),
  'GET /subscriptions/{}/providers/microsoft.network/locations/{}/checkdnsnameavailability'(world, call, address) {
    const label = call.request.query.get('domainNameLabel') ?? '';
    return jsonReply(200, { available: isLabelFree(world, label, regionIn(address.names)) });
  },
  'GET /subscriptions/{}/providers/microsoft.storage/locations/{}/usages'(world, _call, address) {
    const location = regionIn(address.names);
    const accounts = [...world.store.ofType('Microsoft.Storage/storageAccounts')].filter(
      (account) => locationOf(account) === location,
    );
    return jsonReply(200, {
      value: [
        {
          unit: 'Count',
          currentValue: accounts.length,
          limit: 250,
          name: { value: 'StorageAccounts', localizedValue: 'Storage Accounts' },
        },
      ],
    });
  },
  [`GET ${VM}/instanceview`](world, _call, address) {
    const id = parseResourceId(address.path.replace(/\/instanceView$/iu, ''));
    if (id === undefined)
      throw new ArmError(400, 'InvalidResourceId', `'${address.path}' is not an address of a virtual machine.`);
    requireGroup(world, id, false);
    return jsonReply(200, instanceView(world, requireResource(world, virtualMachines, id)));
  },
};
