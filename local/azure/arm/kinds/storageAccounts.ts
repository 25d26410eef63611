import { z } from 'zod';
import type { StorageAccountView } from '../../service.ts';
import { DELETED, immediate } from '../catalogue/profiles.ts';
import { ArmError, jsonReply } from '../engine/errors.ts';
import { at, type JsonObject, object, strings, text } from '../engine/json.ts';
import type { Action, Kind, PutRequest, World } from '../engine/model.ts';
import type { Resource } from '../engine/store.ts';
import { locationOf, withProperties } from '../engine/view.ts';
import { findIdentity, identityNotFound } from './identities.ts';
import { envelope, without } from './common.ts';
import { callerReaches, endpointConnections, subnetWithoutEndpoint } from './storageNetwork.ts';

const TYPE = 'Microsoft.Storage/storageAccounts';

/** The account with this name in any subscription: names are global. */
export function findAccount(world: World, name: string): Resource | undefined {
  for (const account of world.store.ofType(TYPE)) if (account.name === name) return account;
  return undefined;
}

/** Refusal of a bad account name (azure-recordings/storageAccounts.json). */
export function accountNameError(name: string): ArmError | undefined {
  if (/^[a-z0-9]{3,24}$/u.test(name)) return undefined;
  return new ArmError(
    400,
    'AccountNameInvalid',
    `${name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in length and use numbers and lower-case letters only.`,
  );
}

function newKey(world: World): string {
  return Buffer.from(world.random.filler(64, 'account key', world.random.uuid())).toString('base64');
}

function endpoints(name: string): JsonObject {
  const services = ['dfs', 'blob', 'queue', 'table', 'file'].map((service) => [
    service,
    `https://${name}.${service}.core.windows.net/`,
  ]);
  return { ...(Object.fromEntries(services) as JsonObject), web: `https://${name}.z6.web.core.windows.net/` };
}

const NETWORK_ACLS: JsonObject = {
  bypass: 'AzureServices',
  virtualNetworkRules: [],
  ipRules: [],
  ipv6Rules: [],
  defaultAction: 'Allow',
};

function defaults(world: World, name: string, location: string): JsonObject {
  const now = new Date(world.clock.now()).toISOString();
  const service = { keyType: 'Account', enabled: true, lastEnabledTime: now };
  return {
    keyCreationTime: { key1: now, key2: now },
    allowCrossTenantDelegationSas: false,
    allowCrossTenantReplication: false,
    privateEndpointConnections: [],
    minimumTlsVersion: 'TLS1_2',
    allowBlobPublicAccess: false,
    networkAcls: NETWORK_ACLS,
    supportsHttpsTrafficOnly: true,
    encryption: { services: { file: service, blob: service }, keySource: 'Microsoft.Storage' },
    accessTier: 'Hot',
    creationTime: now,
    primaryEndpoints: endpoints(name),
    primaryLocation: location,
    statusOfPrimary: 'available',
  };
}

/** What a caller may set; everything else in `properties` is the provider's. */
function settable(properties: JsonObject): JsonObject {
  const own = without(
    properties,
    'keyCreationTime',
    'privateEndpointConnections',
    'creationTime',
    'primaryEndpoints',
    'primaryLocation',
    'statusOfPrimary',
    'secondaryLocation',
    'statusOfSecondary',
    'secondaryEndpoints',
  );
  if (own['networkAcls'] === undefined) return own;
  return { ...own, networkAcls: { ...NETWORK_ACLS, ...object(own['networkAcls']) } };
}

function isProvisioned(resource: Resource): void {
  if (resource.state === 'Succeeded') return;
  throw new ArmError(
    409,
    'StorageAccountIsNotProvisioned',
    "The storage account provisioning state must be 'Succeeded' before executing the operation.",
  );
}

const listKeys: Action = (world, resource) => {
  const denied = strings(world.store.setting('deniedKeys'));
  if (denied.includes('*') || denied.includes(resource.name)) {
    throw new ArmError(
      403,
      'AuthorizationFailed',
      `The client does not have authorization to perform action '${TYPE}/listKeys/action' over scope '${resource.id}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
      { cause: 'gateway' },
    );
  }
  isProvisioned(resource);
  const creationTime = text(at(resource.body, 'properties', 'creationTime')) ?? '';
  const keys = strings(resource.hidden['keys']).map((value, index) => ({
    creationTime,
    keyName: `key${index + 1}`,
    value,
    permissions: 'FULL',
  }));
  return jsonReply(200, { keys });
};

const regenerateSchema = z.object({ keyName: z.enum(['key1', 'key2']) });

const regenerateKey: Action = (world, resource, call) => {
  isProvisioned(resource);
  const parsed = regenerateSchema.safeParse(call.body);
  if (!parsed.success)
    throw new ArmError(400, 'InvalidValuesForRequestParameters', 'Values for request parameters are invalid: keyName.');
  const keys = strings(resource.hidden['keys']).map((key, index) =>
    parsed.data.keyName === `key${index + 1}` ? newKey(world) : key,
  );
  const next = { ...resource, hidden: { ...resource.hidden, keys } };
  world.store.put(next);
  return listKeys(world, next, call);
};

/** Values that Azure refuses (azure-recordings/errors.json): days of a key policy, identities that are not there. */
function checkValues(world: World, request: PutRequest): void {
  const days = at(request.properties, 'keyPolicy', 'keyExpirationPeriodInDays');
  if (days !== undefined && (typeof days !== 'number' || days < 0))
    throw new ArmError(
      400,
      'InvalidValuesForRequestParameters',
      'Values for request parameters are invalid: keyPolicy.keyExpirationPeriodInDays.',
    );
  for (const id of Object.keys(object(at(request.body, 'identity', 'userAssignedIdentities')))) {
    if (findIdentity(world, { resourceId: id }) === undefined) throw identityNotFound(request.id.id, id);
  }
}

function checkRules(world: World, properties: JsonObject): void {
  const subnet = subnetWithoutEndpoint(world, properties);
  if (subnet === undefined) return;
  throw new ArmError(
    400,
    'NetworkAclsValidationFailure',
    `Validation of network acls failure: SubnetsHaveNoServiceEndpointsConfigured:Subnets ${subnet.split('/').at(-1) ?? ''} of virtual network ${subnet.split('/').at(-3) ?? ''} do not have ServiceEndpoints for Microsoft.Storage resources configured. Add Microsoft.Storage to subnet's ServiceEndpoints collection before trying to ACL Microsoft.Storage resources to these subnets..`,
  );
}

/** Microsoft.Storage/storageAccounts: a new one is 202 + Location until it is there, an existing one 200 at once. */
export const storageAccounts: Kind = {
  type: TYPE,
  label: 'StorageAccount',
  tracked: true,
  etags: false,
  states: true,
  create: {
    status: 202,
    headers: 'location',
    retryAfter: 17,
    pollRetryAfter: 17,
    seconds: 27,
    state: 'ResolvingDns',
    body: 'empty',
  },
  update: immediate(200),
  delete: DELETED,
  checkName: accountNameError,
  prepare(world, request) {
    const taken = findAccount(world, request.name);
    if (taken !== undefined && taken.key !== request.id.key) {
      throw new ArmError(
        409,
        'StorageAccountAlreadyTaken',
        `The storage account named ${request.name} is already taken.`,
      );
    }
    const sku = text(object(request.body['sku'])['name']);
    if (sku === undefined)
      throw new ArmError(
        400,
        'InvalidRequestPropertyName',
        "The property 'sku' is required: a storage account needs sku.name.",
      );
    const before = object(request.existing?.body['properties']);
    checkRules(world, request.properties);
    checkValues(world, request);
    return {
      body: {
        sku: { name: sku, tier: sku.split('_')[0] ?? 'Standard' },
        kind: text(request.body['kind']) ?? text(request.existing?.body['kind']) ?? 'StorageV2',
        ...envelope(request.body, 'identity'),
        tags: object(request.body['tags']),
        properties: { ...defaults(world, request.name, request.location), ...before, ...settable(request.properties) },
      },
      ...(request.existing === undefined ? { hidden: { keys: [newKey(world), newKey(world)] } } : {}),
    };
  },
  patch(world, resource, body) {
    checkRules(world, object(body['properties']));
    return {
      ...resource.body,
      ...(body['tags'] === undefined ? {} : { tags: body['tags'] }),
      ...(body['sku'] === undefined ? {} : { sku: { ...object(resource.body['sku']), ...object(body['sku']) } }),
      properties: { ...object(resource.body['properties']), ...settable(object(body['properties'])) },
    };
  },
  view: (world, resource, wire) =>
    withProperties(wire, { privateEndpointConnections: endpointConnections(world, resource) }),
  removed: (world, resource) => world.storage.deleteAccount(resource.name),
  actions: { listkeys: listKeys, regeneratekey: regenerateKey },
};

/** What the data plane needs to know of an account. */
export function storageAccountView(world: World, resource: Resource): StorageAccountView {
  const properties = object(resource.body['properties']);
  const expiration = object(
    object(properties['sasPolicy'])['expirationAction'] === undefined ? undefined : properties['sasPolicy'],
  );
  const action = text(expiration['expirationAction']);
  return {
    id: resource.id,
    name: resource.name,
    location: locationOf(resource),
    allowSharedKeyAccess: properties['allowSharedKeyAccess'] !== false,
    allowBlobPublicAccess: properties['allowBlobPublicAccess'] === true,
    minimumTlsVersion: text(properties['minimumTlsVersion']) ?? 'TLS1_2',
    callerReaches: callerReaches(world, resource),
    sasExpirationAction: action === 'Log' || action === 'Block' ? action : undefined,
    sasExpirationPeriod: text(object(properties['sasPolicy'])['sasExpirationPeriod']),
    keys: strings(resource.hidden['keys']),
  };
}
