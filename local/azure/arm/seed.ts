import { childId } from './engine/ids.ts';
import type { JsonObject } from './engine/json.ts';
import type { World } from './engine/model.ts';
import { ROLE_ASSIGNMENTS, ROLE_DEFINITIONS } from './engine/rbac.ts';
import type { Resource } from './engine/store.ts';

/** Fixed names of the seeded Azure; the start command and the samples name them. */
export const SEED = {
  tenantId: '11111111-1111-4111-8111-111111111111',
  subscriptionId: '22222222-2222-4222-8222-222222222222',
  appClientId: '33333333-3333-4333-8333-333333333333',
  appPrincipalId: '44444444-4444-4444-8444-444444444444',
  /** Owner of the public base images; not a subscription of this tenant. */
  imagesSubscriptionId: '99999999-9999-4999-8999-999999999999',
} as const;

const SUBSCRIPTION = `/subscriptions/${SEED.subscriptionId}`;
const OWNER = '8e3af657-a8ff-443c-a75c-2fe8c4bcb635';
const BLOB_OWNER = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b';
const SECRETS_OFFICER = 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7';

function put(world: World, id: string, type: string, body: JsonObject, hidden: JsonObject = {}): void {
  const resource: Resource = {
    key: id.toLowerCase(),
    id,
    type,
    name: id.split('/').at(-1) ?? '',
    body,
    hidden,
    state: 'Succeeded',
    childStates: {},
    etag: `W/"${world.random.uuid()}"`,
    busy: undefined,
    createdAt: world.clock.now(),
  };
  world.store.put(resource);
}

function group(world: World, name: string, location: string, subscription = SUBSCRIPTION): string {
  const id = `${subscription}/resourceGroups/${name}`;
  put(world, id, 'Microsoft.Resources/resourceGroups', { location, properties: {} });
  return id;
}

function assign(world: World, scope: string, role: string): void {
  const time = new Date(world.clock.now()).toISOString();
  const properties = {
    roleDefinitionId: `${SUBSCRIPTION}/providers/${ROLE_DEFINITIONS}/${role}`,
    principalId: SEED.appPrincipalId,
    principalType: 'ServicePrincipal',
    scope,
    condition: null,
    conditionVersion: null,
    createdOn: time,
    updatedOn: time,
    createdBy: SEED.appPrincipalId,
    updatedBy: SEED.appPrincipalId,
    delegatedManagedIdentityResourceId: null,
    description: null,
  };
  put(
    world,
    `${scope}/providers/${ROLE_ASSIGNMENTS}/${world.random.uuid()}`,
    ROLE_ASSIGNMENTS,
    { properties },
    { scope, effectiveAt: 0 },
  );
}

/** The network for static placement: two subnets, each with a security group, one route table, one NAT gateway. */
function corporateNetwork(world: World): void {
  const id = group(world, 'network', 'westeurope');
  const at = (type: string, name: string) => `${id}/providers/Microsoft.Network/${type}/${name}`;
  const address = at('publicIPAddresses', 'corp-nat-ip');
  const common = { location: 'westeurope' };
  put(world, address, 'Microsoft.Network/publicIPAddresses', {
    ...common,
    sku: { name: 'Standard', tier: 'Regional' },
    properties: {
      publicIPAddressVersion: 'IPv4',
      publicIPAllocationMethod: 'Static',
      idleTimeoutInMinutes: 4,
      ipTags: [],
      ddosSettings: { protectionMode: 'VirtualNetworkInherited' },
      resourceGuid: world.random.uuid(),
      ipAddress: '20.0.0.2',
    },
  });
  const nat = at('natGateways', 'corp-nat');
  put(world, nat, 'Microsoft.Network/natGateways', {
    ...common,
    sku: { name: 'Standard', tier: 'Regional' },
    properties: {
      idleTimeoutInMinutes: 4,
      scope: 'Public',
      privateIPAddresses: [],
      privateIPAddressesV6: [],
      publicIpAddresses: [{ id: address }],
      resourceGuid: world.random.uuid(),
    },
  });
  const table = at('routeTables', 'corp-routes');
  put(world, table, 'Microsoft.Network/routeTables', {
    ...common,
    properties: {
      disableBgpRoutePropagation: false,
      disablePeeringRoute: 'None',
      routes: [],
      resourceGuid: world.random.uuid(),
    },
  });
  const subnets = [
    ['corp-control-plane', '10.60.0.0/24'],
    ['corp-workers', '10.60.1.0/24'],
  ].map(([name = '', addressPrefix = '']) => {
    const security = at('networkSecurityGroups', `${name}-nsg`);
    put(world, security, 'Microsoft.Network/networkSecurityGroups', {
      ...common,
      properties: { securityRules: [], resourceGuid: world.random.uuid() },
    });
    return {
      name,
      properties: {
        addressPrefix,
        networkSecurityGroup: { id: security },
        routeTable: { id: table },
        natGateway: { id: nat },
        defaultOutboundAccess: false,
        delegations: [],
        privateEndpointNetworkPolicies: 'Disabled',
        privateLinkServiceNetworkPolicies: 'Enabled',
      },
    };
  });
  put(world, at('virtualNetworks', 'corp-vnet'), 'Microsoft.Network/virtualNetworks', {
    ...common,
    properties: {
      addressSpace: { addressPrefixes: ['10.60.0.0/16'] },
      privateEndpointVNetPolicies: 'Disabled',
      enableDdosProtection: false,
      subnets,
      virtualNetworkPeerings: [],
      resourceGuid: world.random.uuid(),
    },
  });
}

function account(world: World, groupId: string, name: string, allowBlobPublicAccess: boolean): void {
  const now = new Date(world.clock.now()).toISOString();
  const key = () => Buffer.from(world.random.filler(64, 'account key', world.random.uuid())).toString('base64');
  const services = ['dfs', 'blob', 'queue', 'table', 'file'].map((service) => [
    service,
    `https://${name}.${service}.core.windows.net/`,
  ]);
  put(
    world,
    childId(`${groupId}/providers/Microsoft.Storage`, 'storageAccounts', name),
    'Microsoft.Storage/storageAccounts',
    {
      sku: { name: 'Standard_LRS', tier: 'Standard' },
      kind: 'StorageV2',
      location: 'westeurope',
      tags: {},
      properties: {
        keyCreationTime: { key1: now, key2: now },
        allowCrossTenantReplication: false,
        privateEndpointConnections: [],
        minimumTlsVersion: 'TLS1_2',
        allowBlobPublicAccess,
        networkAcls: {
          bypass: 'AzureServices',
          virtualNetworkRules: [],
          ipRules: [],
          ipv6Rules: [],
          defaultAction: 'Allow',
        },
        supportsHttpsTrafficOnly: true,
        accessTier: 'Hot',
        creationTime: now,
        primaryEndpoints: Object.fromEntries(services) as JsonObject,
        primaryLocation: 'westeurope',
        statusOfPrimary: 'available',
      },
    },
    { keys: [key(), key()] },
  );
  world.storage.createContainer(name, 'images', allowBlobPublicAccess ? 'Blob' : 'None');
}

/** Fills an empty state with the Azure that every simulation starts from. */
export function seedAzure(world: World): void {
  world.store.putSetting('subscriptions', { [SEED.subscriptionId]: 'Capstan simulation' });
  world.store.putSetting('principals', [SEED.appPrincipalId]);
  group(world, 'platform', 'westeurope');
  group(world, 'nozones', 'northcentralus');
  corporateNetwork(world);
  account(world, group(world, 'storage', 'westeurope'), 'corpimages0001', false);
  account(
    world,
    group(world, 'public-images', 'westeurope', `/subscriptions/${SEED.imagesSubscriptionId}`),
    'capstanimages',
    true,
  );
  const admin = group(world, 'platform-admin', 'westeurope');
  put(
    world,
    `${admin}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/capstan-app`,
    'Microsoft.ManagedIdentity/userAssignedIdentities',
    {
      location: 'westeurope',
      tags: {},
      properties: { tenantId: SEED.tenantId, principalId: SEED.appPrincipalId, clientId: SEED.appClientId },
    },
    { replicatedAt: 0 },
  );
  put(world, `${admin}/providers/Microsoft.KeyVault/vaults/capstan-kv`, 'Microsoft.KeyVault/vaults', {
    location: 'westeurope',
    properties: {
      sku: { family: 'A', name: 'standard' },
      tenantId: SEED.tenantId,
      enableSoftDelete: true,
      softDeleteRetentionInDays: 90,
      publicNetworkAccess: 'Enabled',
      enableRbacAuthorization: true,
      vaultUri: 'https://capstan-kv.vault.azure.net/',
    },
  });
  for (const role of [OWNER, BLOB_OWNER, SECRETS_OFFICER]) assign(world, SUBSCRIPTION, role);
}
