import { NETWORK_CREATE_AT_ONCE, NETWORK_UPDATE_AT_ONCE, networkCreate, networkDelete } from '../catalogue/profiles.ts';
import { prepareChildren } from '../engine/crud.ts';
import { ArmError } from '../engine/errors.ts';
import { at, idOf, type JsonObject, number, object, objects, text } from '../engine/json.ts';
import type { ChildRequest, Collection, Kind, World } from '../engine/model.ts';
import type { Resource } from '../engine/store.ts';
import { withProperties } from '../engine/view.ts';
import { allocateAddress } from './addresses.ts';
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

const CHILD = { create: NETWORK_CREATE_AT_ONCE, update: NETWORK_UPDATE_AT_ONCE, delete: networkDelete(10, 11) };

/** Ids of the load balancer's own rules that refer to one of its parts. */
function ownUsers(parent: Resource, property: string, id: string): readonly string[] {
  const wanted = id.toLowerCase();
  return objects(at(parent.body, 'properties', property))
    .filter((rule) => Object.values(object(rule['properties'])).some((value) => refers(value, wanted)))
    .map((rule) => `${parent.id}/${property}/${text(rule['name']) ?? ''}`);
}

function refers(value: unknown, wanted: string): boolean {
  if (Array.isArray(value)) return value.some((item) => refers(item, wanted));
  return idOf(value as JsonObject)?.toLowerCase() === wanted;
}

const frontends: Collection = {
  ...CHILD,
  property: 'frontendIPConfigurations',
  label: 'FrontendIPConfiguration',
  addressable: false,
  prepare(world, child) {
    const properties = without(
      child.properties,
      'inboundNatPools',
      'inboundNatRules',
      'loadBalancingRules',
      'outboundRules',
      'gatewayLoadBalancer',
    );
    const subnetId = idOf(properties['subnet']);
    if (subnetId === undefined) return { privateIPAllocationMethod: 'Dynamic', ...properties };
    const isStatic = properties['privateIPAllocationMethod'] === 'Static';
    const wanted = text(properties['privateIPAddress']) ?? text(at(child.existing, 'properties', 'privateIPAddress'));
    const taken = child.siblings.flatMap((other) => text(at(other, 'properties', 'privateIPAddress')) ?? []);
    const address = allocateAddress(world, { subnetId, owner: child.parentId, wanted, isStatic, taken });
    return {
      privateIPAllocationMethod: 'Dynamic',
      privateIPAddressVersion: 'IPv4',
      ...properties,
      ...(address === undefined ? {} : { privateIPAddress: address }),
    };
  },
  view: (_world, parent, child, id) =>
    withProperties(child, {
      loadBalancingRules: references(ownUsers(parent, 'loadBalancingRules', id)),
      outboundRules: references(ownUsers(parent, 'outboundRules', id)),
      inboundNatRules: references(ownUsers(parent, 'inboundNatRules', id)),
      inboundNatPools: references(ownUsers(parent, 'inboundNatPools', id)),
    }),
};

const backendPools: Collection = {
  ...CHILD,
  property: 'backendAddressPools',
  label: 'BackendAddressPool',
  prepare: (_world, child) =>
    without(
      child.properties,
      'backendIPConfigurations',
      'loadBalancingRules',
      'outboundRules',
      'inboundNatRules',
      'loadBalancerBackendAddresses',
    ),
  view(world, parent, child, id) {
    const members = usersOf(world, id);
    return withProperties(child, {
      loadBalancerBackendAddresses: members.map((member) => ({
        name: member.split('/').slice(-3).join('_'),
        properties: { networkInterfaceIPConfiguration: { id: member } },
      })),
      backendIPConfigurations: references(members),
      loadBalancingRules: references(ownUsers(parent, 'loadBalancingRules', id)),
      outboundRules: references(ownUsers(parent, 'outboundRules', id)),
    });
  },
  deletable(world, parent, child, id) {
    const user =
      usersOf(world, id)[0] ??
      ownUsers(parent, 'loadBalancingRules', id)[0] ??
      ownUsers(parent, 'outboundRules', id)[0];
    if (user === undefined) return;
    throw new ArmError(
      400,
      'InUseBackendAddressPoolCannotBeDeleted',
      `Backend address pool ${text(child['name']) ?? ''} is in use by ${user} and cannot be deleted.`,
      { details: [] },
    );
  },
};

/** Refuses two rules with the same frontend, port and protocol. */
function checkPort(child: ChildRequest): void {
  const { properties } = child;
  const others = [
    ...child.siblings,
    ...objects(at(child.parentBody, 'properties', 'loadBalancingRules')),
    ...objects(at(child.parentBody, 'properties', 'inboundNatRules')),
  ];
  const frontend = idOf(properties['frontendIPConfiguration'])?.toLowerCase();
  const port = number(properties['frontendPort']);
  const protocol = (text(properties['protocol']) ?? 'Tcp').toLowerCase();
  for (const other of others) {
    const theirs = object(other['properties']);
    if (text(other['name'])?.toLowerCase() === child.name.toLowerCase() || port === undefined || frontend === undefined)
      continue;
    if (idOf(theirs['frontendIPConfiguration'])?.toLowerCase() !== frontend || number(theirs['frontendPort']) !== port)
      continue;
    const theirProtocol = (text(theirs['protocol']) ?? 'Tcp').toLowerCase();
    if (theirProtocol !== protocol && protocol !== 'all' && theirProtocol !== 'all') continue;
    throw new ArmError(
      400,
      'RulesUseSameFrontendPortProtocolAndVip',
      `Load balancer rules ${text(other['name']) ?? ''} and ${child.name} of ${child.parentId} use the same frontend, port ${port} and protocol.`,
      { details: [] },
    );
  }
}

const rules: Collection = {
  ...CHILD,
  property: 'loadBalancingRules',
  label: 'LoadBalancingRule',
  addressable: false,
  prepare(_world, child) {
    checkPort(child);
    return {
      idleTimeoutInMinutes: 4,
      enableFloatingIP: false,
      enableDestinationServiceEndpoint: false,
      enableTcpReset: false,
      allowBackendPortConflict: false,
      loadDistribution: 'Default',
      disableOutboundSnat: false,
      ...child.properties,
    };
  },
};

const natRules: Collection = {
  ...CHILD,
  property: 'inboundNatRules',
  label: 'InboundNatRule',
  prepare(_world, child) {
    checkPort(child);
    return {
      enableFloatingIP: false,
      idleTimeoutInMinutes: 4,
      protocol: 'Tcp',
      enableDestinationServiceEndpoint: false,
      enableTcpReset: false,
      allowBackendPortConflict: false,
      ...without(child.properties, 'backendIPConfiguration'),
    };
  },
  view(world, _parent, child, id) {
    const user = usersOf(world, id)[0];
    return withProperties(child, { backendIPConfiguration: user === undefined ? undefined : { id: user } });
  },
  deletable(world, _parent, child, id) {
    const user = usersOf(world, id)[0];
    if (user === undefined) return;
    throw new ArmError(
      400,
      'InUseInboundNatRuleCannotBeDeleted',
      `Inbound NAT rule ${text(child['name']) ?? ''} is in use by ${user} and cannot be deleted.`,
      { details: [] },
    );
  },
};

function plain(property: string, label: string, defaults: JsonObject): Collection {
  return {
    ...CHILD,
    property,
    label,
    addressable: false,
    prepare: (_world, child) => ({ ...defaults, ...child.properties }),
  };
}

const probes: Collection = {
  ...plain('probes', 'Probe', { probeThreshold: 1, noHealthyBackendsBehavior: 'AllProbedDown' }),
  view: (_world, parent, child, id) =>
    withProperties(child, { loadBalancingRules: references(ownUsers(parent, 'loadBalancingRules', id)) }),
  prepare: (_world, child) => ({
    probeThreshold: 1,
    noHealthyBackendsBehavior: 'AllProbedDown',
    ...without(child.properties, 'loadBalancingRules'),
  }),
};

/** Takes the members of a deleted load balancer out of its pools and rules. */
function releaseMembers(world: World, resource: Resource): void {
  for (const nic of world.store.ofType('Microsoft.Network/networkInterfaces')) {
    const properties = object(nic.body['properties']);
    let changed = false;
    const kept = (value: JsonObject, property: string) => {
      const before = objects(value[property]);
      const after = before.filter((item) => !(idOf(item) ?? '').toLowerCase().startsWith(`${resource.key}/`));
      changed ||= after.length !== before.length;
      return after.length === 0 ? undefined : after;
    };
    const ipConfigurations = objects(properties['ipConfigurations']).map((item) => {
      const own = object(item['properties']);
      return {
        ...item,
        properties: {
          ...own,
          loadBalancerBackendAddressPools: kept(own, 'loadBalancerBackendAddressPools'),
          loadBalancerInboundNatRules: kept(own, 'loadBalancerInboundNatRules'),
        },
      };
    });
    if (changed) world.store.put({ ...nic, body: { ...nic.body, properties: { ...properties, ipConfigurations } } });
  }
}

/** Microsoft.Network/loadBalancers. Most answers say Succeeded at once, some take a few seconds (17 of 24 recorded). */
export const loadBalancers: Kind = {
  type: 'Microsoft.Network/loadBalancers',
  label: 'LoadBalancer',
  tracked: true,
  etags: true,
  states: true,
  create: (draw) => (draw < 0.7 ? NETWORK_CREATE_AT_ONCE : networkCreate(3, 3)),
  update: NETWORK_UPDATE_AT_ONCE,
  delete: networkDelete(10, 11),
  collections: [
    frontends,
    backendPools,
    probes,
    rules,
    natRules,
    plain('outboundRules', 'OutboundRule', {
      allocatedOutboundPorts: 0,
      enableTcpReset: false,
      idleTimeoutInMinutes: 4,
      protocol: 'All',
    }),
    plain('inboundNatPools', 'InboundNatPool', {
      idleTimeoutInMinutes: 4,
      enableFloatingIP: false,
      enableTcpReset: false,
      allowBackendPortConflict: false,
    }),
  ],
  checkName: networkName,
  prepare(world, request) {
    for (const frontend of objects(request.properties['frontendIPConfigurations'])) {
      checkZones(frontend['zones'], request.location, 'Microsoft.Network/loadBalancers', request.name);
    }
    const properties: JsonObject = {
      resourceGuid: resourceGuid(world, request.existing),
      ...without(request.properties),
    };
    return {
      body: {
        ...envelope(request.body),
        sku: standardSku(request.body),
        properties: prepareChildren(world, loadBalancers, request, properties),
      },
    };
  },
  removed: releaseMembers,
};
