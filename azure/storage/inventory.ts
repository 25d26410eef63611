import type { StorageAccount } from '@azure/arm-storage';
import type { Outcome } from '#domain/outcome.ts';
import { call } from '../clients/capture.ts';
import type { Clients, Connection } from '../clients/clients.ts';
import { collect } from '../clients/collect.ts';
import { need, untilHalted } from '../halt.ts';
import { parseArmId } from '../resource/arm-id.ts';
import { holdsPageBlobs } from '../storageAccount/spec.ts';

export interface ListedContainer {
  readonly name: string;
  readonly id: string;
  readonly publicAccess: 'none' | 'blob' | 'container';
}

/** A storage account that a request could name under `spec.storage.account`. */
export interface ListedAccount {
  readonly name: string;
  readonly id: string;
  readonly resourceGroup: string;
  readonly location: string;
  /** General purpose without hierarchical namespace. */
  readonly holdsPageBlobs: boolean;
  readonly sharedKeyAccess: 'allowed' | 'denied';
  readonly networkAccess: 'open' | 'selectedNetworks' | 'private';
  /** Undefined when they could not be read (`unreadable` says why). */
  readonly containers: readonly ListedContainer[] | undefined;
  readonly unreadable?: string;
}

/** Accounts whose containers are read at the same time. */
const atOnce = 4;

function networkAccess(account: StorageAccount): ListedAccount['networkAccess'] {
  if (account.publicNetworkAccess === 'Disabled') return 'private';
  return account.networkRuleSet?.defaultAction === 'Deny' ? 'selectedNetworks' : 'open';
}

async function listed(clients: Clients, account: StorageAccount): Promise<ListedAccount> {
  const id = account.id ?? '';
  const { resourceGroup } = parseArmId(id);
  const name = account.name ?? '';
  const facts = {
    name,
    id,
    resourceGroup,
    location: (account.location ?? '').toLowerCase().replaceAll(' ', ''),
    holdsPageBlobs: holdsPageBlobs(account),
    sharedKeyAccess: account.allowSharedKeyAccess === false ? ('denied' as const) : ('allowed' as const),
    networkAccess: networkAccess(account),
  };
  const { blobContainers } = await clients.storage();
  const read = await call(() => collect(blobContainers.list(resourceGroup, name)));
  if (!read.ok) {
    const { status, code, transport } = read.failure;
    return { ...facts, containers: undefined, unreadable: `${status ?? ''} ${code || (transport ?? '')}`.trim() };
  }
  const containers = read.value.map((container) => ({
    name: container.name ?? '',
    id: container.id ?? '',
    publicAccess: (container.publicAccess ?? 'None').toLowerCase() as ListedContainer['publicAccess'],
  }));
  return { ...facts, containers };
}

/**
 * Lists the storage accounts of a subscription (or of one resource group) with their containers, to choose from. Through
 * Azure Resource Manager alone: no key, no data role. Nothing is written.
 *
 * @returns accounts by name; the error of the list itself, while an unreadable account is listed as such
 */
export function listStorage(
  connection: Connection,
  subscriptionId: string,
  resourceGroup?: string,
): Promise<Outcome<{ readonly accounts: readonly ListedAccount[] }>> {
  return untilHalted(async () => {
    const clients = connection.clients(subscriptionId);
    const { storageAccounts } = await clients.storage();
    const where = `/subscriptions/${subscriptionId}${resourceGroup === undefined ? '' : `/resourceGroups/${resourceGroup}`}`;
    const found = need(
      await call(() =>
        collect(
          resourceGroup === undefined ? storageAccounts.list() : storageAccounts.listByResourceGroup(resourceGroup),
        ),
      ),
      where,
      'list the storage accounts',
    );
    const accounts: ListedAccount[] = [];
    for (let at = 0; at < found.length; at += atOnce) {
      const part = found.slice(at, at + atOnce);
      accounts.push(...(await Promise.all(part.map((account) => listed(clients, account)))));
    }
    return { accounts: accounts.sort((a, b) => (a.name < b.name ? -1 : 1)) };
  });
}
