import type { AnyPlan } from '#domain/managed/types.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import type { Connection } from '../clients/clients.ts';
import { readArm } from '../clients/read.ts';
import { capstanError } from '../errors/capstan-error.ts';
import type { PreflightCheck } from '../types.ts';
import { missingActions, missingDataActions, neededActions, type PermissionEntry } from './actions.ts';
import { passed, refused } from './rows.ts';

const blobs = 'Microsoft.Storage/storageAccounts/blobServices/containers/blobs';
/** Data actions of the copy with Entra ID. */
const blobActions = [`${blobs}/read`, `${blobs}/write`, `${blobs}/delete`];
const listKeys = 'Microsoft.Storage/storageAccounts/listKeys/action';

/** What the identity of Capstan is granted at a scope; undefined when it may not see that. */
async function grantedAt(
  connection: Connection,
  plan: AnyPlan,
  scope: string,
): Promise<readonly PermissionEntry[] | undefined> {
  const path = `${scope}/providers/Microsoft.Authorization/permissions?api-version=2022-04-01`;
  const read = await readArm(connection, plan.azure.subscriptionId, path);
  return read.ok ? (read.value as readonly PermissionEntry[]) : undefined;
}

/** Whether Capstan may do all the plan needs: the permissions API of every scope against the actions of the plan. */
export async function permissionCheck(connection: Connection, plan: AnyPlan): Promise<PreflightCheck> {
  const id = 'permissions';
  const title = 'Permissions';
  const problems: string[] = [];
  const unread: string[] = [];
  let actions = 0;
  for (const [scope, wanted] of neededActions(plan)) {
    actions += wanted.length;
    const granted = await grantedAt(connection, plan, scope);
    if (granted === undefined) unread.push(scope);
    const missing = granted === undefined ? [] : missingActions(wanted, granted);
    if (missing.length > 0) problems.push(`${missing.join(', ')} at ${scope}`);
  }
  if (problems.length === 0) {
    const note = unread.length === 0 ? '' : ` · not readable at ${unread.join(', ')}`;
    return passed(id, title, `${actions} actions allowed${note}`);
  }
  const cause = `missing: ${problems.join('; ')}`;
  const remedy = `Give the identity of Capstan a role with these actions (npm run role writes it): ${problems.join('; ')}.`;
  const message = 'The identity of Capstan may not do everything the plan needs.';
  return refused(id, title, capstanError('CAP-2008', message, { where: plan.azure.resourceGroup, cause, remedy }));
}

/**
 * Whether Capstan will be able to write the copy of the image into an account that it makes: with a key (listKeys) or with
 * a data role, as `spec.storage.authentication` wants it. An account of the user's is asked itself.
 */
export async function dataRoleCheck(connection: Connection, plan: ClusterPlan): Promise<PreflightCheck> {
  const id = 'dataRole';
  const title = 'Data role';
  const { account, authentication, sharedKeyAccess } = plan.storage;
  const scope = `/subscriptions/${plan.azure.subscriptionId}/resourceGroups/${account.resourceGroup}`;
  const granted = await grantedAt(connection, plan, scope);
  if (granted === undefined) return passed(id, title, 'not readable for the identity of Capstan');
  const data = missingDataActions(blobActions, granted);
  const keys = missingActions([listKeys], granted);
  const usesKeys = authentication !== 'entra' && sharedKeyAccess === 'allowed';
  if (authentication === 'sas' ? keys.length === 0 : data.length === 0)
    return passed(id, title, authentication === 'sas' ? 'keys may be listed' : 'blobs may be read and written');
  if (authentication === 'automatic' && usesKeys && keys.length === 0)
    return passed(id, title, 'keys may be listed; no data role, so an account that refuses keys would stop the copy');
  const missing = authentication === 'sas' ? keys : [...data, ...(usesKeys ? keys : [])];
  const error = capstanError('CAP-2021', 'The identity of Capstan may not write blobs in the account of the image.', {
    where: scope,
    cause: `missing: ${missing.join(', ')}`,
    remedy:
      authentication === 'sas'
        ? `Give it a role with ${listKeys} at ${scope}, or use spec.storage.authentication automatic or entra.`
        : `Run az role assignment create --role "Storage Blob Data Contributor" --scope ${scope} --assignee-object-id <the identity's principal id> --assignee-principal-type ServicePrincipal.`,
  });
  return refused(id, title, error);
}
