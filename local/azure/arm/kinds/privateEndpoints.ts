import { NETWORK_UPDATE_AT_ONCE, networkCreate, networkDelete } from '../catalogue/profiles.ts';
import { removeResource } from '../engine/complete.ts';
import { ArmError, invalidParameter } from '../engine/errors.ts';
import { at, idOf, type JsonObject, object, objects, strings, text } from '../engine/json.ts';
import type { Kind, World } from '../engine/model.ts';
import type { Resource } from '../engine/store.ts';
import { withProperties } from '../engine/view.ts';
import { allocateAddress } from './addresses.ts';
import { envelope, networkName, resourceGuid, without } from './common.ts';
import { putAddressRecord } from './privateDns.ts';

const TYPE = 'Microsoft.Network/privateEndpoints';
const GROUPS = `${TYPE}/privateDnsZoneGroups`;

/** Host names of the services that an endpoint can stand for, by group id. */
const services: Readonly<Record<string, string>> = {
  blob: 'blob.core.windows.net',
  queue: 'queue.core.windows.net',
  table: 'table.core.windows.net',
  file: 'file.core.windows.net',
  vault: 'vault.azure.net',
};

function connectionsOf(body: JsonObject): readonly JsonObject[] {
  return objects(at(body, 'properties', 'privateLinkServiceConnections'));
}

function interfaceOf(world: World, endpoint: Resource): Resource | undefined {
  const [nic] = objects(at(endpoint.body, 'properties', 'networkInterfaces'));
  return world.store.get((idOf(nic) ?? '').toLowerCase());
}

function addressOf(world: World, endpoint: Resource): string | undefined {
  const nic = interfaceOf(world, endpoint);
  return text(at(objects(at(nic?.body, 'properties', 'ipConfigurations'))[0], 'properties', 'privateIPAddress'));
}

/** Account or vault names with the service that is reached through the endpoint. */
function targets(body: JsonObject): readonly { readonly name: string; readonly suffix: string }[] {
  return connectionsOf(body).flatMap((connection) => {
    const name =
      text(at(connection, 'properties', 'privateLinkServiceId'))
        ?.split('/')
        .at(-1) ?? '';
    return strings(at(connection, 'properties', 'groupIds')).map((group) => ({ name, suffix: services[group] ?? '' }));
  });
}

function connection(world: World, endpointId: string, sent: JsonObject): JsonObject {
  const name = text(sent['name']) ?? '';
  const target = text(at(sent, 'properties', 'privateLinkServiceId')) ?? '';
  const groups = strings(at(sent, 'properties', 'groupIds'));
  if (world.store.get(target.toLowerCase()) === undefined)
    throw new ArmError(
      400,
      'InvalidResourceReference',
      `Resource ${target} referenced by resource ${endpointId} was not found.`,
      { details: [] },
    );
  const unknown = groups.find((group) => services[group] === undefined);
  if (unknown !== undefined)
    throw invalidParameter('groupIds', `The group id '${unknown}' is not modelled by the simulated Azure.`);
  return {
    name,
    id: `${endpointId}/privateLinkServiceConnections/${name}`,
    type: `${TYPE}/privateLinkServiceConnections`,
    properties: {
      provisioningState: 'Succeeded',
      privateLinkServiceId: target,
      groupIds: groups,
      privateLinkServiceConnectionState: { status: 'Approved', description: 'Auto-Approved', actionsRequired: 'None' },
    },
  };
}

/** The interface that an endpoint brings along. */
function createInterface(world: World, endpoint: Resource): void {
  const [reference] = objects(at(endpoint.body, 'properties', 'networkInterfaces'));
  const id = idOf(reference) ?? '';
  if (world.store.get(id.toLowerCase()) !== undefined) return;
  const subnetId = text(at(endpoint.body, 'properties', 'subnet', 'id')) ?? '';
  const address = allocateAddress(world, { subnetId, owner: id, wanted: undefined, isStatic: false, taken: [] });
  const ipConfiguration = {
    name: 'privateEndpointIpConfig',
    properties: {
      privateIPAllocationMethod: 'Dynamic',
      primary: true,
      privateIPAddress: address ?? '',
      subnet: { id: subnetId },
    },
  };
  world.store.put({
    key: id.toLowerCase(),
    id,
    type: 'Microsoft.Network/networkInterfaces',
    name: id.split('/').at(-1) ?? '',
    body: { location: endpoint.body['location'] ?? '', properties: { ipConfigurations: [ipConfiguration] } },
    hidden: {},
    state: 'Succeeded',
    childStates: {},
    etag: `W/"${world.random.uuid()}"`,
    busy: undefined,
    createdAt: world.clock.now(),
  });
}

/** Microsoft.Network/privateEndpoints (azure-recordings/privateEndpoints.json): 201, about 43 s. */
export const privateEndpoints: Kind = {
  type: TYPE,
  label: 'PrivateEndpoint',
  tracked: true,
  etags: true,
  states: true,
  create: { ...networkCreate(10, 43), pollRetryAfter: 20 },
  update: NETWORK_UPDATE_AT_ONCE,
  delete: networkDelete(10, 16),
  checkName: networkName,
  prepare(world, request) {
    const { properties, existing, id } = request;
    if (text(at(properties, 'subnet', 'id')) === undefined)
      throw invalidParameter('subnet', 'A private endpoint needs a subnet.');
    const connections = objects(properties['privateLinkServiceConnections']);
    if (connections.length === 0)
      throw invalidParameter('privateLinkServiceConnections', 'A private endpoint needs one connection at least.');
    const guid = resourceGuid(world, existing);
    const group = id.id.split('/').slice(0, 5).join('/');
    const before = objects(at(existing?.body, 'properties', 'networkInterfaces'))[0];
    const named = text(properties['customNetworkInterfaceName']) ?? '';
    const nic = named === '' ? `${request.name}.nic.${guid}` : named;
    return {
      body: {
        ...envelope(request.body),
        properties: {
          manualPrivateLinkServiceConnections: [],
          customNetworkInterfaceName: '',
          ipConfigurations: [],
          ipVersionType: 'IPv4',
          ...without(properties, 'customDnsConfigs', 'networkInterfaces'),
          resourceGuid: guid,
          privateLinkServiceConnections: connections.map((sent) => connection(world, id.id, sent)),
          networkInterfaces: [before ?? { id: `${group}/providers/Microsoft.Network/networkInterfaces/${nic}` }],
        },
      },
    };
  },
  ownReferences: true,
  accepted(world, endpoint, created) {
    if (created) createInterface(world, endpoint);
  },
  view(world, endpoint, wire) {
    const address = addressOf(world, endpoint);
    const ready = endpoint.state === 'Succeeded' && address !== undefined;
    const configs = targets(endpoint.body).map(({ name, suffix }) => ({
      fqdn: `${name}.${suffix}`,
      ipAddresses: [address ?? ''],
    }));
    const privateLinkServiceConnections = connectionsOf(wire).map((item) => ({ ...item, etag: endpoint.etag }));
    return withProperties(wire, { privateLinkServiceConnections, customDnsConfigs: ready ? configs : [] });
  },
  removed(world, endpoint) {
    const nic = interfaceOf(world, endpoint);
    if (nic !== undefined) removeResource(world, nic);
    for (const child of Array.from(world.store.ofType(GROUPS))) {
      if (!child.key.startsWith(`${endpoint.key}/`)) continue;
      removeRecords(world, endpoint, child);
      removeResource(world, child);
    }
  },
};

function zoneIds(group: Resource): readonly string[] {
  return objects(at(group.body, 'properties', 'privateDnsZoneConfigs')).flatMap(
    (config) => text(at(config, 'properties', 'privateDnsZoneId')) ?? [],
  );
}

function endpointOf(world: World, group: Resource): Resource | undefined {
  return world.store.get(group.key.split('/').slice(0, -2).join('/'));
}

/** Zone of a service's private link and the record in it: `privatelink.blob.core.windows.net`. */
function recordsFor(endpoint: Resource, zoneId: string): readonly string[] {
  const zone = zoneId.split('/').at(-1)?.toLowerCase() ?? '';
  return targets(endpoint.body)
    .filter(
      ({ suffix }) =>
        zone === `privatelink.${suffix}` || zone === `privatelink.${suffix.replace('vault.', 'vaultcore.')}`,
    )
    .map(({ name }) => name);
}

function removeRecords(world: World, endpoint: Resource, group: Resource): void {
  for (const zone of zoneIds(group)) {
    for (const name of recordsFor(endpoint, zone)) world.store.remove(`${zone}/A/${name}`.toLowerCase());
  }
}

/** The records of an endpoint in private zones. */
export const privateDnsZoneGroups: Kind = {
  type: GROUPS,
  label: 'PrivateDnsZoneGroup',
  tracked: false,
  etags: true,
  states: true,
  create: networkCreate(10, 3),
  update: NETWORK_UPDATE_AT_ONCE,
  delete: networkDelete(10, 10),
  checkName: networkName,
  prepare(world, request) {
    const configs = objects(request.properties['privateDnsZoneConfigs']);
    for (const config of configs) {
      const zone = text(at(config, 'properties', 'privateDnsZoneId')) ?? '';
      if (world.store.get(zone.toLowerCase()) === undefined)
        throw new ArmError(
          400,
          'InvalidResourceReference',
          `Resource ${zone} referenced by resource ${request.id.id} was not found.`,
          { details: [] },
        );
    }
    return { body: { properties: without(request.properties) } };
  },
  view(world, group, wire) {
    const endpoint = endpointOf(world, group);
    const address = endpoint === undefined ? undefined : addressOf(world, endpoint);
    const privateDnsZoneConfigs = objects(at(wire, 'properties', 'privateDnsZoneConfigs')).map((config) => {
      const zone = text(at(config, 'properties', 'privateDnsZoneId')) ?? '';
      const recordSets = (endpoint === undefined ? [] : recordsFor(endpoint, zone)).map((name) => ({
        recordType: 'A',
        recordSetName: name,
        fqdn: `${name}.${zone.split('/').at(-1) ?? ''}`,
        ttl: 10,
        provisioningState: 'Succeeded',
        ipAddresses: address === undefined ? [] : [address],
      }));
      return {
        ...config,
        id: `${group.id}/privateDnsZoneConfigs/${text(config['name']) ?? ''}`,
        etag: group.etag,
        type: `${GROUPS}/privateDnsZoneConfigs`,
        properties: { ...object(config['properties']), provisioningState: 'Succeeded', recordSets },
      };
    });
    return withProperties(wire, { privateDnsZoneConfigs });
  },
  ready(world, group) {
    const endpoint = endpointOf(world, group);
    const address = endpoint === undefined ? undefined : addressOf(world, endpoint);
    if (endpoint === undefined || address === undefined) return;
    for (const zone of zoneIds(group)) {
      for (const name of recordsFor(endpoint, zone)) putAddressRecord(world, zone, name, address);
    }
  },
  removed(world, group) {
    const endpoint = endpointOf(world, group);
    if (endpoint !== undefined) removeRecords(world, endpoint, group);
  },
};
