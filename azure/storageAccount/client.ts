import type { StorageAccountCreateParameters } from '@azure/arm-storage';
import type { KindDefinition } from '../resource/kind.ts';
import { type Account, checkStorageAccount, storageAccountSpec } from './spec.ts';

export const storageAccount: KindDefinition<Account> = {
  kind: 'storageAccount',
  title: 'storage account',
  ownership: 'shared',
  family: 'storage',
  desired: storageAccountSpec,
  check: checkStorageAccount,
  describe: ({ id, tags, provisioningState }) => ({ id, tags, provisioningState }),
  read: async (clients, { resourceGroup, names: [name = ''] }) =>
    (await clients.storage()).storageAccounts.getProperties(resourceGroup, name),
  write: async (clients, { resourceGroup, names: [name = ''] }, body) => ({
    poller: (await clients.storage()).storageAccounts.create(
      resourceGroup,
      name,
      body as StorageAccountCreateParameters,
    ),
  }),
  erase: async (clients, { resourceGroup, names: [name = ''] }) => ({
    body: await (await clients.storage()).storageAccounts.delete(resourceGroup, name),
  }),
};
