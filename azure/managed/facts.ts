import type { ManagedDocument, ManagedFacts } from '#domain/managed/types.ts';
import type { Outcome } from '#domain/outcome.ts';
import { armId } from '#domain/names/names.ts';
import { call } from '../clients/capture.ts';
import type { Clients, Connection } from '../clients/clients.ts';
import { capstanError } from '../errors/capstan-error.ts';
import { readGroup, readRegion, readTenant, sizesOf, surveyParts } from '../facts/facts.ts';
import { attachedTo, prefixOf } from '../facts/static-network.ts';
import { found, halt, need, untilHalted } from '../halt.ts';
import type { Survey } from '../types.ts';

/** Group, sizes, network and versions. */
const usualReads = 6;

const titles = {
  resourceGroup: 'Resource group',
  region: 'Region',
  ownNetwork: 'Network of yours',
  version: 'Kubernetes version',
} as const;

/**
 * Reads what the plan of an AKS cluster needs. Nothing is written; a part that cannot be read is a failed row and does
 * not keep the others from being read.
 */
export function surveyManaged(
  connection: Connection,
  document: ManagedDocument,
): Promise<Outcome<Survey<ManagedFacts>>> {
  const { azure, nodePools } = document.spec;
  const sequence = async (): Promise<Survey<ManagedFacts>> => {
    const clients = connection.clients(azure.subscriptionId);
    const { checks, part } = surveyParts(titles);
    const group = await part(
      'resourceGroup',
      () => readGroup(connection, document.spec.azure),
      (location) => `${azure.resourceGroup} exists in ${location}`,
    );
    // Without the subscription every other question has the same answer.
    if (checks.some((check) => check.error?.code === 'CAP-2002')) return { checks };
    const tenantId = await readTenant(connection);
    const skus = await part(
      'region',
      () => readRegion(clients, azure.location),
      ({ zones }) => `${azure.location} has ${zones.length === 0 ? 'no zones' : `zones ${zones.join(', ')}`}`,
    );
    const staticNetwork = await part(
      'ownNetwork',
      () => readNetwork(clients, document),
      (network) => (network === undefined ? undefined : `${network.virtualNetworkId.split('/').at(-1)} can be used`),
    );
    const versions = await part(
      'version',
      () => readVersions(clients, document),
      () => undefined,
    );
    if (group === undefined || skus === undefined || versions === undefined || checks.some((check) => !check.ok))
      return { checks };
    const facts: ManagedFacts = {
      tenantId,
      resourceGroupLocation: group,
      regionZones: skus.zones,
      vmSizes: sizesOf(
        nodePools.map((pool) => pool.vmSize),
        skus,
      ),
      ...(staticNetwork === undefined ? {} : { staticNetwork }),
      versions,
    };
    return { facts, checks };
  };
  return untilHalted(() => connection.withReads(azure.subscriptionId, usualReads, sequence));
}

/** Versions that AKS offers in the region: every patch, without the `v`. */
async function readVersions(clients: Clients, document: ManagedDocument): Promise<readonly string[]> {
  const { location } = document.spec.azure;
  const { managedClusters } = await clients.containerService();
  const read = await call(() => managedClusters.listKubernetesVersions(location));
  const listed = need(read, location, 'list the Kubernetes versions of AKS').values ?? [];
  return listed.flatMap(({ patchVersions }) => Object.keys(patchVersions ?? {}));
}

/** The network and subnet that the user names; they are never written. */
async function readNetwork(
  clients: Clients,
  document: ManagedDocument,
): Promise<ManagedFacts['staticNetwork'] | undefined> {
  const { network, azure } = document.spec;
  if (network.placement !== 'static') return undefined;
  const resourceGroup = network.resourceGroup ?? azure.resourceGroup;
  const name = network.virtualNetwork ?? '';
  const where = armId(azure.subscriptionId, resourceGroup, 'Microsoft.Network/virtualNetworks', name);
  const { virtualNetworks } = await clients.network();
  const read = await call(() => virtualNetworks.get(resourceGroup, name));
  const refuse = (message: string, cause?: string): never =>
    halt(capstanError('CAP-2009', message, { where, ...(cause === undefined ? {} : { cause }) }));
  const existing = found(read, where, 'read the virtual network');
  if (existing === undefined)
    return refuse(`The virtual network ${name} does not exist in the group ${resourceGroup}.`);
  const location = (existing.location ?? '').toLowerCase().replaceAll(' ', '');
  if (location !== azure.location)
    return refuse(`The virtual network ${name} is in another region.`, `it is in ${location}, not ${azure.location}`);
  const subnets = existing.subnets ?? [];
  const subnet = subnets.find((candidate) => candidate.name?.toLowerCase() === network.subnet?.toLowerCase());
  if (subnet === undefined) {
    const names = subnets.map((candidate) => candidate.name).join(', ');
    return refuse(`The virtual network ${name} has no subnet ${network.subnet ?? ''}.`, `it has: ${names}`);
  }
  if (network.outbound === 'userDefinedRouting' && subnet.routeTable?.id === undefined)
    return refuse(
      `The subnet ${subnet.name ?? ''} has no route table.`,
      'spec.network.outbound is userDefinedRouting, so its routes lead out',
    );
  return {
    virtualNetworkId: existing.id ?? where,
    cidrs: existing.addressSpace?.addressPrefixes ?? [],
    subnet: {
      id: subnet.id ?? `${where}/subnets/${subnet.name ?? ''}`,
      name: subnet.name ?? '',
      cidr: prefixOf(subnet),
      attached: attachedTo(subnet),
    },
  };
}
