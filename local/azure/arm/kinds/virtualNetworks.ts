import { NETWORK_UPDATE_AT_ONCE, networkCreate, networkDelete, networkUpdate } from '../catalogue/profiles.ts';
import { ArmError } from '../engine/errors.ts';
import { prepareChildren } from '../engine/crud.ts';
import { nameOf } from '../engine/ids.ts';
import { at, idOf, type JsonObject, object, objects, strings, text } from '../engine/json.ts';
import type { ChildRequest, Collection, Kind, World } from '../engine/model.ts';
import type { Resource } from '../engine/store.ts';
import { withProperties } from '../engine/view.ts';
import { contains, overlaps, parsePrefix, subnetPrefixes } from './addresses.ts';
import { envelope, networkName, references, resourceGuid, usersOf, without } from './common.ts';

function refuse(code: string, message: string): never {
  throw new ArmError(400, code, message, { details: [] });
}

function prepareSubnet(world: World, child: ChildRequest): JsonObject {
  const network = nameOf(child.parentId);
  const prefixes = subnetPrefixes(child.properties);
  if (prefixes.length === 0)
    refuse(
      'NetcfgInvalidSubnet',
      `Subnet '${child.name}' is not valid in virtual network '${network}': it has no address prefix.`,
    );
  const spaces = strings(at(child.parentBody, 'properties', 'addressSpace', 'addressPrefixes')).flatMap(
    (space) => parsePrefix(space) ?? [],
  );
  for (const prefix of prefixes) {
    const range = parsePrefix(prefix);
    if (range === undefined) {
      refuse(
        'InvalidCIDRNotation',
        `The address prefix ${prefix} in resource ${child.parentId}/subnets/${child.name} has an invalid CIDR notation.`,
      );
    }
    if (!spaces.some((space) => contains(space, range))) {
      refuse(
        'NetcfgSubnetRangeOutsideVnet',
        `Subnet '${child.name}' is not valid because its IP address range is outside the IP address range of virtual network '${network}'.`,
      );
    }
    for (const other of child.siblings) {
      const taken = subnetPrefixes((other['properties'] ?? {}) as JsonObject).flatMap(
        (item) => parsePrefix(item) ?? [],
      );
      if (taken.some((item) => overlaps(item, range))) {
        refuse(
          'NetcfgSubnetRangesOverlap',
          `Subnet '${child.name}' is not valid because its IP address range overlaps with that of an existing subnet in virtual network '${network}'.`,
        );
      }
    }
  }
  const before = subnetPrefixes((child.existing?.['properties'] ?? {}) as JsonObject);
  const gone = before.filter((prefix) => !prefixes.includes(prefix));
  const users = usersOf(world, `${child.parentId}/subnets/${child.name}`);
  if (gone.length > 0 && users.length > 0) {
    refuse(
      'InUsePrefixCannotBeDeleted',
      `IpPrefix ${gone[0] ?? ''} on Subnet ${child.name} has active allocations and cannot be deleted.`,
    );
  }
  return {
    delegations: [],
    privateEndpointNetworkPolicies: 'Disabled',
    privateLinkServiceNetworkPolicies: 'Enabled',
    ...without(
      child.properties,
      'ipConfigurations',
      'ipConfigurationProfiles',
      'privateEndpoints',
      'purpose',
      'resourceNavigationLinks',
      'serviceAssociationLinks',
    ),
  };
}

function subnetInUse(world: World, _parent: Resource, child: JsonObject, id: string): void {
  const user = usersOf(world, id)[0];
  if (user === undefined) return;
  refuse(
    'InUseSubnetCannotBeDeleted',
    `Subnet ${text(child['name']) ?? ''} is in use by ${user} and cannot be deleted. In order to delete the subnet, delete all the resources within the subnet. See aka.ms/deletesubnet.`,
  );
}

const SUBNETS = 'Microsoft.Network/virtualNetworks/subnets';

const subnets: Collection = {
  property: 'subnets',
  label: 'Subnet',
  create: networkCreate(3, 2),
  update: networkUpdate(3, 2),
  delete: networkDelete(10, 11),
  prepare: prepareSubnet,
  deletable: subnetInUse,
  view(world, parent, child, id) {
    const delegations = objects(at(child, 'properties', 'delegations')).map((delegation) => ({
      ...delegation,
      id: `${id}/delegations/${text(delegation['name']) ?? ''}`,
      etag: parent.etag,
      type: `${SUBNETS}/delegations`,
      properties: {
        actions: ['Microsoft.Network/virtualNetworks/subnets/join/action'],
        ...object(delegation['properties']),
        provisioningState: 'Succeeded',
      },
    }));
    return withProperties(child, { delegations, ipConfigurations: references(usersOf(world, id)) });
  },
};

const peerings: Collection = {
  property: 'virtualNetworkPeerings',
  label: 'VirtualNetworkPeering',
  create: networkCreate(10, 3),
  update: networkUpdate(10, 3),
  delete: networkDelete(10, 11),
  prepare(world, child) {
    const remote = world.store.get(idOf(child.properties['remoteVirtualNetwork'])?.toLowerCase() ?? '');
    if (remote?.busy !== undefined)
      throw new ArmError(
        400,
        'ReferencedResourceNotProvisioned',
        `Cannot proceed with operation because resource ${remote.id} used by resource ${child.parentId}/virtualNetworkPeerings/${child.name} is not in Succeeded state. Resource is in Updating state and the last operation that updated/is updating the resource is ${world.store.operation(remote.busy)?.label ?? 'PutVirtualNetworkOperation'}.`,
        { details: [] },
      );
    const mutual = objects(at(remote?.body, 'properties', 'virtualNetworkPeerings')).some(
      (other) => idOf(at(other, 'properties', 'remoteVirtualNetwork'))?.toLowerCase() === child.parentId.toLowerCase(),
    );
    const space = at(remote?.body, 'properties', 'addressSpace');
    return {
      allowVirtualNetworkAccess: true,
      allowForwardedTraffic: false,
      allowGatewayTransit: false,
      useRemoteGateways: false,
      doNotVerifyRemoteGateways: false,
      peerCompleteVnets: true,
      resourceGuid: text(at(child.existing, 'properties', 'resourceGuid')) ?? world.random.uuid(),
      routeServiceVips: {},
      ...child.properties,
      peeringState: mutual ? 'Connected' : 'Initiated',
      peeringSyncLevel: mutual ? 'FullyInSync' : 'RemoteNotInSync',
      ...(space === undefined ? {} : { remoteAddressSpace: space, remoteVirtualNetworkAddressSpace: space }),
    };
  },
};

/** Microsoft.Network/virtualNetworks with subnets and peerings. A PUT replaces the list of subnets. */
export const virtualNetworks: Kind = {
  type: 'Microsoft.Network/virtualNetworks',
  label: 'VirtualNetwork',
  tracked: true,
  etags: true,
  states: true,
  create: networkCreate(3, 3),
  update: NETWORK_UPDATE_AT_ONCE,
  delete: networkDelete(10, 11),
  collections: [subnets, peerings],
  checkName: networkName,
  prepare(world, request) {
    const prefixes = strings(at(request.properties, 'addressSpace', 'addressPrefixes'));
    if (prefixes.length === 0)
      refuse(
        'InvalidAddressSpace',
        `Virtual network ${request.id.id} has no address prefix in 'addressSpace.addressPrefixes'.`,
      );
    for (const prefix of prefixes) {
      if (parsePrefix(prefix) === undefined)
        refuse(
          'InvalidCIDRNotation',
          `The address prefix ${prefix} in resource ${request.id.id} has an invalid CIDR notation.`,
        );
    }
    const properties: JsonObject = {
      resourceGuid: resourceGuid(world, request.existing),
      privateEndpointVNetPolicies: 'Disabled',
      enableDdosProtection: false,
      ...without(request.properties),
    };
    return {
      body: { ...envelope(request.body), properties: prepareChildren(world, virtualNetworks, request, properties) },
    };
  },
  deletable(world, resource) {
    for (const child of objects(at(resource.body, 'properties', 'subnets'))) {
      subnetInUse(world, resource, child, `${resource.id}/subnets/${text(child['name']) ?? ''}`);
    }
  },
};
