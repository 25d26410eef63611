import { armId, clusterNames } from '../names/names.ts';
import type { ClusterDocument } from '../spec/types.ts';
import { storageSuffix } from './clouds.ts';
import type { ResourceInput } from './resources.ts';
import type { AzureFacts, PlannedNetwork, PlannedStorageNetwork } from './types.ts';

/**
 * Who may reach an account that Capstan creates; undefined: everybody with a credential, or an account of the user's,
 * whose rules are never written. `private` lets Capstan's own network in while it copies, where that is known, and is
 * closed afterwards; where it is not known Capstan comes through the private endpoint.
 */
export function planStorageNetwork(
  document: ClusterDocument,
  facts: AzureFacts,
  network: PlannedNetwork,
): PlannedStorageNetwork | undefined {
  const { storage } = document.spec;
  if (storage.account !== undefined || storage.networkAccess === 'open') return undefined;
  const own = facts.capstanNetwork;
  const capstan = [...(own?.subnetId === undefined ? [] : [own.subnetId]), ...(own?.addresses ?? [])];
  const mode = storage.networkAccess;
  const cluster = [network.controlPlaneSubnet.id, network.workerSubnet.id];
  const allowed = mode === 'private' ? capstan : [...cluster, ...storage.allowedNetworks, ...capstan];
  const isSubnet = (entry: string) => entry.startsWith('/');
  return {
    mode,
    subnetIds: [...new Set(allowed.filter(isSubnet))],
    addresses: [...new Set(allowed.filter((entry) => !isSubnet(entry)))],
    closes: mode === 'private' && capstan.length > 0,
  };
}

/** Whether a cluster works with a storage account: for the copy of its image, or for the relay of a private API server. */
export function needsAccount({ spec }: Pick<ClusterDocument, 'spec'>): boolean {
  return spec.image.vhd !== undefined || spec.network.api.exposure === 'private';
}

/** Whether subnets must have the service endpoint of storage, so that rules of an account can name them. */
export function needsServiceEndpoint(document: Pick<ClusterDocument, 'spec'>): boolean {
  const { spec } = document;
  return (
    needsAccount(document) && spec.storage.account === undefined && spec.storage.networkAccess === 'selectedNetworks'
  );
}

/** Private endpoint of the account in the workers' subnet, and the private zone in which its name is found. */
export function privateAccessResources(
  document: ClusterDocument,
  account: string,
  network: PlannedNetwork,
): readonly ResourceInput[] {
  const step = 'image';
  const { azure, storage } = document.spec;
  const { storageEndpoint, virtualNetwork } = clusterNames(document.metadata.name);
  const own = storage.privateDnsZone;
  const zone = `privatelink.blob.${storageSuffix[azure.environment]}`;
  const zoneId = own ?? armId(azure.subscriptionId, azure.resourceGroup, 'Microsoft.Network/privateDnsZones', zone);
  const detail = { zoneId, account, subnetId: network.workerSubnet.id, virtualNetworkId: network.virtualNetwork.id };
  const resources: ResourceInput[] = [
    {
      key: 'privateDnsZone',
      kind: 'privateDnsZone',
      names: [zone],
      step,
      ...(own === undefined ? {} : { id: own, owned: false, resourceGroup: own.split('/')[4] ?? '' }),
    },
    {
      key: 'privateEndpoint',
      kind: 'privateEndpoint',
      names: [storageEndpoint],
      step,
      needs: ['storageAccount', 'virtualNetwork'],
      detail,
    },
    {
      key: 'privateDnsZoneGroup',
      kind: 'privateDnsZoneGroup',
      names: [storageEndpoint, 'default'],
      step,
      needs: ['privateEndpoint', 'privateDnsZone'],
      detail,
    },
  ];
  if (own !== undefined) return resources;
  const link: ResourceInput = {
    key: 'privateDnsZoneLink',
    kind: 'privateDnsZoneLink',
    names: [zone, virtualNetwork],
    step,
    needs: ['privateDnsZone', 'virtualNetwork'],
    detail,
  };
  return [...resources, link];
}
