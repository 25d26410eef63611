import type { ListedAccount } from '#azure/types.ts';
import type { Config } from '#config/config.ts';
import { CapstanFailure } from '#domain/errors/error.ts';
import { azureOf } from './azure.ts';

/**
 * Storage accounts and their containers, as ARM lists them.
 *
 * @throws CapstanFailure CAP-1012 when the operator of this Capstan does not allow the subscription or group, or
 * whatever Azure answers
 */
export async function listStorageAccounts(
  config: Config,
  subscriptionId: string,
  resourceGroup: string | undefined,
): Promise<{ readonly accounts: readonly ListedAccount[] }> {
  const { allowedSubscriptions, allowedResourceGroups } = config;
  const foreign =
    allowedSubscriptions?.includes(subscriptionId.toLowerCase()) === false ||
    (allowedResourceGroups !== undefined &&
      (resourceGroup === undefined || !allowedResourceGroups.includes(resourceGroup.toLowerCase())));
  if (foreign)
    throw new CapstanFailure({
      code: 'CAP-1012',
      message: 'This subscription or resource group is not allowed here',
      where: subscriptionId,
    });
  const azure = await azureOf(config);
  const listed = await azure.listStorage(subscriptionId, resourceGroup);
  if (listed.status === 'done') return listed.value;
  if (listed.status === 'failed') throw new CapstanFailure(listed.error);
  throw new CapstanFailure({ code: 'CAP-9007', message: 'Azure does not answer now: try again in a minute' });
}
