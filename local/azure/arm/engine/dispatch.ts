import type { AzureReply, AzureRequest, Principal } from '../../service.ts';
import type { Handlers } from '../kinds/handlers.ts';
import { deleteChild, getChild, listChildren, putChild } from './children.ts';
import { requireGroup } from './conditions.ts';
import { deleteResource, getResource, patchResource, putResource, requireResource } from './crud.ts';
import { ArmError, emptyReply } from './errors.ts';
import type { FaultAction } from './faults.ts';
import { checkLocks } from './governance.ts';
import { parseResourceId, type ResourceId } from './ids.ts';
import { isObject, type JsonObject } from './json.ts';
import type { Call, Collection, Kind, OwnRequest, World } from './model.ts';
import { checkSignature, resultReply, statusReply } from './operations.ts';
import { pageReply } from './paging.ts';
import { authorize } from './rbac.ts';
import { type Address, addressOf, operationsAt, versionsOf } from './routes.ts';
import { checkShape } from './shape.ts';
import type { SurfaceOperation } from './surface.ts';
import type { Throttle } from './throttle.ts';
import type { Unmodelled } from './unmodelled.ts';
import { locationOf, wireOf } from './view.ts';

export interface Dispatch {
  readonly world: World;
  readonly handlers: Handlers;
  readonly throttle: Throttle;
  readonly unmodelled: Unmodelled;
  readonly verifyBearer: (header: string | undefined) => Principal | undefined;
  /** Whether the tenant has this subscription. */
  hasSubscription(id: string): boolean;
  /** registrationState of a provider. */
  registrationState(namespace: string): string;
  /** Checks that come before a resource is made (limits of the provider). */
  beforeCreate(kind: Kind, id: ResourceId, body: JsonObject): void;
}

const POLL =
  /^\/subscriptions\/[^/]+(?:\/resourceGroups\/[^/]+\/providers\/Microsoft\.Resources\/deployments\/[^/]+\/(?<deployment>operationStatuses)|\/resourceGroups\/[^/]+\/providers\/Microsoft\.Network\/(?<dns>privateDnsOperation(?:Statuses|Results))|\/providers\/[^/]+\/locations\/[^/]+\/(?<segment>operations|operationResults|asyncoperations|DiskOperations|capsOperations)|\/(?<group>operationresults))\/(?<id>[^/]+)$/iu;

/** Answers one authenticated request; `headers` collects the rate-limit headers. Throws ArmError for a refusal. */
export function dispatch(
  on: Dispatch,
  request: AzureRequest,
  fault: FaultAction | undefined,
  headers: Record<string, string>,
): AzureReply {
  const principal = authenticate(on, request);
  Object.assign(headers, operationIdentifier(on.world, principal));
  const poll = POLL.exec(request.path)?.groups;
  if (poll !== undefined) return pollOperation(on, request, principal, poll, headers);
  return dispatchAs(on, request, principal, fault, headers);
}

/** Answers a request that ARM makes itself on behalf of a caller. Throws ArmError for a refusal. */
export function dispatchOwn(on: Dispatch, own: OwnRequest, principal: Principal): AzureReply {
  const query = new URLSearchParams({ 'api-version': own.version });
  const request: AzureRequest = {
    method: own.method,
    host: 'management.azure.com',
    path: own.path,
    query,
    rawUrl: `${own.path}?${query.toString()}`,
    headers: {},
    body: Buffer.from(JSON.stringify(own.body)),
  };
  return dispatchAs(on, request, principal, undefined, {});
}

function dispatchAs(
  on: Dispatch,
  request: AzureRequest,
  principal: Principal,
  fault: FaultAction | undefined,
  headers: Record<string, string>,
): AzureReply {
  const address = addressOf(request.path);
  const operation = findOperation(on, request, address);
  const version = request.query.get('api-version') ?? '';
  checkSubscription(on, address);
  Object.assign(headers, on.throttle.take(throttled(on.world, request, principal, address, operation)));
  authorizeCall(on.world, principal, request.method, address, operation);
  const body = parseBody(on, request, address);
  if (operation.body !== undefined)
    countRefusals(on, request, address, () => checkShape(body, operation.body ?? '', address.provider));
  checkRegistration(on, request, address);
  try {
    return answer(on, { request, principal, version, body, fault }, address, operation);
  } catch (error) {
    if (error instanceof ArmError && error.extras.unmodelled === true)
      on.unmodelled.add(request.method, address.template, error.code, request.rawUrl);
    throw error;
  }
}

/** Names the caller and the front region on about half of the answers (azure-recordings/README.md, Throttling and headers). */
function operationIdentifier(world: World, principal: Principal): Record<string, string> {
  const id = world.random.filler(32, 'identifier', principal.objectId, String(world.random.position));
  if (id.charCodeAt(0) % 2 === 0) return {};
  return {
    'x-ms-operation-identifier': `tenantId=${principal.tenantId},objectId=${principal.objectId}/westeurope/${guidOf(id)}`,
  };
}

function guidOf(text: string): string {
  const hex = Buffer.from(text).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}

function authenticate(on: Dispatch, request: AzureRequest): Principal {
  const header = request.headers['authorization'];
  const principal = on.verifyBearer(header);
  if (principal !== undefined) return principal;
  const [code, message] =
    header === undefined
      ? ['AuthenticationFailed', "Authentication failed. The 'Authorization' header is missing."]
      : [
          'InvalidAuthenticationToken',
          'The access token is invalid, expired, or was not issued for https://management.azure.com.',
        ];
  throw new ArmError(401, code, message, {
    cause: 'gateway',
    headers: {
      'www-authenticate': `Bearer authorization_uri="https://login.microsoftonline.com/${on.world.tenantId}", error="invalid_token", error_description="${message}"`,
    },
  });
}

function pollOperation(
  on: Dispatch,
  request: AzureRequest,
  principal: Principal,
  poll: Readonly<Record<string, string | undefined>>,
  headers: Record<string, string>,
): AzureReply {
  const { world } = on;
  const operation = world.store.operation(poll['id']?.toLowerCase() ?? '');
  if (operation === undefined)
    throw new ArmError(404, 'NotFound', `The operation '${poll['id'] ?? ''}' was not found; it may have expired.`, {
      cause: 'gateway',
    });
  Object.assign(
    headers,
    on.throttle.take({
      method: request.method,
      principal: principal.objectId,
      subscription: operation.subscription,
      location: operation.location,
      type: operation.type.toLowerCase(),
      key: operation.key,
      isPoll: true,
    }),
  );
  checkSignature(world, operation, request.query);
  const segment = (poll['segment'] ?? poll['group'] ?? poll['dns'] ?? '').toLowerCase();
  const isResult =
    segment === 'operationresults' ||
    segment === 'privatednsoperationresults' ||
    segment === 'asyncoperations' ||
    request.query.get('monitor') === 'true';
  return isResult ? resultReply(world, operation) : statusReply(world, operation);
}

/** Counts a refusal that means "the real ARM would have understood more, or the caller is wrong". */
function countRefusals<T>(on: Dispatch, request: AzureRequest, address: Address, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ArmError)
      on.unmodelled.add(request.method, address.template, `${error.code}: ${error.message}`, request.rawUrl);
    throw error;
  }
}

function findOperation(on: Dispatch, request: AzureRequest, address: Address): SurfaceOperation {
  return countRefusals(on, request, address, () => {
    const operations = operationsAt(address);
    if (operations.length === 0) throw unknownRoute(address, request);
    const version = request.query.get('api-version');
    if (version === null) {
      throw new ArmError(
        400,
        'MissingApiVersionParameter',
        'The api-version query parameter (?api-version=) is required for all requests.',
        { cause: 'gateway' },
      );
    }
    checkVersion(address, operations, version);
    // HEAD of a resource is a generic operation of ARM: it exists wherever GET does.
    const method =
      request.method === 'HEAD' && !operations.some((item) => item.method === 'HEAD') ? 'GET' : request.method;
    const operation = operations.find((item) => item.method === method);
    if (operation === undefined) {
      throw new ArmError(
        405,
        'MethodNotAllowed',
        `The HTTP method '${request.method}' is not supported at '${address.path}'.`,
        { cause: 'gateway', headers: { allow: operations.map((item) => item.method).join(', ') } },
      );
    }
    const known = new Set(['api-version', '$skiptoken', '$top', ...operation.query.map((name) => name.toLowerCase())]);
    const unknown = [...request.query.keys()].find((name) => !known.has(name.toLowerCase()));
    if (unknown !== undefined) {
      throw new ArmError(
        400,
        'InvalidQueryParameter',
        `The query parameter '${unknown}' is not defined for ${request.method} ${address.template}.`,
        { cause: 'gateway' },
      );
    }
    return operation;
  });
}

function checkVersion(address: Address, operations: readonly SurfaceOperation[], version: string): void {
  const supported = versionsOf(address, operations);
  if (supported.includes(version)) return;
  if (address.provider === '' || operations.some((item) => item.pkg === 'arm-resources')) {
    throw new ArmError(
      400,
      'InvalidApiVersionParameter',
      `The api-version '${version}' is invalid. The supported versions are '${supported.join(',')}'.`,
      { cause: 'gateway' },
    );
  }
  throw new ArmError(
    400,
    'NoRegisteredProviderFound',
    `No registered resource provider found for API version '${version}' for type '${address.types.join('/')}'. The supported api-versions are '${supported.join(', ')}'.`,
    { cause: 'gateway' },
  );
}

function unknownRoute(address: Address, request: AzureRequest): ArmError {
  if (address.provider !== '' && address.types.length > 0) {
    return new ArmError(
      404,
      'InvalidResourceType',
      `The resource type '${address.types.join('/')}' could not be found in the namespace '${address.provider}' for api version '${request.query.get('api-version') ?? ''}'.`,
      { cause: 'gateway' },
    );
  }
  return new ArmError(404, 'NotFound', `No resource of ARM is at '${address.path}'.`, { cause: 'gateway' });
}

function checkSubscription(on: Dispatch, address: Address): void {
  const id = /^\/subscriptions\/([^/]+)/iu.exec(address.path)?.[1]?.toLowerCase();
  if (id === undefined || on.hasSubscription(id)) return;
  throw new ArmError(404, 'SubscriptionNotFound', `The subscription '${id}' could not be found.`, { cause: 'gateway' });
}

function throttled(
  world: World,
  request: AzureRequest,
  principal: Principal,
  address: Address,
  operation: SurfaceOperation,
) {
  const action = address.types.length > address.names.length && request.method === 'POST';
  const key = (action ? address.path.split('/').slice(0, -1).join('/') : address.path).toLowerCase();
  const resource = world.store.get(key);
  return {
    method: request.method,
    principal: principal.objectId,
    subscription: address.path.split('/')[2]?.toLowerCase() ?? '',
    location: resource === undefined ? '' : locationOf(resource),
    type:
      operation.pkg === 'arm-resources'
        ? 'microsoft.resources'
        : [address.provider, ...address.types].join('/').toLowerCase(),
    key,
    isPoll: false,
  };
}

/** Action of the control plane that a request needs, undefined when everyone may do it. */
function actionOf(method: string, address: Address, operation: SurfaceOperation): string | undefined {
  const declared = addressOf(operation.path);
  const path = operation.path.toLowerCase();
  if (
    path === '/subscriptions' ||
    path === '/tenants' ||
    path === '/subscriptions/{subscriptionid}' ||
    path.endsWith('/permissions') ||
    // Definitions that come with Azure belong to no subscription: everyone reads them.
    /^\/providers\/microsoft\.authorization\/policydefinitions\//iu.test(address.path)
  )
    return undefined;
  const verb = method === 'GET' || method === 'HEAD' ? 'read' : method === 'DELETE' ? 'delete' : 'write';
  if (path.endsWith('/checknameavailability')) return `${address.provider}/checknameavailability/read`;
  if (path.endsWith('/register') || path.endsWith('/unregister'))
    return `${address.path.split('/')[4] ?? ''}/register/action`;
  if (declared.types.length === 0 || declared.provider === '') {
    if (path.endsWith('/resources'))
      return path.includes('/resourcegroups')
        ? 'Microsoft.Resources/subscriptions/resourceGroups/resources/read'
        : 'Microsoft.Resources/subscriptions/resources/read';
    if (path.includes('/resourcegroups')) return `Microsoft.Resources/subscriptions/resourceGroups/${verb}`;
    return path.includes('/providers')
      ? 'Microsoft.Resources/subscriptions/providers/read'
      : `Microsoft.Resources/subscriptions/${declared.path.split('/').at(-1) ?? ''}/${verb}`;
  }
  const type = [declared.provider, ...declared.types].join('/');
  return method === 'POST' ? `${type}/action` : `${type}/${verb}`;
}

function authorizeCall(
  world: World,
  principal: Principal,
  method: string,
  address: Address,
  operation: SurfaceOperation,
): void {
  const action = actionOf(method, address, operation);
  // Conditions of role assignments look at the body, which the handler checks.
  const conditional = action !== undefined && /\/roleAssignments\/(?:write|delete)$/iu.test(action);
  if (action !== undefined) authorize(world, principal, action, address.path, conditional ? 'later' : {});
}

function parseBody(on: Dispatch, request: AzureRequest, address: Address): JsonObject {
  if (request.body.length === 0) {
    if (request.method !== 'PUT' && request.method !== 'PATCH') return {};
    throw new ArmError(
      400,
      'InvalidRequestContent',
      'The request content was invalid and could not be deserialized: the body is empty.',
      { cause: 'gateway' },
    );
  }
  return countRefusals(on, request, address, () => {
    let parsed: unknown;
    try {
      parsed = JSON.parse(request.body.toString('utf8'));
    } catch (error) {
      throw new ArmError(
        400,
        'InvalidRequestContent',
        `The request content was invalid and could not be deserialized: '${error instanceof Error ? error.message : 'no JSON'}'.`,
        { cause: 'gateway' },
      );
    }
    if (isObject(parsed)) return parsed;
    if (request.method === 'POST') return {};
    throw new ArmError(400, 'InvalidRequestContent', 'The request content was invalid: a JSON object is expected.', {
      cause: 'gateway',
    });
  });
}

function checkRegistration(on: Dispatch, request: AzureRequest, address: Address): void {
  if (request.method === 'GET' || request.method === 'HEAD' || address.provider === '' || address.types.length === 0)
    return;
  if (/^(?:un)?register$/iu.test(address.types[0] ?? '')) return;
  const state = on.registrationState(address.provider);
  if (state === 'Registered' || state === 'Registering') return;
  throw new ArmError(
    409,
    'MissingSubscriptionRegistration',
    `The subscription is not registered to use namespace '${address.provider}'. See https://aka.ms/rps-not-found for how to register subscriptions.`,
    { cause: 'gateway' },
  );
}

function answer(on: Dispatch, call: Call, address: Address, operation: SurfaceOperation): AzureReply {
  const { world } = on;
  const { method } = call.request;
  const handler = on.handlers[`${method} ${address.template}`];
  if (handler !== undefined) return handler(world, call, address);
  const reply = method === 'HEAD' ? headReply(on, call, address, operation) : answerResource(on, call, address);
  if (reply !== undefined) return reply;
  on.unmodelled.add(method, address.template, 'NotModelled', call.request.rawUrl);
  throw new ArmError(
    501,
    'NotModelledBySimulator',
    `Azure has the operation ${operation.group}.${operation.op} (${method} ${address.template}), but the simulated Azure does not model it.`,
  );
}

function headReply(on: Dispatch, call: Call, address: Address, operation: SurfaceOperation): AzureReply {
  try {
    answer(on, { ...call, request: { ...call.request, method: 'GET' } }, address, operation);
    return emptyReply(204);
  } catch (error) {
    if (error instanceof ArmError && error.status === 404) return emptyReply(404);
    throw error;
  }
}

/** The kind at an address: of the resource itself, or of the parent and one of its collections. */
function kindAt(
  world: World,
  provider: string,
  types: readonly string[],
): { kind: Kind; collection: Collection | undefined } | undefined {
  const kind = world.kinds.get([provider, ...types].join('/').toLowerCase());
  if (kind !== undefined) return { kind, collection: undefined };
  const parent = world.kinds.get([provider, ...types.slice(0, -1)].join('/').toLowerCase());
  const last = types.at(-1)?.toLowerCase();
  const collection = parent?.collections?.find((item) => item.property.toLowerCase() === last);
  return parent === undefined || collection === undefined ? undefined : { kind: parent, collection };
}

function answerResource(on: Dispatch, call: Call, address: Address): AzureReply | undefined {
  const { world } = on;
  const found = kindAt(world, address.provider, address.types);
  if (address.types.length > address.names.length)
    return call.request.method === 'POST' ? act(world, call, address) : listAt(world, call, address, found);
  const id = parseResourceId(address.path);
  if (found === undefined || id === undefined) return undefined;
  const { kind, collection } = found;
  switch (call.request.method) {
    case 'GET':
      return collection === undefined
        ? getResource(world, kind, id, call.request.query.get('$expand') ?? undefined)
        : getChild(world, kind, collection, id);
    case 'PUT':
      if (collection !== undefined) return putChild(world, call, kind, collection, id);
      if (world.store.get(id.key) === undefined) on.beforeCreate(kind, id, call.body);
      return putResource(world, call, kind, id);
    case 'PATCH':
      return collection === undefined ? patchResource(world, call, kind, id) : undefined;
    case 'DELETE':
      return collection === undefined
        ? deleteResource(world, call, kind, id)
        : deleteChild(world, call, kind, collection, id);
    default:
      return undefined;
  }
}

/** POST of an action below a resource. */
function act(world: World, call: Call, address: Address): AzureReply | undefined {
  const id = parseResourceId(address.path.split('/').slice(0, -1).join('/'));
  const found = kindAt(world, address.provider, address.types.slice(0, -1));
  const action = found?.kind.actions?.[address.types.at(-1)?.toLowerCase() ?? ''];
  if (found === undefined || id === undefined || action === undefined) return undefined;
  requireGroup(world, id, false);
  const resource = requireResource(world, found.kind, id);
  checkLocks(world, id.id, 'write');
  return action(world, resource, call);
}

function listAt(
  world: World,
  call: Call,
  address: Address,
  found: { kind: Kind; collection: Collection | undefined } | undefined,
): AzureReply | undefined {
  if (found === undefined) return undefined;
  const above = address.path.split('/').slice(0, -1).join('/');
  if (found.collection !== undefined) {
    const parent = parseResourceId(above);
    return parent === undefined
      ? undefined
      : pageReply(world, call.request, listChildren(world, found.kind, found.collection, parent));
  }
  const any = parseResourceId(`${address.path}/x`);
  if (any !== undefined && any.group !== '') requireGroup(world, any, false);
  const prefix =
    any?.group === '' ? `/subscriptions/${any.subscription.toLowerCase()}/` : `${address.path.toLowerCase()}/`;
  const items = [...world.store.ofType(found.kind.type)].filter((resource) => resource.key.startsWith(prefix));
  return pageReply(
    world,
    call.request,
    items.map((resource) => wireOf(world, resource)),
  );
}
