import { SEED } from '#local/azure/azure.ts';
import { addressOf, operationsAt, versionsOf } from '#local/azure/arm/engine/routes.ts';
import type { Bench } from '../harness.ts';
import type { Exchange } from './exchanges.ts';

/** Region of the exchange. */
const at = { location: 'westus2' };
const group = /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+/iu;
let octet = 0;

/** The least that makes a resource of a type, for those that a recorded request refers to. */
const least: Readonly<Record<string, (id: string) => object>> = {
  'microsoft.network/virtualnetworks': () => ({
    ...at,
    properties: { addressSpace: { addressPrefixes: ['10.0.0.0/8'] } },
  }),
  'microsoft.network/virtualnetworks/subnets': () => ({
    properties: { addressPrefix: `10.${200 + (octet++ % 50)}.0.0/24` },
  }),
  'microsoft.network/networksecuritygroups': () => at,
  'microsoft.network/routetables': () => at,
  'microsoft.network/natgateways': () => ({ ...at, sku: { name: 'Standard' } }),
  'microsoft.network/publicipaddresses': () => ({
    ...at,
    sku: { name: 'Standard' },
    properties: { publicIPAllocationMethod: 'Static' },
  }),
  'microsoft.network/networkinterfaces': (id) => ({
    ...at,
    properties: {
      ipConfigurations: [
        {
          name: 'c',
          properties: {
            subnet: { id: `${group.exec(id)?.[0]}/providers/Microsoft.Network/virtualNetworks/least/subnets/least` },
          },
        },
      ],
    },
  }),
  'microsoft.network/loadbalancers': (id) => ({
    ...at,
    sku: { name: 'Standard' },
    properties: {
      frontendIPConfigurations: [
        {
          name: 'f',
          properties: {
            publicIPAddress: { id: `${group.exec(id)?.[0]}/providers/Microsoft.Network/publicIPAddresses/least` },
          },
        },
      ],
      backendAddressPools: [{ name: 'b', properties: {} }],
    },
  }),
  'microsoft.network/networksecuritygroups/securityrules': () => ({
    properties: {
      priority: 500,
      direction: 'Inbound',
      access: 'Allow',
      protocol: 'Tcp',
      sourcePortRange: '*',
      destinationPortRange: '22',
      sourceAddressPrefix: '*',
      destinationAddressPrefix: '*',
    },
  }),
  'microsoft.network/routetables/routes': () => ({ properties: { addressPrefix: '10.9.0.0/16', nextHopType: 'None' } }),
  'microsoft.network/privateendpoints': (id) => ({
    ...at,
    properties: {
      subnet: { id: `${group.exec(id)?.[0]}/providers/Microsoft.Network/virtualNetworks/least/subnets/least` },
      privateLinkServiceConnections: [
        {
          name: 'l',
          properties: {
            privateLinkServiceId: `${group.exec(id)?.[0]}/providers/Microsoft.Storage/storageAccounts/leastaccount1`,
            groupIds: ['blob'],
          },
        },
      ],
    },
  }),
  'microsoft.authorization/locks': () => ({ properties: { level: 'CanNotDelete' } }),
  'microsoft.authorization/roleassignments': (id) => ({
    properties: {
      principalId: SEED.appPrincipalId,
      principalType: 'ServicePrincipal',
      roleDefinitionId: `${id.split('/').slice(0, 3).join('/')}/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7`,
    },
  }),
  'microsoft.network/privatednszones': () => ({ location: 'global' }),
  'microsoft.compute/disks': () => ({ ...at, properties: { creationData: { createOption: 'Empty' }, diskSizeGB: 32 } }),
  'microsoft.compute/availabilitysets': () => ({ ...at, sku: { name: 'Aligned' }, properties: {} }),
  'microsoft.compute/galleries': () => at,
  'microsoft.compute/galleries/images': () => ({
    ...at,
    properties: {
      osType: 'Linux',
      osState: 'Generalized',
      hyperVGeneration: 'V2',
      identifier: { publisher: 'p', offer: 'o', sku: 's' },
    },
  }),
  'microsoft.compute/images': (id) => ({
    ...at,
    properties: {
      storageProfile: {
        osDisk: {
          osType: 'Linux',
          osState: 'Generalized',
          managedDisk: { id: `${group.exec(id)?.[0]}/providers/Microsoft.Compute/disks/least` },
        },
      },
    },
  }),
  'microsoft.compute/virtualmachines': (id) => ({
    ...at,
    properties: {
      hardwareProfile: { vmSize: 'Standard_D2s_v5' },
      storageProfile: {
        imageReference: { publisher: 'Canonical', offer: 'ubuntu-24_04-lts', sku: 'server', version: 'latest' },
        osDisk: { createOption: 'FromImage' },
      },
      osProfile: { computerName: 'm', adminUsername: 'capi', adminPassword: 'Not-a-real-1' },
      networkProfile: {
        networkInterfaces: [
          { id: `${group.exec(id)?.[0]}/providers/Microsoft.Network/networkInterfaces/nic-of-least` },
        ],
      },
    },
  }),
  'microsoft.storage/storageaccounts': () => ({ ...at, kind: 'StorageV2', sku: { name: 'Standard_LRS' } }),
  'microsoft.storage/storageaccounts/blobservices/containers': () => ({}),
  'microsoft.managedidentity/userassignedidentities': () => at,
  'microsoft.keyvault/vaults': () => ({
    ...at,
    properties: { tenantId: SEED.tenantId, sku: { family: 'A', name: 'standard' }, enableRbacAuthorization: true },
  }),
  'microsoft.containerservice/managedclusters': () => ({
    ...at,
    identity: { type: 'SystemAssigned' },
    properties: {
      dnsPrefix: 'least',
      agentPoolProfiles: [{ name: 'system', mode: 'System', count: 1, vmSize: 'Standard_D2s_v5' }],
    },
  }),
  'microsoft.containerservice/managedclusters/agentpools': () => ({
    properties: { mode: 'User', count: 1, vmSize: 'Standard_D2s_v5' },
  }),
};

const typeOf = (id: string): string => {
  const { provider, types } = addressOf(id);
  return [provider, ...types].join('/').toLowerCase();
};

/** The newest api-version of a resource that is no preview. */
export function newest(id: string): string {
  const address = addressOf(id);
  return versionsOf(address, operationsAt(address)).findLast((version) => !version.includes('preview')) ?? '';
}

async function exists(bench: Bench, id: string): Promise<boolean> {
  return (await bench.call('GET', `${id}?api-version=${newest(id)}`)).status === 200;
}

/** Ids below `value`, as references have them. */
function references(value: any, found = new Set<string>()): Set<string> {
  if (Array.isArray(value)) for (const item of value) references(item, found);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      if (key.toLowerCase().endsWith('id') && typeof item === 'string' && group.test(item)) found.add(item);
      else references(item, found);
    }
    for (const key of Object.keys(value.userAssignedIdentities ?? {})) found.add(key);
  }
  return found;
}

async function put(bench: Bench, id: string, body: object): Promise<void> {
  const answer = await bench.call('PUT', `${id}?api-version=${newest(id)}`, body);
  if (answer.status >= 300) throw new Error(`cannot prepare ${id}: ${answer.status} ${JSON.stringify(answer.body)}`);
  bench.settle();
}

/** Roles are given to the principal that there is. */
export function withPrincipal(body: any, id: string): any {
  if (!/\/roleAssignments\//iu.test(id) || body?.properties === undefined) return body;
  const { principalType } = body.properties;
  const type = principalType === undefined ? {} : { principalType: 'ServicePrincipal' };
  return { ...body, properties: { ...body.properties, principalId: SEED.appPrincipalId, ...type } };
}

/** The body with which a resource was made in the recording. */
type Recorded = (id: string) => object | undefined;

/** Makes a resource with what it stands on, when it is not there. A body is the recorded one, if there is one. */
export async function ensure(bench: Bench, id: string, recorded: Recorded = () => undefined): Promise<void> {
  const groupId = group.exec(id)?.[0];
  if (groupId !== undefined && !(await exists(bench, groupId))) await put(bench, groupId, recorded(groupId) ?? at);
  if (id === groupId || groupId === undefined) return;
  const { provider, types, names, scope } = addressOf(id);
  if (types.length === 0 || types.length !== names.length) throw new Error(`${id} is no id`);
  // Parts of a load balancer or an interface stand in its own document.
  if (/\/(?:loadBalancers|networkInterfaces)\/[^/]+\//iu.test(id)) {
    await ensure(bench, id.split('/').slice(0, 9).join('/'), recorded);
    if (!/\/inboundNatRules\//iu.test(id) || (await exists(bench, id)) || recorded(id) === undefined) return;
    await put(bench, id, recorded(id) ?? {});
    return;
  }
  if (await exists(bench, id)) return;
  if (scope !== groupId && scope.includes('/providers/')) await ensure(bench, scope, recorded);
  if (types.length > 1 && !/\/blobServices\/default/iu.test(id))
    await ensure(
      bench,
      `${scope}/providers/${provider}/${types
        .slice(0, -1)
        .map((type, index) => `${type}/${names[index]}`)
        .join('/')}`,
      recorded,
    );
  if (/\/blobServices\/default/iu.test(id)) await ensure(bench, id.split('/blobServices/')[0] ?? '', recorded);
  const found = recorded(id) ?? least[typeOf(id)]?.(id);
  const document = found === undefined ? undefined : withPrincipal(found, id);
  if (document === undefined) throw new Error(`no least ${typeOf(id)}`);
  for (const reference of references(document))
    if (!reference.toLowerCase().startsWith(id.toLowerCase())) await ensure(bench, reference, recorded);
  await put(bench, id, document);
}

/** Answers that say that what contains the resource, or what it refers to, is absent. */
const withoutParent = new Set(['ResourceGroupNotFound', 'ParentResourceNotFound', 'SubscriptionNotFound']);
const withoutReferences = new Set(['InvalidResourceReference', 'FailedIdentityOperation']);

/** Brings the bench into the state that the recorded answer speaks of. */
export async function prepare(bench: Bench, exchange: Exchange, all: readonly Exchange[]): Promise<void> {
  const { method, path, body, response } = exchange;
  const region = body?.location ?? response.body?.location ?? 'global';
  at.location = region === 'global' ? 'westus2' : region;
  const groupId = group.exec(path)?.[0];
  const code = response.body?.error?.code;
  const isNew = path === groupId && [201, 400, 404].includes(response.status);
  if (groupId === undefined || isNew || /operation(?:s|statuses|results)\//iu.test(path) || withoutParent.has(code))
    return;
  // The last write before the exchange, in the same recording.
  const recorded: Recorded = (id) =>
    all
      .slice(0, all.indexOf(exchange) + (response.status === 201 || response.status === 202 ? 0 : 1))
      .findLast(
        (other) =>
          other.file === exchange.file &&
          other.method === 'PUT' &&
          other.path.toLowerCase() === id.toLowerCase() &&
          other.body !== undefined &&
          other.response.status < 300,
      )?.body;
  await ensure(bench, groupId, recorded);
  const { types, names, scope } = addressOf(path);
  const above = path.split('/').slice(0, -1).join('/');
  const isMade = method === 'PUT' && [201, 202].includes(response.status);
  if (types.length > names.length) {
    // A list, an action: what it belongs to must be there.
    if (path !== groupId) await ensure(bench, names.length === 0 ? scope : above, recorded);
  } else if (/\/resources$|\/moveResources$/iu.test(path)) return;
  else if (response.status < 300 && !isMade && response.status !== 204 && !/\/tags\/default$/iu.test(path))
    await ensure(bench, path, recorded);
  // What is gone is the parent.
  else if (names.length > 1 && code === 'ResourceNotFound') return;
  else if (names.length > 1) {
    const parent = path
      .split('/')
      .slice(0, -2)
      .join('/')
      .replace(/\/blobServices\/default$/u, '');
    await ensure(bench, parent, recorded);
  } else if (scope !== groupId && scope.includes('/providers/')) await ensure(bench, scope, recorded);
  if (response.status === 404 || withoutReferences.has(code)) return;
  for (const reference of references(body))
    if (!reference.toLowerCase().startsWith(path.toLowerCase())) await ensure(bench, reference, recorded);
}
