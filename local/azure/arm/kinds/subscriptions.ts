import { LOCATIONS } from '../catalogue/locations.ts';
import { API_VERSIONS } from '../catalogue/api-versions.ts';
import { checkTags } from '../engine/conditions.ts';
import { ArmError, jsonReply } from '../engine/errors.ts';
import { checkLocks } from '../engine/governance.ts';
import { type JsonObject, type MutableJsonObject, object, text } from '../engine/json.ts';
import type { Call, World } from '../engine/model.ts';
import { pageReply } from '../engine/paging.ts';
import type { Address } from '../engine/routes.ts';
import type { Resource } from '../engine/store.ts';
import { wireOf } from '../engine/view.ts';
import { tagFilter } from './filters.ts';
import { type Handlers, subscriptionIn } from './handlers.ts';
import { GROUPS } from './resourceGroups.ts';

/** Subscriptions of the simulated tenant: id -> display name. */
export function subscriptions(world: World): JsonObject {
  return object(world.store.setting('subscriptions'));
}

export function subscriptionWire(world: World, id: string): JsonObject {
  return {
    id: `/subscriptions/${id}`,
    subscriptionId: id,
    displayName: text(subscriptions(world)[id]) ?? id,
    tenantId: world.tenantId,
    state: 'Enabled',
    authorizationSource: 'RoleBased',
    subscriptionPolicies: {
      locationPlacementId: 'Public_2014-09-01',
      quotaId: 'PayAsYouGo_2014-09-01',
      spendingLimit: 'Off',
    },
  };
}

/** Providers of the simulated Azure, in their own letter case. */
const NAMESPACES = [
  'Microsoft.Authorization',
  'Microsoft.Compute',
  'Microsoft.ContainerService',
  'Microsoft.KeyVault',
  'Microsoft.ManagedIdentity',
  'Microsoft.Network',
  'Microsoft.Resources',
  'Microsoft.Storage',
];

/** registrationState of a provider; registered unless the control door said otherwise. */
export function registrationState(world: World, namespace: string): string {
  return text(object(world.store.setting('registrations'))[namespace.toLowerCase()]) ?? 'Registered';
}

export function setRegistration(world: World, namespace: string, state: string): void {
  world.store.putSetting('registrations', {
    ...object(world.store.setting('registrations')),
    [namespace.toLowerCase()]: state,
  });
}

/** Azure seconds until a registration is done. */
const REGISTRATION_SECONDS = 60;

function providerWire(world: World, address: Address, namespace: string): JsonObject {
  const known = NAMESPACES.find((item) => item.toLowerCase() === namespace.toLowerCase());
  if (known === undefined) {
    throw new ArmError(404, 'InvalidResourceNamespace', `The resource namespace '${namespace}' is invalid.`, {
      cause: 'gateway',
    });
  }
  const types = new Set<string>();
  for (const kind of world.kinds.values())
    if (kind.type.startsWith(`${known}/`)) types.add(kind.type.slice(known.length + 1));
  const display = LOCATIONS.map((location) => location.displayName);
  return {
    id: `/subscriptions/${subscriptionIn(address)}/providers/${known}`,
    namespace: known,
    registrationPolicy: 'RegistrationRequired',
    registrationState: registrationState(world, known),
    resourceTypes: [...types].map((resourceType) => ({
      resourceType,
      locations: display,
      apiVersions: [...(API_VERSIONS[known.toLowerCase()] ?? [])].reverse(),
      capabilities: 'SupportsTags, SupportsLocation',
    })),
  };
}

function register(world: World, _call: Call, address: Address) {
  const namespace = address.path.split('/')[4] ?? '';
  const before = registrationState(world, namespace);
  providerWire(world, address, namespace);
  if (before === 'NotRegistered' || before === 'Unregistered') {
    setRegistration(world, namespace, 'Registering');
    const due = world.clock.now() + (REGISTRATION_SECONDS * 1000) / world.clock.timeScale;
    world.store.putSetting('registering', {
      ...object(world.store.setting('registering')),
      [namespace.toLowerCase()]: due,
    });
  }
  return jsonReply(200, providerWire(world, address, namespace));
}

/** Ends registrations whose time has come. */
export function settleRegistrations(world: World): void {
  for (const [namespace, due] of Object.entries(object(world.store.setting('registering')))) {
    if (typeof due !== 'number' || due > world.clock.now()) continue;
    setRegistration(world, namespace, 'Registered');
    const rest: MutableJsonObject = { ...object(world.store.setting('registering')) };
    delete rest[namespace];
    world.store.putSetting('registering', rest);
  }
}

/** A resource as resource lists show it. */
function listed(world: World, resource: Resource, expand: ReadonlySet<string>): JsonObject {
  const wire = wireOf(world, resource);
  const names = ['id', 'name', 'type', 'sku', 'kind', 'managedBy', 'location', 'tags', 'identity', 'zones', 'plan'];
  const time = new Date(resource.createdAt).toISOString();
  return {
    ...Object.fromEntries(names.filter((name) => wire[name] !== undefined).map((name) => [name, wire[name]])),
    ...(expand.has('createdtime') ? { createdTime: time } : {}),
    ...(expand.has('changedtime') ? { changedTime: time } : {}),
    ...(expand.has('provisioningstate') ? { provisioningState: resource.state } : {}),
  };
}

function listResources(world: World, call: Call, prefix: string) {
  const expand = new Set((call.request.query.get('$expand') ?? '').toLowerCase().split(','));
  const items = [...world.store.all()]
    .filter(
      (resource) =>
        resource.key.startsWith(prefix) &&
        resource.type !== GROUPS &&
        world.kinds.get(resource.type.toLowerCase())?.tracked === true,
    )
    .map((resource) => listed(world, resource, expand));
  return pageReply(world, call.request, items.filter(tagFilter(call.request.query.get('$filter') ?? '')));
}

/** The resource or group that carries the tags at a scope. */
function tagged(world: World, scope: string): Resource {
  const resource = world.store.get(scope.toLowerCase());
  if (resource !== undefined) return resource;
  throw new ArmError(
    404,
    'ResourceNotFound',
    `The resource '${scope}' that should carry the tags was not found. Tags of whole subscriptions are not modelled.`,
    { cause: 'gateway' },
  );
}

function tagsReply(resource: Resource) {
  return jsonReply(200, {
    id: `${resource.id}/providers/Microsoft.Resources/tags/default`,
    name: 'default',
    type: 'Microsoft.Resources/tags',
    properties: { tags: object(resource.body['tags']) },
  });
}

function writeTags(world: World, scope: string, change: (before: JsonObject) => JsonObject) {
  const resource = tagged(world, scope);
  checkLocks(world, resource.id, 'write');
  const tags = change(object(resource.body['tags']));
  checkTags(tags, resource.type);
  const next = {
    ...resource,
    body: { ...resource.body, tags },
    etag: resource.etag === '' ? '' : `W/"${world.random.uuid()}"`,
  };
  world.store.put(next);
  return tagsReply(next);
}

function sentTags(call: Call): JsonObject {
  return object(object(call.body['properties'])['tags']);
}

function patchTags(call: Call): (before: JsonObject) => JsonObject {
  const operation = text(call.body['operation']);
  const sent = sentTags(call);
  if (operation === 'Replace') return () => sent;
  if (operation === 'Merge') return (before) => ({ ...before, ...sent });
  if (operation === 'Delete') {
    return (before) =>
      Object.fromEntries(
        Object.entries(before).filter(
          ([name, value]) => sent[name] === undefined || (sent[name] !== '' && sent[name] !== value),
        ),
      );
  }
  throw new ArmError(
    400,
    'InvalidTagsPatchOperation',
    `The operation '${operation ?? ''}' is invalid: Merge, Replace or Delete is expected.`,
    { cause: 'gateway' },
  );
}

const TAGS = '/{scope}/providers/microsoft.resources/tags/{}';

/** Names and values of the tags in use in a subscription. */
function tagNames(world: World, call: Call, address: Address) {
  const prefix = `/subscriptions/${subscriptionIn(address)}/`;
  const values = new Map<string, Map<string, number>>();
  for (const resource of world.store.all()) {
    if (!resource.key.startsWith(prefix)) continue;
    for (const [name, value] of Object.entries(object(resource.body['tags']))) {
      const counts = values.get(name) ?? new Map<string, number>();
      values.set(name, counts.set(text(value) ?? '', (counts.get(text(value) ?? '') ?? 0) + 1));
    }
  }
  const total = (value: number): JsonObject => ({ type: 'Total', value });
  const wires = [...values].map(([tagName, counts]) => ({
    id: `/subscriptions/${subscriptionIn(address)}/tagNames/${tagName}`,
    tagName,
    count: total([...counts.values()].reduce((sum, count) => sum + count, 0)),
    values: [...counts].map(([tagValue, count]) => ({ tagValue, count: total(count) })),
  }));
  return pageReply(world, call.request, wires);
}

export const subscriptionHandlers: Handlers = {
  'GET /subscriptions/{}/tagnames': tagNames,
  'GET /subscriptions': (world) =>
    jsonReply(200, {
      value: Object.keys(subscriptions(world)).map((id) => subscriptionWire(world, id)),
      count: { type: 'Total', value: Object.keys(subscriptions(world)).length },
    }),
  'GET /subscriptions/{}': (world, _call, address) => jsonReply(200, subscriptionWire(world, subscriptionIn(address))),
  'GET /tenants': (world) =>
    jsonReply(200, {
      value: [
        {
          id: `/tenants/${world.tenantId}`,
          tenantId: world.tenantId,
          displayName: 'Capstan simulation',
          tenantCategory: 'Home',
        },
      ],
    }),
  'GET /subscriptions/{}/locations': (_world, _call, address) =>
    jsonReply(200, {
      value: LOCATIONS.map(({ name, displayName, zones }) => ({
        id: `/subscriptions/${subscriptionIn(address)}/locations/${name}`,
        name,
        type: 'Region',
        displayName,
        regionalDisplayName: displayName,
        metadata: { regionType: 'Physical', regionCategory: 'Recommended' },
        ...(zones
          ? {
              availabilityZoneMappings: ['1', '2', '3'].map((zone) => ({
                logicalZone: zone,
                physicalZone: `${name}-az${zone}`,
              })),
            }
          : {}),
      })),
    }),
  'GET /subscriptions/{}/providers': (world, call, address) =>
    pageReply(
      world,
      call.request,
      NAMESPACES.map((namespace) => providerWire(world, address, namespace)),
    ),
  'GET /subscriptions/{}/providers/{}': (world, _call, address) =>
    jsonReply(200, providerWire(world, address, address.path.split('/')[4] ?? '')),
  'POST /subscriptions/{}/providers/{}/register': register,
  'POST /subscriptions/{}/providers/{}/unregister'(world, _call, address) {
    const namespace = address.path.split('/')[4] ?? '';
    providerWire(world, address, namespace);
    setRegistration(world, namespace, 'Unregistered');
    return jsonReply(200, providerWire(world, address, namespace));
  },
  'GET /subscriptions/{}/resources': (world, call, address) =>
    listResources(world, call, `/subscriptions/${subscriptionIn(address)}/`),
  'GET /subscriptions/{}/resourcegroups/{}/resources': (world, call, address) =>
    listResources(world, call, `${address.path.toLowerCase().replace(/\/resources$/u, '')}/providers/`),
  [`GET ${TAGS}`]: (world, _call, address) => tagsReply(tagged(world, address.scope)),
  [`PUT ${TAGS}`]: (world, call, address) => writeTags(world, address.scope, () => sentTags(call)),
  [`PATCH ${TAGS}`]: (world, call, address) => writeTags(world, address.scope, patchTags(call)),
  [`DELETE ${TAGS}`]: (world, _call, address) => {
    writeTags(world, address.scope, () => ({}));
    return { status: 200, headers: { 'content-length': '0' } };
  },
};
