import { NETWORK_UPDATE_AT_ONCE, networkCreate, networkDelete, networkUpdate } from '../catalogue/profiles.ts';
import { ArmError } from '../engine/errors.ts';
import { at, type JsonObject, number, object, text } from '../engine/json.ts';
import type { Kind, World } from '../engine/model.ts';
import type { Resource } from '../engine/store.ts';
import { locationOf, withProperties } from '../engine/view.ts';
import { toAddress, toNumber } from './addresses.ts';
import {
  checkZones,
  envelope,
  networkName,
  references,
  resourceGuid,
  standardSku,
  usersOf,
  without,
} from './common.ts';

const TYPE = 'Microsoft.Network/publicIPAddresses';

/** Public name of an address with a DNS label. */
function fqdnOf(label: string, location: string): string {
  return `${label.toLowerCase()}.${location}.cloudapp.azure.com`;
}

/** Keys of the public addresses that have a public name. */
function holdersOf(world: World, fqdn: string): string[] {
  return [...world.store.ofType(TYPE)]
    .filter((address) => text(at(address.body, 'properties', 'dnsSettings', 'fqdn')) === fqdn)
    .map((address) => address.key);
}

/** Whether nobody has a DNS label in a region. */
export function isLabelFree(world: World, label: string, location: string): boolean {
  return holdersOf(world, fqdnOf(label, location)).length === 0;
}

function dnsSettings(world: World, id: string, location: string, value: JsonObject): JsonObject {
  const label = text(value['domainNameLabel']);
  if (label === undefined) return value;
  if (!/^[a-z][a-z0-9-]{1,61}[a-z0-9]$/u.test(label)) {
    throw new ArmError(
      400,
      'InvalidDomainNameLabel',
      `The domain name label ${label} is invalid. It must conform to the following regular expression: ^[a-z][a-z0-9-]{1,61}[a-z0-9]$.`,
      { details: [] },
    );
  }
  const fqdn = fqdnOf(label, location);
  if (holdersOf(world, fqdn).some((key) => key !== id.toLowerCase())) {
    throw new ArmError(400, 'DnsRecordInUse', `DNS record ${fqdn} is already used by another public IP.`, {
      details: [],
    });
  }
  return { ...value, domainNameLabel: label, fqdn };
}

/** The next public address: 20.0.0.4 upwards, never given out twice. */
function nextAddress(world: World): string {
  const last = number(world.store.setting('lastPublicAddress')) ?? toNumber('20.0.0.3');
  world.store.putSetting('lastPublicAddress', last + 1);
  return toAddress(last + 1);
}

/** Microsoft.Network/publicIPAddresses. The address itself appears when the operation has ended. */
export const publicIPAddresses: Kind = {
  type: TYPE,
  label: 'PublicIpAddress',
  tracked: true,
  etags: true,
  states: true,
  create: networkCreate(1, 3),
  update: networkUpdate(1, 2),
  delete: networkDelete(10, 11),
  checkName: networkName,
  prepare(world, request) {
    const sku = standardSku({
      sku: { name: 'Basic', ...object(request.existing?.body['sku']), ...object(request.body['sku']) },
    });
    if (sku['name'] !== 'Standard' && sku['name'] !== 'StandardV2') {
      throw new ArmError(
        400,
        'IPv4BasicSkuPublicIpCountLimitReached',
        'Cannot create more than 0 IPv4 Basic SKU public IP addresses for this subscription in this region.',
        { details: [] },
      );
    }
    if (request.properties['publicIPAllocationMethod'] !== 'Static') {
      throw new ArmError(
        400,
        'StandardSkuPublicIPAddressesMustBeStatic',
        `Standard sku publicIp ${request.id.id} must have AllocationMethod set to Static.`,
        { details: [] },
      );
    }
    checkZones(request.body['zones'], request.location, TYPE, request.name);
    const dns = request.properties['dnsSettings'];
    const before = object(request.existing?.body['properties']);
    return {
      body: {
        ...envelope(request.body),
        sku,
        properties: {
          publicIPAddressVersion: 'IPv4',
          idleTimeoutInMinutes: 4,
          ipTags: [],
          ddosSettings: { protectionMode: 'VirtualNetworkInherited' },
          ...without(request.properties, 'ipConfiguration', 'natGateway', 'ipAddress'),
          resourceGuid: resourceGuid(world, request.existing),
          ...(dns === undefined
            ? {}
            : { dnsSettings: dnsSettings(world, request.id.id, request.location, object(dns)) }),
          ...(before['ipAddress'] === undefined ? {} : { ipAddress: before['ipAddress'] }),
        },
      },
    };
  },
  ready(world, resource) {
    const properties = object(resource.body['properties']);
    if (properties['ipAddress'] !== undefined) return;
    world.store.put({
      ...resource,
      body: { ...resource.body, properties: { ...properties, ipAddress: nextAddress(world) } },
    });
  },
  view(world, resource, wire) {
    const user = usersOf(world, resource.id)[0];
    if (user === undefined) return wire;
    return withProperties(
      wire,
      /\/natGateways\//iu.test(user) ? { natGateway: { id: user } } : { ipConfiguration: { id: user } },
    );
  },
  deletable(world, resource) {
    const user = usersOf(world, resource.id)[0];
    if (user === undefined) return;
    throw new ArmError(
      400,
      'PublicIPAddressCannotBeDeleted',
      `Public IP address ${resource.id} can not be deleted since it is still allocated to resource ${user}. In order to delete the public IP, disassociate/detach the Public IP address from the resource. To learn how to do this, see aka.ms/deletepublicip.`,
      { details: [] },
    );
  },
};

/** The public IP address resource behind a public name, undefined when nobody has the name. */
export function publicAddressNamed(world: World, fqdn: string): Resource | undefined {
  const wanted = fqdn.toLowerCase();
  for (const resource of world.store.ofType(TYPE)) {
    if (text(at(resource.body, 'properties', 'dnsSettings', 'fqdn')) === wanted && locationOf(resource) !== '')
      return resource;
  }
  return undefined;
}

/** Microsoft.Network/natGateways. */
export const natGateways: Kind = {
  type: 'Microsoft.Network/natGateways',
  label: 'NatGateway',
  tracked: true,
  etags: true,
  states: true,
  create: networkCreate(10, 13.5),
  update: NETWORK_UPDATE_AT_ONCE,
  delete: networkDelete(10, 10),
  checkName: networkName,
  prepare(world, request) {
    checkZones(request.body['zones'], request.location, 'Microsoft.Network/natGateways', request.name);
    return {
      body: {
        ...envelope(request.body),
        sku: standardSku(request.body),
        properties: {
          idleTimeoutInMinutes: 4,
          scope: 'Public',
          privateIPAddresses: [],
          privateIPAddressesV6: [],
          ...without(request.properties, 'subnets'),
          resourceGuid: resourceGuid(world, request.existing),
        },
      },
    };
  },
  view: (world, resource, wire) => withProperties(wire, { subnets: references(usersOf(world, resource.id)) }),
  deletable(world, resource) {
    const users = usersOf(world, resource.id);
    if (users.length === 0) return;
    throw new ArmError(
      400,
      'InUseNatGatewayCannotBeDeleted',
      `Nat Gateway ${resource.id} cannot be deleted since it is in use by ${users.join(', ')}.`,
      { details: [] },
    );
  },
};
