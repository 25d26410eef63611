import { armId, storageAccountCandidates } from '#domain/names/names.ts';
import type { ClusterDocument } from '#domain/spec/types.ts';
import { call } from '../clients/capture.ts';
import type { Clients } from '../clients/clients.ts';
import { capstanError } from '../errors/capstan-error.ts';
import { found, halt, need } from '../halt.ts';
import { isOurs } from '../resource/ownership.ts';

export interface AccountChoice {
  readonly storageAccountName: string;
  readonly storageAccountExists: boolean;
}

/**
 * The account of the base image: the user's own, or the first candidate that is ours already or free. Names are shared
 * by all of Azure, so a candidate may belong to somebody else (azure-behaviour.md §6, Storage account names).
 */
export async function chooseAccount(clients: Clients, document: ClusterDocument): Promise<AccountChoice> {
  const { storage, azure } = document.spec;
  const { storageAccounts } = await clients.storage();
  const id = (group: string, name: string) =>
    armId(azure.subscriptionId, group, 'Microsoft.Storage/storageAccounts', name);
  const read = async (group: string, name: string) =>
    found(await call(() => storageAccounts.getProperties(group, name)), id(group, name), 'read the storage account');
  if (storage.account !== undefined) {
    const group = storage.resourceGroup ?? azure.resourceGroup;
    const own = await read(group, storage.account);
    if (own !== undefined) return { storageAccountName: storage.account, storageAccountExists: true };
    return halt(
      capstanError('CAP-2010', `The storage account ${storage.account} does not exist in the group ${group}.`, {
        where: 'spec.storage.account',
      }),
    );
  }
  const alone = storage.networkAccess === 'open' ? undefined : document.metadata.name;
  const candidates = storageAccountCandidates(azure.subscriptionId, azure.resourceGroup, azure.location, alone);
  for (const name of candidates) {
    const existing = await read(azure.resourceGroup, name);
    if (existing !== undefined && isOurs('shared', existing.tags, document.metadata.name)) {
      return { storageAccountName: name, storageAccountExists: true };
    }
    if (existing !== undefined) continue;
    const answer = await call(() =>
      storageAccounts.checkNameAvailability({ name, type: 'Microsoft.Storage/storageAccounts' }),
    );
    if (need(answer, name, 'check the name of the storage account').nameAvailable === true) {
      return { storageAccountName: name, storageAccountExists: false };
    }
  }
  return halt(
    capstanError('CAP-2011', 'No storage account name is free.', {
      where: 'spec.storage',
      cause: `tried ${candidates.join(', ')}`,
    }),
  );
}
