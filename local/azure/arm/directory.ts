import type { AzureDirectory } from '../service.ts';
import { at, idOf, number, object, objects, text } from './engine/json.ts';
import type { World } from './engine/model.ts';
import { allowsDataAction } from './engine/rbac.ts';
import type { Resource } from './engine/store.ts';
import { locationOf } from './engine/view.ts';
import { CLUSTERS } from './kinds/agentPools.ts';
import { usersOf } from './kinds/common.ts';
import { diskStorageView } from './kinds/diskUpload.ts';
import { findIdentity, identitiesOf, identityView } from './kinds/identities.ts';
import { machineOf } from './kinds/networkInterfaces.ts';
import { powerOf } from './kinds/machinePower.ts';
import { publicAddressNamed } from './kinds/publicAddresses.ts';
import { findAccount, storageAccountView } from './kinds/storageAccounts.ts';

interface Backend {
  readonly vmId: string;
  readonly guestPort: number;
}

/** What the data planes ask the control plane, answered from the live state. */
export function createDirectory(world: World): AzureDirectory {
  return {
    storageAccount(name) {
      const disk = name.startsWith('md-') ? diskStorageView(world, name) : undefined;
      if (disk !== undefined) return disk;
      const resource = findAccount(world, name.toLowerCase());
      // The name resolves as soon as the account is provisioned.
      return resource === undefined || resource.state !== 'Succeeded' ? undefined : storageAccountView(world, resource);
    },
    vault(name) {
      for (const vault of world.store.ofType('Microsoft.KeyVault/vaults')) {
        if (vault.name.toLowerCase() === name.toLowerCase()) return { id: vault.id, location: locationOf(vault) };
      }
      return undefined;
    },
    identity(query) {
      const resource = findIdentity(world, query);
      return resource === undefined ? undefined : identityView(resource);
    },
    identities: () => identitiesOf(world),
    machineIdentityIds(vmId) {
      const machine = world.store.get(vmId.toLowerCase());
      if (machine === undefined || powerOf(machine) !== 'running') return undefined;
      return Object.keys(object(at(machine.body, 'identity', 'userAssignedIdentities')));
    },
    allowsDataAction: (objectId, dataAction, scope) => allowsDataAction(world, objectId, dataAction, scope),
    backendsOf: (fqdn, port, from) => [
      ...backendsOf(world, fqdn, port),
      ...(from === 'inside' ? backendsInside(world, fqdn, port) : []),
    ],
  };
}

function backendsOf(world: World, fqdn: string, port: number): Backend[] {
  if (fqdn.endsWith('.azmk8s.io')) return managedControlPlane(world, fqdn, port);
  const address = publicAddressNamed(world, fqdn);
  if (address === undefined) return [];
  return usersOf(world, address.id).flatMap((user) => {
    const owner = world.store.get(user.split('/').slice(0, -2).join('/').toLowerCase());
    if (owner?.type === 'Microsoft.Network/loadBalancers') return behindFrontend(world, owner, user, port);
    return owner?.type === 'Microsoft.Network/networkInterfaces' ? running(world, owner, port) : [];
  });
}

/** The API server of a managed cluster answers at its own name on port 443. */
function managedControlPlane(world: World, fqdn: string, port: number): Backend[] {
  if (port !== 443) return [];
  for (const cluster of world.store.ofType(CLUSTERS)) {
    const { fqdn: own, privateFQDN } = object(cluster.body['properties']);
    if (own === fqdn || privateFQDN === fqdn) return [{ vmId: cluster.id, guestPort: port }];
  }
  return [];
}

/** A name of a private zone that is linked to a network: the internal load balancer with the record's address. */
function backendsInside(world: World, fqdn: string, port: number): Backend[] {
  const [label = '', ...rest] = fqdn.toLowerCase().split('.');
  const suffix = `/privatednszones/${rest.join('.')}/a/${label}`;
  const record = [...world.store.ofType('Microsoft.Network/privateDnsZones/A')].find(({ key }) => key.endsWith(suffix));
  const zone = record?.key.split('/').slice(0, -2).join('/') ?? '';
  const links = [...world.store.ofType('Microsoft.Network/privateDnsZones/virtualNetworkLinks')];
  const networks = links
    .filter(({ key, state }) => key.startsWith(`${zone}/`) && state === 'Succeeded')
    .map(({ body }) => idOf(at(body, 'properties', 'virtualNetwork'))?.toLowerCase() ?? '');
  const addresses = new Set(
    objects(at(record?.body, 'properties', 'aRecords')).map((entry) => text(entry['ipv4Address'])),
  );
  return [...world.store.ofType('Microsoft.Network/loadBalancers')].flatMap((balancer) =>
    objects(at(balancer.body, 'properties', 'frontendIPConfigurations')).flatMap((frontend) => {
      const subnet = idOf(at(frontend, 'properties', 'subnet'))?.toLowerCase() ?? '';
      const address = text(at(frontend, 'properties', 'privateIPAddress'));
      const answers = addresses.has(address) && networks.some((network) => subnet.startsWith(`${network}/`));
      const id = `${balancer.id}/frontendIPConfigurations/${text(frontend['name']) ?? ''}`;
      return address !== undefined && answers ? behindFrontend(world, balancer, id, port) : [];
    }),
  );
}

/** Follows the rules of one frontend: load balancing rules to their pools, inbound NAT rules to their member. */
function behindFrontend(world: World, balancer: Resource, frontend: string, port: number): Backend[] {
  const rules = (property: string) =>
    objects(at(balancer.body, 'properties', property)).filter(
      (rule) =>
        idOf(at(rule, 'properties', 'frontendIPConfiguration'))?.toLowerCase() === frontend.toLowerCase() &&
        number(at(rule, 'properties', 'frontendPort')) === port,
    );
  const balanced = rules('loadBalancingRules').flatMap((rule) => {
    const properties = object(rule['properties']);
    const pools = [
      idOf(properties['backendAddressPool']),
      ...objects(properties['backendAddressPools']).map((pool) => idOf(pool)),
    ];
    const guestPort = number(properties['backendPort']) ?? port;
    const unique = [...new Set(pools.filter((id) => id !== undefined).map((id) => id.toLowerCase()))];
    return unique.flatMap((pool) => members(world, pool, guestPort));
  });
  const forwarded = rules('inboundNatRules').flatMap((rule) =>
    members(
      world,
      `${balancer.id}/inboundNatRules/${text(rule['name']) ?? ''}`,
      number(at(rule, 'properties', 'backendPort')) ?? port,
    ),
  );
  return [...balanced, ...forwarded];
}

function members(world: World, id: string, guestPort: number): Backend[] {
  return usersOf(world, id).flatMap((member) => {
    const nic = world.store.get(member.split('/').slice(0, -2).join('/').toLowerCase());
    return nic === undefined ? [] : running(world, nic, guestPort);
  });
}

function running(world: World, nic: Resource, guestPort: number): Backend[] {
  const machine = machineOf(world, nic);
  return machine === undefined || powerOf(machine) !== 'running' ? [] : [{ vmId: machine.id, guestPort }];
}
