import type { SpecInput } from '../resource/kind.ts';
import { reconcile } from '../resource/reconcile.ts';
import type { Account } from '../storageAccount/spec.ts';

/** Disables the public endpoint: only private endpoints lead to the account from now on. */
export function storageClosureSpec(_: SpecInput, existing: Account | undefined): Account | undefined {
  if (existing === undefined) throw new Error('the account that is to be closed does not exist');
  return reconcile<Account>(existing, { publicNetworkAccess: 'Disabled' });
}
