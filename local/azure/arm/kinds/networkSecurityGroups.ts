import { NETWORK_UPDATE_AT_ONCE, networkCreate, networkDelete, networkUpdate } from '../catalogue/profiles.ts';
import { prepareChildren } from '../engine/crud.ts';
import { ArmError } from '../engine/errors.ts';
import { at, type JsonObject, number, text } from '../engine/json.ts';
import type { ChildRequest, Collection, Kind, World } from '../engine/model.ts';
import type { Resource } from '../engine/store.ts';
import { withProperties } from '../engine/view.ts';
import { envelope, networkName, references, resourceGuid, usersOf, without } from './common.ts';

function prepareRule(_world: World, child: ChildRequest): JsonObject {
  const { properties, name } = child;
  const id = `${child.parentId}/securityRules/${name}`;
  for (const required of ['protocol', 'access', 'direction', 'priority']) {
    if (properties[required] !== undefined) continue;
    throw new ArmError(400, 'SecurityRuleParameterMissing', `Security rule ${id} has no '${required}'.`, {
      details: [],
    });
  }
  for (const [one, many] of [
    ['sourceAddressPrefix', 'sourceAddressPrefixes'],
    ['destinationAddressPrefix', 'destinationAddressPrefixes'],
    ['sourcePortRange', 'sourcePortRanges'],
    ['destinationPortRange', 'destinationPortRanges'],
  ] as const) {
    if (properties[one] !== undefined || properties[many] !== undefined) continue;
    if (
      one.endsWith('Prefix') &&
      Object.keys(properties).some((key) => key.startsWith(one.replace('AddressPrefix', 'ApplicationSecurityGroup')))
    )
      continue;
    throw new ArmError(400, 'SecurityRuleParameterMissing', `Security rule ${id} has neither '${one}' nor '${many}'.`, {
      details: [],
    });
  }
  const priority = number(properties['priority']) ?? 0;
  if (priority < 100 || priority > 4096) {
    throw new ArmError(
      400,
      'SecurityRuleInvalidPriority',
      `Security rule ${id} has the priority ${priority}. The priority must be between 100 and 4096.`,
      { details: [] },
    );
  }
  const clash = child.siblings.find(
    (other) =>
      at(other, 'properties', 'priority') === priority &&
      at(other, 'properties', 'direction') === properties['direction'],
  );
  if (clash !== undefined) {
    throw new ArmError(
      400,
      'SecurityRuleConflict',
      `Security rule ${name} conflicts with rule ${text(clash['name']) ?? ''}. Rules cannot have the same Priority and Direction. To learn more, see aka.ms/nsgrules.`,
      { details: [] },
    );
  }
  return {
    sourcePortRanges: [],
    destinationPortRanges: [],
    sourceAddressPrefixes: [],
    destinationAddressPrefixes: [],
    ...properties,
  };
}

const securityRules: Collection = {
  property: 'securityRules',
  label: 'SecurityRule',
  create: networkCreate(1, 2),
  update: networkUpdate(1, 2),
  delete: networkDelete(1, 2),
  prepare: prepareRule,
};

/** [name, description, source, destination, access, priority, direction] of the rules that every group has. */
const DEFAULT_RULES = [
  [
    'AllowVnetInBound',
    'Allow inbound traffic from all VMs in VNET',
    'VirtualNetwork',
    'VirtualNetwork',
    'Allow',
    65_000,
    'Inbound',
  ],
  [
    'AllowAzureLoadBalancerInBound',
    'Allow inbound traffic from azure load balancer',
    'AzureLoadBalancer',
    '*',
    'Allow',
    65_001,
    'Inbound',
  ],
  ['DenyAllInBound', 'Deny all inbound traffic', '*', '*', 'Deny', 65_500, 'Inbound'],
  [
    'AllowVnetOutBound',
    'Allow outbound traffic from all VMs to all VMs in VNET',
    'VirtualNetwork',
    'VirtualNetwork',
    'Allow',
    65_000,
    'Outbound',
  ],
  [
    'AllowInternetOutBound',
    'Allow outbound traffic from all VMs to Internet',
    '*',
    'Internet',
    'Allow',
    65_001,
    'Outbound',
  ],
  ['DenyAllOutBound', 'Deny all outbound traffic', '*', '*', 'Deny', 65_500, 'Outbound'],
] as const;

function defaultRules(resource: Resource): JsonObject[] {
  return DEFAULT_RULES.map(([name, description, source, destination, access, priority, direction]) => ({
    name,
    id: `${resource.id}/defaultSecurityRules/${name}`,
    etag: resource.etag,
    type: 'Microsoft.Network/networkSecurityGroups/defaultSecurityRules',
    properties: {
      provisioningState: resource.busy === undefined ? 'Succeeded' : resource.state,
      description,
      protocol: '*',
      sourcePortRange: '*',
      destinationPortRange: '*',
      sourceAddressPrefix: source,
      destinationAddressPrefix: destination,
      access,
      priority,
      direction,
      sourcePortRanges: [],
      destinationPortRanges: [],
      sourceAddressPrefixes: [],
      destinationAddressPrefixes: [],
    },
  }));
}

/** Resources that use a group or table: subnets and network interfaces apart. */
function usersByKind(world: World, resource: Resource): { subnets: readonly string[]; interfaces: readonly string[] } {
  const users = usersOf(world, resource.id);
  return {
    subnets: users.filter((id) => /\/subnets\/[^/]+$/iu.test(id)),
    interfaces: users.filter((id) => /\/networkInterfaces\//iu.test(id)),
  };
}

/** Microsoft.Network/networkSecurityGroups. */
export const networkSecurityGroups: Kind = {
  type: 'Microsoft.Network/networkSecurityGroups',
  label: 'NetworkSecurityGroup',
  tracked: true,
  etags: true,
  states: true,
  create: networkCreate(1, 4),
  update: NETWORK_UPDATE_AT_ONCE,
  delete: networkDelete(1, 2),
  collections: [securityRules],
  checkName: networkName,
  prepare(world, request) {
    const properties: JsonObject = {
      resourceGuid: resourceGuid(world, request.existing),
      ...without(request.properties, 'defaultSecurityRules', 'subnets', 'networkInterfaces', 'flowLogs'),
    };
    return {
      body: {
        ...envelope(request.body),
        properties: prepareChildren(world, networkSecurityGroups, request, properties),
      },
    };
  },
  view(world, resource, wire) {
    const users = usersByKind(world, resource);
    return withProperties(wire, {
      defaultSecurityRules: defaultRules(resource),
      subnets: references(users.subnets),
      networkInterfaces: references(users.interfaces),
    });
  },
  deletable(world, resource) {
    const users = usersOf(world, resource.id);
    if (users.length === 0) return;
    throw new ArmError(
      400,
      'InUseNetworkSecurityGroupCannotBeDeleted',
      `Network security group ${resource.id} cannot be deleted because it is in use by the following resources: ${users.join(', ')}. In order to delete the Network security group, remove the association with the resource(s). To learn how to do this, see aka.ms/deletensg.`,
      { details: [] },
    );
  },
};

const routes: Collection = {
  property: 'routes',
  label: 'Route',
  create: networkCreate(2, 2),
  update: networkUpdate(2, 2),
  delete: networkDelete(2, 2),
  prepare(_world, child) {
    for (const required of ['addressPrefix', 'nextHopType']) {
      if (child.properties[required] !== undefined) continue;
      throw new ArmError(400, 'InvalidRoute', `Route ${child.parentId}/routes/${child.name} has no '${required}'.`, {
        details: [],
      });
    }
    return { hasBgpOverride: false, ...child.properties };
  },
};

/** Microsoft.Network/routeTables. */
export const routeTables: Kind = {
  type: 'Microsoft.Network/routeTables',
  label: 'RouteTable',
  tracked: true,
  etags: true,
  states: true,
  create: networkCreate(2, 3),
  update: NETWORK_UPDATE_AT_ONCE,
  delete: networkDelete(2, 3),
  collections: [routes],
  checkName: networkName,
  prepare(world, request) {
    const properties: JsonObject = {
      resourceGuid: resourceGuid(world, request.existing),
      disableBgpRoutePropagation: false,
      disablePeeringRoute: 'None',
      ...without(request.properties, 'subnets'),
    };
    return {
      body: { ...envelope(request.body), properties: prepareChildren(world, routeTables, request, properties) },
    };
  },
  view: (world, resource, wire) => withProperties(wire, { subnets: references(usersOf(world, resource.id)) }),
  deletable(world, resource) {
    const users = usersOf(world, resource.id);
    if (users.length === 0) return;
    throw new ArmError(
      400,
      'InUseRouteTableCannotBeDeleted',
      `Route table ${resource.name} is in use and cannot be deleted. It is used by ${users.join(', ')}.`,
      { details: [] },
    );
  },
};
