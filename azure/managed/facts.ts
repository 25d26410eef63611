import type { ManagedDocument, ManagedFacts } from '#domain/managed/types.ts';
import type { Outcome } from '#domain/outcome.ts';
import { call } from '../clients/capture.ts';
import type { Clients, Connection } from '../clients/clients.ts';
import { capstanError } from '../errors/capstan-error.ts';
import { readGroup, readRegion, readTenant, sizesOf, surveyParts } from '../facts/facts.ts';
import { attachedTo, prefixOf, readOwnNetwork } from '../facts/static-network.ts';
import { halt, need, untilHalted } from '../halt.ts';
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
  const own = await readOwnNetwork(clients, azure, network);
  const subnet = own.subnet(network.subnet);
  if (network.outbound === 'userDefinedRouting' && subnet.routeTable?.id === undefined) {
    return halt(
      capstanError('CAP-2009', `The subnet ${subnet.name} has no route table.`, {
        where: own.where,
        cause: 'spec.network.outbound is userDefinedRouting, so its routes lead out',
      }),
    );
  }
  return {
    virtualNetworkId: own.where,
    cidrs: own.existing.addressSpace?.addressPrefixes ?? [],
    subnet: { id: subnet.id, name: subnet.name, cidr: prefixOf(subnet), attached: attachedTo(subnet) },
  };
}
