import type { StorageAccount } from '@azure/arm-storage';
import type { AzureFacts, ClusterPlan } from '#domain/plan/types.ts';
import { capstanError } from '../errors/capstan-error.ts';
import { Halt } from '../halt.ts';
import type { ImageCopy } from '../storage/copy.ts';
import type { PreflightCheck } from '../types.ts';
import { passed, refused } from './rows.ts';

const title = 'Storage account can be reached';
const id = 'storageAccess';

/**
 * Whether Capstan gets through to the storage account, from where it runs or by a private endpoint, and with which
 * credential. An account of the user's is asked; of one that is still to be made the planned rules are looked at.
 */
export async function storageAccessCheck(
  plan: ClusterPlan,
  facts: AzureFacts,
  copy: Pick<ImageCopy, 'probe'>,
): Promise<PreflightCheck | undefined> {
  if (plan.storage.account.owned) return plannedAccess(plan, facts);
  const { name, id: where } = plan.storage.account;
  // A relay needs the account, too, where no image is copied into it.
  const { storage } = plan;
  const probed = await copy.probe({ ...plan, storage: { ...storage, blob: storage.blob || 'capstan-preflight' } });
  if (probed.status === 'failed' && probed.error.code === 'CAP-3303') {
    const message = `The storage account ${name} is closed to the network that Capstan runs in.`;
    return refused(id, title, capstanError('CAP-2015', message, { where, cause: probed.error.cause }));
  }
  if (probed.status === 'failed') return refused(id, title, probed.error);
  if (probed.status !== 'done') throw new Halt(probed);
  const { credential, reason, dataRole } = probed.value;
  if (dataRole === 'missing') {
    const message = `The identity of Capstan may not read and write blobs in the storage account ${name}.`;
    const remedy = `Give the identity of Capstan the role Storage Blob Data Contributor at ${where}, then apply again.`;
    return refused(id, title, capstanError('CAP-3302', message, { where, remedy }));
  }
  const why = reason === undefined ? '' : ` (${reason})`;
  return passed(id, title, credential === 'sas' ? `${name} answers, by SAS` : `${name} answers, with Entra ID${why}`);
}

/** Rules that would shut out Capstan itself are refused before anything is made. Pure. */
function plannedAccess(plan: ClusterPlan, facts: AzureFacts): PreflightCheck | undefined {
  const { network } = plan.storage;
  if (network === undefined) return undefined;
  const known = facts.capstanNetwork !== undefined || plan.spec.storage.allowedNetworks.length > 0;
  // In a network of the user's Capstan may be at home, or come through a peering.
  if (known || (network.mode === 'private' && plan.network.placement === 'static')) {
    const how = network.closes ? 'open to Capstan for the copy, then private' : network.mode;
    return passed(id, title, how);
  }
  const message = 'The planned network rules of the storage account would shut out Capstan itself.';
  const cause = 'Capstan does not know the network it runs in';
  const remedy =
    'Ask the operator to set CAPSTAN_OUTBOUND_ADDRESSES or CAPSTAN_SUBNET_ID, or name the network of Capstan in spec.storage.allowedNetworks (selectedNetworks).';
  const where = 'spec.storage.networkAccess';
  return refused(id, title, capstanError('CAP-2015', message, { where, cause, remedy }));
}

/** Whether a private endpoint leads to an account of the user's, as `networkAccess: private` says. Pure. */
export function lacksPrivateEndpoint(plan: ClusterPlan, account: StorageAccount): boolean {
  const approved = account.privateEndpointConnections?.some(
    ({ privateLinkServiceConnectionState }) => privateLinkServiceConnectionState?.status === 'Approved',
  );
  return plan.spec.storage.networkAccess === 'private' && approved !== true;
}
