import { type CallResult, call } from '../clients/capture.ts';
import type { Connection } from '../clients/clients.ts';

/**
 * Looks a storage account up through ARM in the allowed subscriptions: only such an account may get a bearer token of
 * Capstan, or stand behind a private address.
 *
 * @param own subscription of the cluster, which counts as allowed when the settings name none
 * @returns the account's resource id, or undefined when no allowed subscription has it
 */
export async function findAccount(
  connection: Connection,
  name: string,
  own: string,
): Promise<CallResult<string | undefined>> {
  const subscriptions = connection.settings.allowedSubscriptions ?? [own];
  let answer: CallResult<string | undefined> = { ok: true, value: undefined, last: undefined };
  for (const subscriptionId of subscriptions) {
    const { storageAccounts } = await connection.clients(subscriptionId).storage();
    answer = await call(async () => {
      for await (const account of storageAccounts.list()) {
        if (account.name?.toLowerCase() === name) return account.id;
      }
      return undefined;
    });
    if (answer.ok && answer.value !== undefined) return answer;
  }
  return answer;
}
