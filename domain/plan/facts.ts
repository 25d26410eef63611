import type { AzureFacts } from './types.ts';

/**
 * Facts for a changed document: what the cluster was planned with stays (accounts, zones of sizes in use, the network),
 * so that names and the spread over zones do not move; sizes that are new and a changed image come from the new reading.
 */
export function updatedFacts(
  stored: AzureFacts,
  read: AzureFacts,
  options: { readonly newImage: boolean },
): AzureFacts {
  const { imageSource: _old, shares: _oldShares, ...rest } = stored;
  const imageSource = options.newImage ? read.imageSource : stored.imageSource;
  // A cluster that began with a gallery image has no account yet.
  const account =
    stored.storageAccountName === ''
      ? { storageAccountName: read.storageAccountName, storageAccountExists: read.storageAccountExists }
      : {};
  // The account stays, and with it its number.
  const { account: number, ...others } = (options.newImage ? read : stored).shares ?? {};
  const kept = stored.storageAccountName === '' ? number : stored.shares?.account;
  const shares = { ...others, ...(kept === undefined ? {} : { account: kept }) };
  return {
    ...rest,
    ...account,
    vmSizes: { ...read.vmSizes, ...stored.vmSizes },
    ...(imageSource === undefined ? {} : { imageSource }),
    ...(Object.keys(shares).length === 0 ? {} : { shares }),
  };
}
