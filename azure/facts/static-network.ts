import type { Subnet, VirtualNetwork } from '@azure/arm-network';
import { armId } from '#domain/names/names.ts';
import { needsServiceEndpoint } from '#domain/plan/storage-network.ts';
import type { AttachedResources, AzureFacts, PlannedSubnet } from '#domain/plan/types.ts';
import type { ClusterDocument } from '#domain/spec/types.ts';
import { call } from '../clients/capture.ts';
import type { Clients } from '../clients/clients.ts';
import { capstanError } from '../errors/capstan-error.ts';
import { found, halt } from '../halt.ts';

type StaticNetwork = NonNullable<AzureFacts['staticNetwork']>;

/** The range of a subnet. */
export function prefixOf(subnet: Subnet): string {
  return subnet.addressPrefix ?? subnet.addressPrefixes?.[0] ?? '';
}

/** What the user attached to the subnet; documents and the cloud provider's configuration name it. */
export function attachedTo(subnet: Subnet): AttachedResources {
  const { networkSecurityGroup, routeTable, natGateway } = subnet;
  return {
    ...(networkSecurityGroup?.id === undefined ? {} : { networkSecurityGroup: networkSecurityGroup.id }),
    ...(routeTable?.id === undefined ? {} : { routeTable: routeTable.id }),
    ...(natGateway?.id === undefined ? {} : { natGateway: natGateway.id }),
  };
}

/**
 * CAPZ writes the cloud provider's configuration with the virtual network's group as the security group's
 * (cluster-api-pivot.md §3, azure.json): elsewhere it would not be found when a Service wants a load balancer.
 */
function checkSecurityGroup(worker: PlannedSubnet, resourceGroup: string): void {
  const group = /\/resourceGroups\/([^/]+)\//i.exec(worker.attached?.networkSecurityGroup ?? '')?.[1];
  if (group === undefined || group.toLowerCase() === resourceGroup.toLowerCase()) return;
  halt(
    capstanError('CAP-2009', `The network security group of the subnet ${worker.name} is in another resource group.`, {
      where: worker.attached?.networkSecurityGroup ?? worker.id,
      cause: `it is in ${group}, the virtual network in ${resourceGroup}; the cloud provider looks for it there`,
    }),
  );
}

/** Rules of a storage account can name only subnets with the service endpoint of storage. */
function checkServiceEndpoint(document: ClusterDocument, subnet: Subnet, id: string): void {
  const has = subnet.serviceEndpoints?.some(({ service }) => service?.toLowerCase().startsWith('microsoft.storage'));
  if (!needsServiceEndpoint(document) || has === true) return;
  halt(
    capstanError('CAP-2009', `The subnet ${subnet.name ?? ''} has no service endpoint of storage.`, {
      where: id,
      cause: 'spec.storage.networkAccess is selectedNetworks, and the account can let in only subnets that have it',
      remedy: `Run az network vnet subnet update --ids ${id} --service-endpoints Microsoft.Storage, or use networkAccess private.`,
    }),
  );
}

/** A virtual network of the user's, and its subnets by name. */
export interface OwnNetwork {
  readonly existing: VirtualNetwork;
  readonly where: string;
  /** @throws Halt with CAP-2009 when there is none of this name */
  subnet(wanted: string | undefined): Subnet & { readonly id: string; readonly name: string };
}

/**
 * Reads the virtual network that the user names, in the region of the cluster; it is never written.
 *
 * @throws Halt with CAP-2009 when it does not exist or is in another region
 */
export async function readOwnNetwork(
  clients: Clients,
  azure: ClusterDocument['spec']['azure'],
  named: { readonly resourceGroup?: string | undefined; readonly virtualNetwork?: string | undefined },
): Promise<OwnNetwork> {
  const resourceGroup = named.resourceGroup ?? azure.resourceGroup;
  const name = named.virtualNetwork ?? '';
  const where = armId(azure.subscriptionId, resourceGroup, 'Microsoft.Network/virtualNetworks', name);
  const refuse = (message: string, cause?: string): never =>
    halt(capstanError('CAP-2009', message, { where, ...(cause === undefined ? {} : { cause }) }));
  const { virtualNetworks } = await clients.network();
  const read = await call(() => virtualNetworks.get(resourceGroup, name));
  const existing = found(read, where, 'read the virtual network');
  if (existing === undefined)
    return refuse(`The virtual network ${name} does not exist in the group ${resourceGroup}.`);
  const location = (existing.location ?? '').toLowerCase().replaceAll(' ', '');
  if (location !== azure.location)
    return refuse(
      `The virtual network ${name} is in another region.`,
      `it is in ${location}, the cluster in ${azure.location}`,
    );
  const subnets = existing.subnets ?? [];
  return {
    existing,
    where: existing.id ?? where,
    subnet(wanted) {
      const match = subnets.find((candidate) => candidate.name?.toLowerCase() === wanted?.toLowerCase());
      const names = subnets.map((candidate) => candidate.name).join(', ');
      if (match === undefined)
        return refuse(
          `The virtual network ${name} has no subnet ${wanted ?? ''}.`,
          `it has: ${names === '' ? 'none' : names}`,
        );
      const subnetName = match.name ?? '';
      return { ...match, name: subnetName, id: match.id ?? `${where}/subnets/${subnetName}` };
    },
  };
}

/** Reads and checks the network that the user names; it is never written. */
export async function readStaticNetwork(
  clients: Clients,
  document: ClusterDocument,
): Promise<StaticNetwork | undefined> {
  const { network, azure } = document.spec;
  if (network.placement !== 'static') return undefined;
  const resourceGroup = network.resourceGroup ?? azure.resourceGroup;
  const own = await readOwnNetwork(clients, azure, network);
  const { existing } = own;
  const subnet = (wanted: string | undefined): PlannedSubnet => {
    const match = own.subnet(wanted);
    checkServiceEndpoint(document, match, match.id);
    return { id: match.id, name: match.name, cidr: prefixOf(match), attached: attachedTo(match) };
  };
  const workerSubnet = subnet(network.workerSubnet);
  checkSecurityGroup(workerSubnet, resourceGroup);
  return {
    virtualNetworkId: own.where,
    cidrs: existing.addressSpace?.addressPrefixes ?? [],
    peerCidrs: (existing.virtualNetworkPeerings ?? []).flatMap(
      (peering) => peering.remoteAddressSpace?.addressPrefixes ?? [],
    ),
    controlPlaneSubnet: subnet(network.controlPlaneSubnet),
    workerSubnet,
  };
}
