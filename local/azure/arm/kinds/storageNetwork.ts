import ipaddr from 'ipaddr.js';
import { at, idOf, type JsonObject, object, objects, strings, text } from '../engine/json.ts';
import type { World } from '../engine/model.ts';
import type { Resource } from '../engine/store.ts';

/** Public address of the process that stands outside the simulated Azure (a documentation range, RFC 5737). */
export const outsideAddress = '203.0.113.10';

const ZONE = 'Microsoft.Network/privateDnsZones';

/** Private endpoints of an account with the state of their connection. */
function endpointsOf(world: World, account: Resource): readonly { endpoint: Resource; status: string }[] {
  return [...world.store.ofType('Microsoft.Network/privateEndpoints')].flatMap((endpoint) => {
    const connection = objects(at(endpoint.body, 'properties', 'privateLinkServiceConnections')).find(
      (one) =>
        text(at(one, 'properties', 'privateLinkServiceId'))?.toLowerCase() === account.key &&
        strings(at(one, 'properties', 'groupIds')).includes('blob'),
    );
    if (connection === undefined || endpoint.state !== 'Succeeded') return [];
    return [
      { endpoint, status: text(at(connection, 'properties', 'privateLinkServiceConnectionState', 'status')) ?? '' },
    ];
  });
}

/** `properties.privateEndpointConnections` of an account. */
export function endpointConnections(world: World, account: Resource): readonly JsonObject[] {
  return endpointsOf(world, account).map(({ endpoint, status }) => {
    const name = `${account.name}.${endpoint.name}`;
    return {
      id: `${account.id}/privateEndpointConnections/${name}`,
      name,
      type: 'Microsoft.Storage/storageAccounts/privateEndpointConnections',
      properties: {
        provisioningState: 'Succeeded',
        privateEndpoint: { id: endpoint.id },
        privateLinkServiceConnectionState: { status, description: 'Auto-Approved', actionRequired: 'None' },
      },
    };
  });
}

function networkOfSubnet(subnet: string): string {
  return subnet.toLowerCase().split('/subnets/')[0] ?? '';
}

/** Whether the name of the account resolves to its private endpoint in a network: a record in a zone linked there. */
function resolvesInside(world: World, account: Resource, network: string): boolean {
  return [...world.store.ofType(`${ZONE}/virtualNetworkLinks`)].some((link) => {
    if (idOf(at(link.body, 'properties', 'virtualNetwork'))?.toLowerCase() !== network) return false;
    const zone = link.key.split('/virtualnetworklinks/')[0] ?? '';
    return (
      zone.endsWith('/privatelink.blob.core.windows.net') && world.store.get(`${zone}/a/${account.name}`) !== undefined
    );
  });
}

function matches(rule: string, address: string): boolean {
  const range = rule.includes('/') ? rule : `${rule}/32`;
  return ipaddr.parse(address).match(ipaddr.parseCIDR(range));
}

/**
 * Whether the caller gets through to the blob service of an account: by a private endpoint in the network it is in, else
 * by the rules of the public endpoint. Where the caller is, is a setting (`{ "caller": { "address", "subnet" } }`).
 */
export function callerReaches(world: World, account: Resource): boolean {
  const caller = object(world.store.setting('caller'));
  const address = text(caller['address']) ?? outsideAddress;
  const subnet = text(caller['subnet']) ?? '';
  const network = networkOfSubnet(subnet);
  const inside = endpointsOf(world, account).some(
    ({ endpoint, status }) =>
      status === 'Approved' && networkOfSubnet(text(at(endpoint.body, 'properties', 'subnet', 'id')) ?? '') === network,
  );
  if (inside && resolvesInside(world, account, network)) return true;
  const properties = object(account.body['properties']);
  if (properties['publicNetworkAccess'] === 'Disabled') return false;
  const rules = object(properties['networkAcls']);
  if (text(rules['defaultAction']) !== 'Deny') return true;
  return (
    objects(rules['virtualNetworkRules']).some((rule) => text(rule['id'])?.toLowerCase() === subnet.toLowerCase()) ||
    objects(rules['ipRules']).some((rule) => matches(text(rule['value']) ?? '', address))
  );
}

/** A rule may name only subnets that exist and have the service endpoint of storage. */
export function subnetWithoutEndpoint(world: World, properties: JsonObject): string | undefined {
  const rules = objects(at(properties, 'networkAcls', 'virtualNetworkRules'));
  return rules
    .map((rule) => text(rule['id']) ?? '')
    .find((id) => {
      const network = world.store.get(networkOfSubnet(id));
      const name = id.split('/').at(-1)?.toLowerCase();
      const subnet = objects(at(network?.body, 'properties', 'subnets')).find(
        (one) => text(one['name'])?.toLowerCase() === name,
      );
      const services = objects(at(subnet, 'properties', 'serviceEndpoints')).map((one) => text(one['service']));
      return !services.includes('Microsoft.Storage');
    });
}
