import type { SurfaceOperation } from '../engine/surface.ts';

function operation(method: string, path: string, version: string, query: readonly string[] = []): SurfaceOperation {
  return { pkg: 'extra', group: 'extra', op: '', method, path, version, query, statuses: [] };
}

const VAULT =
  '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.KeyVault/vaults/{vaultName}';
const LOCK = '/{scope}/providers/Microsoft.Authorization/locks/{lockName}';
const POLICY = '/{scope}/providers/Microsoft.Authorization/policyAssignments';

const NETWORK = '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Network';
const ZONE = `${NETWORK}/privateDnsZones/{privateZoneName}`;
const LINK = `${ZONE}/virtualNetworkLinks/{virtualNetworkLinkName}`;
const ENDPOINT = `${NETWORK}/privateEndpoints/{privateEndpointName}`;
const ZONE_GROUP = `${ENDPOINT}/privateDnsZoneGroups/{privateDnsZoneGroupName}`;
const DENY = '/{scope}/providers/Microsoft.Authorization/denyAssignments';

const DEPLOYMENT =
  '/subscriptions/{subscriptionId}/resourcegroups/{resourceGroupName}/providers/Microsoft.Resources/deployments/{deploymentName}';
const COMPUTE_LOCATION = '/subscriptions/{subscriptionId}/providers/Microsoft.Compute/locations/{location}';
const IMAGES = `${COMPUTE_LOCATION}/publishers`;
const OFFERS = `${IMAGES}/{publisherName}/artifacttypes/vmimage/offers`;
const SKUS = `${OFFERS}/{offer}/skus`;
const VAULTS = '/subscriptions/{subscriptionId}/providers/Microsoft.KeyVault';

/** GET, PUT, DELETE (and PATCH) of a resource, and the list of its siblings. */
function resource(path: string, version: string, patch = false): readonly SurfaceOperation[] {
  const collection = path.slice(0, path.lastIndexOf('/'));
  const methods = ['GET', 'PUT', 'DELETE', ...(patch ? ['PATCH'] : [])];
  return [
    ...methods.map((method) => operation(method, path, version)),
    operation('GET', collection, version, ['$top', '$recordsetnamesuffix']),
  ];
}

/** Types of record sets in a private zone. */
export const RECORD_TYPES = ['A', 'AAAA', 'CNAME', 'MX', 'PTR', 'SOA', 'SRV', 'TXT'] as const;

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
  operation('GET', '/{scope}/providers/Microsoft.Authorization/policyDefinitions/{policyDefinitionName}', '2023-04-01'),
  operation(
    'GET',
    '/subscriptions/{subscriptionId}/providers/Microsoft.Network/locations/{location}/CheckDnsNameAvailability',
    '2026-01-01',
    ['domainNameLabel'],
  ),
  operation('GET', DENY, '2022-04-01', ['$filter']),
  operation('GET', `${DENY}/{denyAssignmentId}`, '2022-04-01'),
  ...resource(ZONE, '2024-06-01', true),
  ...resource(LINK, '2024-06-01', true),
  ...RECORD_TYPES.flatMap((type) => resource(`${ZONE}/${type}/{relativeRecordSetName}`, '2024-06-01')),
  operation('GET', `${ZONE}/ALL`, '2024-06-01', ['$top', '$recordsetnamesuffix']),
  ...resource(DEPLOYMENT, '2025-04-01'),
  operation('POST', `${DEPLOYMENT}/validate`, '2025-04-01'),
  operation('POST', `${DEPLOYMENT}/whatIf`, '2025-04-01'),
  operation('POST', `${DEPLOYMENT}/cancel`, '2025-04-01'),
  operation('POST', `${DEPLOYMENT}/exportTemplate`, '2025-04-01'),
  operation('GET', `${DEPLOYMENT}/operations`, '2025-04-01', ['$top']),
  // The az CLI asks at the older address.
  operation('GET', `${DEPLOYMENT.replace('providers/Microsoft.Resources/', '')}/operations`, '2025-04-01', ['$top']),
  operation('GET', `${DEPLOYMENT}/operations/{operationId}`, '2025-04-01'),
  operation('GET', `${COMPUTE_LOCATION}/vmSizes`, '2025-11-01'),
  operation('GET', IMAGES, '2025-11-01'),
  operation('GET', OFFERS, '2025-11-01'),
  operation('GET', SKUS, '2025-11-01'),
  operation('GET', `${SKUS}/{sku}/versions`, '2025-11-01', ['$expand', '$orderby']),
  operation('GET', `${SKUS}/{sku}/versions/{version}`, '2025-11-01'),
  operation('POST', `${VAULTS}/checkNameAvailability`, '2026-02-01'),
  operation('GET', `${VAULTS}/deletedVaults`, '2026-02-01'),
  operation('GET', `${VAULTS}/locations/{location}/deletedVaults/{vaultName}`, '2026-02-01'),
  operation('POST', `${VAULTS}/locations/{location}/deletedVaults/{vaultName}/purge`, '2026-02-01'),
  operation('GET', `${VAULTS}/vaults`, '2026-02-01', ['$top', '$filter']),
  ...resource(ENDPOINT, '2026-01-01'),
  ...resource(ZONE_GROUP, '2026-01-01'),
];
