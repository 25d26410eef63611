import type { SurfaceOperation } from '../engine/surface.ts';

function operation(method: string, path: string, version: string, query: readonly string[] = []): SurfaceOperation {
  return { pkg: 'extra', group: 'extra', op: '', method, path, version, query, statuses: [] };
}

const VAULT =
  '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.KeyVault/vaults/{vaultName}';
const LOCK = '/{scope}/providers/Microsoft.Authorization/locks/{lockName}';
const POLICY = '/{scope}/providers/Microsoft.Authorization/policyAssignments';

/** Operations of kinds whose SDK package is not a dependency of Capstan. Bodies of these are not checked property by property. */
export const EXTRA_OPERATIONS: readonly SurfaceOperation[] = [
  operation('GET', '/subscriptions', '2022-12-01'),
  operation('GET', '/subscriptions/{subscriptionId}', '2022-12-01'),
  operation('GET', '/subscriptions/{subscriptionId}/locations', '2022-12-01', ['includeExtendedLocations']),
  operation('GET', '/tenants', '2022-12-01'),
  operation('GET', VAULT, '2026-02-01'),
  operation('PUT', VAULT, '2026-02-01'),
  operation('PATCH', VAULT, '2026-02-01'),
  operation('DELETE', VAULT, '2026-02-01'),
  operation('GET', VAULT.replace('/{vaultName}', ''), '2026-02-01', ['$top']),
  operation('GET', LOCK, '2020-05-01'),
  operation('PUT', LOCK, '2020-05-01'),
  operation('DELETE', LOCK, '2020-05-01'),
  operation('GET', LOCK.replace('/{lockName}', ''), '2020-05-01', ['$filter']),
  operation('GET', POLICY, '2023-04-01', ['$filter', '$top']),
  operation('GET', `${POLICY}/{policyAssignmentName}`, '2023-04-01'),
];
