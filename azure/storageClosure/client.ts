import type { KindDefinition } from '../resource/kind.ts';
import { storageAccount } from '../storageAccount/client.ts';
import type { Account } from '../storageAccount/spec.ts';
import { storageClosureSpec } from './spec.ts';

/** Not a resource of its own: the last state of a private account, which lives and dies with the account. */
export const storageClosure: KindDefinition<Account> = {
  ...storageAccount,
  kind: 'storageClosure',
  title: 'closing of the storage account',
  ownership: 'parent',
  desired: storageClosureSpec,
};
