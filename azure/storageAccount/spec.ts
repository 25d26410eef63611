import type { StorageAccount, StorageAccountCreateParameters } from '@azure/arm-storage';
import type { CapstanError } from '#domain/errors/error.ts';
import { capstanError } from '../errors/capstan-error.ts';
import type { SpecInput } from '../resource/kind.ts';
import { sharedTags } from '../resource/ownership.ts';
import { reconcile } from '../resource/reconcile.ts';

/** Reading and writing use different models of the SDK; this is what both know. */
export type Account = Partial<StorageAccountCreateParameters> &
  Omit<StorageAccount, keyof StorageAccountCreateParameters>;

/** Whether page blobs fit into an account: general purpose v2 (or v1) without hierarchical namespace. */
export function holdsPageBlobs(account: Pick<Account, 'kind' | 'sku' | 'isHnsEnabled'>): boolean {
  const kind = account.kind ?? '';
  if (account.isHnsEnabled === true) return false;
  if (kind === 'StorageV2' || kind === 'Storage')
    return account.sku?.name?.includes('ZRS') !== true || kind === 'StorageV2';
  return false;
}

/** Checks an account of the user's: it must hold page blobs and stand in the region of the cluster. */
export function checkStorageAccount(existing: Account, input: Pick<SpecInput, 'plan'>): CapstanError | undefined {
  const { account } = input.plan.storage;
  const where = account.id;
  if (!holdsPageBlobs(existing)) {
    return capstanError('CAP-2010', `The storage account ${account.name} cannot hold page blobs.`, {
      where,
      cause: `its kind is ${existing.kind ?? 'unknown'}${existing.isHnsEnabled === true ? ' with hierarchical namespace' : ''}`,
    });
  }
  const location = (existing.location ?? '').toLowerCase().replaceAll(' ', '');
  if (location !== input.plan.azure.location.toLowerCase()) {
    return capstanError('CAP-2010', `The storage account ${account.name} is in another region.`, {
      where,
      cause: `it is in ${location}, the cluster in ${input.plan.azure.location}; an image is made only from the same region`,
    });
  }
  return undefined;
}

type NetworkFields = Pick<Account, 'publicNetworkAccess' | 'networkRuleSet'>;

/** Network rules as Azure has them. Azure's own services get through, since an image is made by one of them. */
function networkFields({ plan }: Pick<SpecInput, 'plan'>): NetworkFields {
  const { network } = plan.storage;
  if (network === undefined) return { publicNetworkAccess: 'Enabled' };
  return {
    publicNetworkAccess: network.mode === 'private' && !network.closes ? 'Disabled' : 'Enabled',
    networkRuleSet: {
      defaultAction: 'Deny',
      bypass: 'AzureServices',
      virtualNetworkRules: network.subnetIds.map((id) => ({ virtualNetworkResourceId: id, action: 'Allow' as const })),
      ipRules: network.addresses.map((address) => ({ iPAddressOrRange: address, action: 'Allow' as const })),
    },
  };
}

/**
 * The account of the base image: TLS 1.2, no public blob access, shared keys only while SAS is wanted. An open one is
 * shared by the clusters of a group, so later clusters (and policies that change it) leave its settings alone; of one
 * that lets in a single cluster's network, the network rules are kept as they should be.
 */
export function storageAccountSpec(input: SpecInput, existing: Account | undefined): Account | undefined {
  const { plan } = input;
  const network = networkFields(input);
  if (existing !== undefined) return plan.storage.network === undefined ? undefined : reconcile(existing, network);
  return {
    location: plan.azure.location,
    tags: sharedTags(plan.name, plan.tags),
    kind: 'StorageV2',
    sku: { name: 'Standard_LRS' },
    minimumTlsVersion: 'TLS1_2',
    enableHttpsTrafficOnly: true,
    allowBlobPublicAccess: false,
    allowSharedKeyAccess: plan.storage.sharedKeyAccess === 'allowed' && plan.storage.authentication !== 'entra',
    ...network,
  };
}
