import { BUILT_IN_ROLES, type Role } from '../catalogue/roles.ts';
import { ConditionError, evaluateCondition } from '../engine/abac.ts';
import { ArmError, emptyReply, groupNotFound, jsonReply } from '../engine/errors.ts';
import { checkLocks, LOCKS, policies, policyAssignmentId } from '../engine/governance.ts';
import { groupKeyOf, isWithin, nameOf } from '../engine/ids.ts';
import { at, type JsonObject, number, object, strings, text } from '../engine/json.ts';
import type { Call, Kind, World } from '../engine/model.ts';
import { pageReply } from '../engine/paging.ts';
import {
  authorize,
  type DenyAssignment,
  denyAssignmentId,
  denyAssignments,
  findRole,
  ROLE_ASSIGNMENTS,
  ROLE_DEFINITIONS,
  rolesAt,
} from '../engine/rbac.ts';
import type { Address } from '../engine/routes.ts';
import type { Resource } from '../engine/store.ts';
import { wireOf } from '../engine/view.ts';
import { immediate } from '../catalogue/profiles.ts';
import { findIdentity } from './identities.ts';
import { type Handlers, subscriptionIn } from './handlers.ts';

const GUID = /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/iu;

/** Extension resources have handlers; as kinds they only serve the state. */
function extensionKind(type: string): Kind {
  return {
    type,
    label: type.split('/')[1] ?? '',
    tracked: false,
    etags: false,
    states: false,
    create: immediate(201),
    update: immediate(200),
    delete: { status: 200, headers: 'none', seconds: 0, body: 'empty' },
    checkName: () => undefined,
    prepare: (_world, request) => ({ body: request.body }),
  };
}

export const extensionKinds: readonly Kind[] = [ROLE_ASSIGNMENTS, ROLE_DEFINITIONS, LOCKS].map(extensionKind);

/** The scope of an extension resource must exist. */
function requireScope(world: World, scope: string): void {
  const key = scope.toLowerCase();
  const group = groupKeyOf(scope);
  if (group !== '' && world.store.get(group) === undefined)
    throw groupNotFound(nameOf(scope.split('/').slice(0, 5).join('/')));
  if (group === '' || key === group || world.store.get(key) !== undefined || key.includes('/blobservices/')) return;
  throw new ArmError(
    404,
    'ResourceNotFound',
    `The Resource '${scope.split('/providers/').at(-1) ?? scope}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
    { cause: 'gateway' },
  );
}

function makeExtension(world: World, address: Address, type: string, body: JsonObject, hidden: JsonObject): Resource {
  const existing = world.store.get(address.path.toLowerCase());
  const resource: Resource = {
    key: address.path.toLowerCase(),
    id: existing?.id ?? address.path,
    type,
    name: address.names[0] ?? '',
    body,
    hidden: { scope: address.scope, ...hidden },
    state: 'Succeeded',
    childStates: {},
    etag: '',
    busy: undefined,
    createdAt: existing?.createdAt ?? world.clock.now(),
  };
  world.store.put(resource);
  return resource;
}

/** Whether the directory knows a principal already. */
function knowsPrincipal(world: World, principalId: string): boolean {
  if (strings(world.store.setting('principals')).includes(principalId.toLowerCase())) return true;
  const identity = findIdentity(world, { principalId });
  return identity !== undefined && (number(identity.hidden['replicatedAt']) ?? 0) <= world.clock.now();
}

function checkPrincipal(world: World, principalId: string, principalType: string | undefined): void {
  if (!GUID.test(principalId)) {
    throw new ArmError(
      400,
      'InvalidPrincipalId',
      `The Principal ID '${principalId}' is not valid. Principal ID must be a GUID.`,
    );
  }
  if (principalType !== undefined || knowsPrincipal(world, principalId)) return;
  throw new ArmError(
    400,
    'PrincipalNotFound',
    `Principal ${principalId.replaceAll('-', '')} does not exist in the directory ${world.tenantId}. Check that you have the correct principal ID. If you are creating this principal and then immediately assigning a role, this error might be related to a replication delay. In this case, set the role assignment principalType property to a value, such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype`,
  );
}

function putRoleAssignment(world: World, call: Call, address: Address) {
  requireScope(world, address.scope);
  checkLocks(world, address.scope, 'write');
  const name = address.names[0] ?? '';
  if (!GUID.test(name))
    throw new ArmError(
      400,
      'InvalidRoleAssignmentId',
      `The role assignment ID '${name}' is not valid. The role assignment ID must be a GUID.`,
    );
  const properties = object(call.body['properties']);
  const principalId = (text(properties['principalId']) ?? '').toLowerCase();
  const roleDefinitionId = text(properties['roleDefinitionId']) ?? '';
  const principalType = text(properties['principalType']);
  const role = findRole(world, nameOf(roleDefinitionId));
  if (role === undefined)
    throw new ArmError(
      400,
      'RoleDefinitionDoesNotExist',
      `The specified role definition with ID '${nameOf(roleDefinitionId)}' does not exist.`,
    );
  checkPrincipal(world, principalId, principalType);
  checkCondition(properties);
  authorize(world, call.principal, `${ROLE_ASSIGNMENTS}/write`, address.path, {
    request: attributesOf(roleDefinitionId, principalId, principalType),
  });
  const existing = world.store.get(address.path.toLowerCase());
  const before = object(existing?.body['properties']);
  if (
    existing !== undefined &&
    (text(before['principalId']) !== principalId ||
      nameOf(text(before['roleDefinitionId']) ?? '') !== nameOf(roleDefinitionId))
  ) {
    throw new ArmError(
      400,
      'RoleAssignmentUpdateNotPermitted',
      'Tenant ID, application ID, principal ID, and scope are not allowed to be updated.',
    );
  }
  for (const other of world.store.ofType(ROLE_ASSIGNMENTS)) {
    const theirs = object(other.body['properties']);
    const same =
      text(theirs['principalId']) === principalId &&
      nameOf(text(theirs['roleDefinitionId']) ?? '') === nameOf(roleDefinitionId);
    if (
      !same ||
      other.key === address.path.toLowerCase() ||
      text(other.hidden['scope'])?.toLowerCase() !== address.scope.toLowerCase()
    )
      continue;
    throw new ArmError(
      409,
      'RoleAssignmentExists',
      `The role assignment already exists. The ID of the existing role assignment is ${other.name.replaceAll('-', '')}.`,
    );
  }
  const now = new Date(world.clock.now()).toISOString();
  const effectiveAt = world.clock.now() + (world.tuning.rolePropagationSeconds * 1000) / world.clock.timeScale;
  const resource = makeExtension(
    world,
    address,
    ROLE_ASSIGNMENTS,
    {
      properties: {
        roleDefinitionId,
        principalId,
        principalType: principalType ?? 'ServicePrincipal',
        scope: address.scope,
        condition: properties['condition'] ?? null,
        conditionVersion: properties['conditionVersion'] ?? null,
        createdOn: text(before['createdOn']) ?? now,
        updatedOn: now,
        createdBy: call.principal.objectId,
        updatedBy: call.principal.objectId,
        delegatedManagedIdentityResourceId: properties['delegatedManagedIdentityResourceId'] ?? null,
        description: properties['description'] ?? null,
      },
    },
    { effectiveAt: existing === undefined ? effectiveAt : (existing.hidden['effectiveAt'] ?? effectiveAt) },
  );
  return jsonReply(201, wireOf(world, resource));
}

/** Attributes that conditions compare. */
function attributesOf(roleDefinitionId: string, principalId: string, principalType = 'ServicePrincipal') {
  return { RoleDefinitionId: nameOf(roleDefinitionId), PrincipalId: principalId, PrincipalType: principalType };
}

/** Refuses a condition that cannot be evaluated here, so that none is silently ignored. */
function checkCondition(properties: JsonObject): void {
  const condition = text(properties['condition']);
  if (condition === undefined) return;
  if (text(properties['conditionVersion']) !== '2.0')
    throw new ArmError(400, 'InvalidConditionVersion', "A condition needs 'conditionVersion' with the value '2.0'.");
  try {
    evaluateCondition(condition, { action: '' });
  } catch (error) {
    if (!(error instanceof ConditionError)) throw error;
    throw new ArmError(
      501,
      'NotModelledBySimulator',
      `${error.message} The simulated Azure evaluates conditions on role assignments: ActionMatches, RoleDefinitionId, PrincipalId, PrincipalType.`,
      { unmodelled: true },
    );
  }
}

function absentAssignment(name: string): ArmError {
  return new ArmError(404, 'RoleAssignmentNotFound', `The role assignment '${name}' is not found.`);
}

/** Assignments that a list at a scope shows: at it, above it and, without `atScope()`, below it. */
function listAssignments(world: World, call: Call, address: Address) {
  const filter = call.request.query.get('$filter') ?? '';
  const principal = /(?:principalId eq|assignedTo\() ?'(?<id>[^']+)'/iu.exec(filter)?.groups?.['id']?.toLowerCase();
  if (filter !== '' && principal === undefined && !/^atScope\(\)$/iu.test(filter.trim())) {
    throw new ArmError(
      400,
      'BadRequestFilterFormat',
      `Supported filters are either 'atScope()' or 'principalId eq '{value}'' or 'assignedTo('{value}')'; got '${filter}'.`,
    );
  }
  const below = !/atScope\(\)/iu.test(filter);
  const found = [...world.store.ofType(ROLE_ASSIGNMENTS)].filter((resource) => {
    const scope = text(resource.hidden['scope']) ?? '';
    if (principal !== undefined && text(at(resource.body, 'properties', 'principalId')) !== principal) return false;
    return isWithin(address.scope, scope) || (below && isWithin(scope, address.scope));
  });
  return pageReply(
    world,
    call.request,
    found.map((resource) => wireOf(world, resource)),
  );
}

function roleWire(role: Role, scope: string, custom: Resource | undefined): JsonObject {
  return {
    id: custom?.id ?? `${/^\/subscriptions\/[^/]+/iu.exec(scope)?.[0] ?? ''}/providers/${ROLE_DEFINITIONS}/${role.id}`,
    type: ROLE_DEFINITIONS,
    name: role.id,
    properties: {
      roleName: role.name,
      type: custom === undefined ? 'BuiltInRole' : 'CustomRole',
      description: role.description,
      assignableScopes: custom === undefined ? ['/'] : (at(custom.body, 'properties', 'assignableScopes') ?? []),
      permissions: [
        {
          actions: [...role.actions],
          notActions: [...role.notActions],
          dataActions: [...role.dataActions],
          notDataActions: [],
        },
      ],
    },
  };
}

function allRoles(world: World): { role: Role; custom: Resource | undefined }[] {
  const custom = [...world.store.ofType(ROLE_DEFINITIONS)].flatMap((resource) => {
    const role = findRole(world, resource.name);
    return role === undefined ? [] : [{ role, custom: resource }];
  });
  return [...BUILT_IN_ROLES.map((role) => ({ role, custom: undefined })), ...custom];
}

function listRoles(world: World, call: Call, address: Address) {
  const filter = call.request.query.get('$filter') ?? '';
  const match = /^(?<field>roleName|type) eq '(?<value>(?:[^']|'')*)'$/iu.exec(filter.trim())?.groups;
  if (filter !== '' && match === undefined && !/^atScopeAndBelow\(\)$|^atScope\(\)$/iu.test(filter.trim())) {
    throw new ArmError(
      400,
      'BadRequestFilterFormat',
      `The filter '${filter}' is not modelled: use "roleName eq '...'" or "type eq '...'".`,
    );
  }
  const wires = allRoles(world).map(({ role, custom }) => roleWire(role, address.scope, custom));
  const wanted = match?.['value']?.replaceAll("''", "'").toLowerCase();
  const field = match?.['field']?.toLowerCase() === 'type' ? 'type' : 'roleName';
  return pageReply(
    world,
    call.request,
    wires.filter((wire) => wanted === undefined || text(at(wire, 'properties', field))?.toLowerCase() === wanted),
  );
}

function putRole(world: World, call: Call, address: Address) {
  const properties = object(call.body['properties']);
  const scopes = strings(properties['assignableScopes']);
  if (text(properties['roleName']) === undefined || scopes.length === 0) {
    throw new ArmError(
      400,
      'InvalidRoleDefinition',
      "A custom role needs 'roleName', 'permissions' and at least one of 'assignableScopes'.",
    );
  }
  const taken = allRoles(world).find(
    ({ role }) =>
      role.name.toLowerCase() === text(properties['roleName'])?.toLowerCase() &&
      role.id !== address.names[0]?.toLowerCase(),
  );
  if (taken !== undefined)
    throw new ArmError(
      409,
      'RoleDefinitionWithSameNameExists',
      `A custom role definition with the same name already exists in this directory. Use a different name.`,
    );
  const id = `/subscriptions/${subscriptionIn(address)}/providers/${ROLE_DEFINITIONS}/${address.names[0] ?? ''}`;
  const resource = makeExtension(
    world,
    { ...address, path: id },
    ROLE_DEFINITIONS,
    { properties: { type: 'CustomRole', ...properties } },
    {},
  );
  const role = findRole(world, resource.name);
  if (role === undefined) throw new Error(`the role ${resource.name} vanished while it was written`);
  return jsonReply(201, roleWire(role, address.scope, resource));
}

function removeRole(world: World, address: Address) {
  const id =
    `/subscriptions/${subscriptionIn(address)}/providers/${ROLE_DEFINITIONS}/${address.names[0] ?? ''}`.toLowerCase();
  const custom = world.store.get(id);
  if (custom === undefined) return emptyReply(204);
  const role = findRole(world, custom.name);
  for (const assignment of world.store.ofType(ROLE_ASSIGNMENTS)) {
    if (
      nameOf(text(at(assignment.body, 'properties', 'roleDefinitionId')) ?? '').toLowerCase() !==
      custom.name.toLowerCase()
    )
      continue;
    throw new ArmError(
      400,
      'RoleDefinitionHasAssignments',
      `There are existing role assignments referencing role (code: RoleDefinitionHasAssignments) '${role?.name ?? custom.name}'.`,
    );
  }
  world.store.remove(id);
  return role === undefined ? emptyReply(204) : jsonReply(200, roleWire(role, address.scope, custom));
}

function listLocks(world: World, call: Call, address: Address) {
  const found = [...world.store.ofType(LOCKS)].filter((lock) => {
    const scope = text(lock.hidden['scope']) ?? '';
    return isWithin(scope, address.scope) || isWithin(address.scope, scope);
  });
  return pageReply(
    world,
    call.request,
    found.map((lock) => wireOf(world, lock)),
  );
}

function putLock(world: World, call: Call, address: Address) {
  requireScope(world, address.scope);
  const level = text(at(call.body, 'properties', 'level'));
  if (level !== 'CanNotDelete' && level !== 'ReadOnly') {
    throw new ArmError(
      400,
      'LockLevelInvalid',
      `The lock level '${level ?? ''}' is invalid: CanNotDelete or ReadOnly is expected.`,
      { cause: 'gateway' },
    );
  }
  const existing = world.store.get(address.path.toLowerCase());
  const lock = makeExtension(world, address, LOCKS, { properties: object(call.body['properties']) }, {});
  return jsonReply(existing === undefined ? 201 : 200, wireOf(world, lock));
}

function policyWires(world: World, scope: string): JsonObject[] {
  return policies(world).map((policy) => {
    const id = policyAssignmentId(policy, scope);
    return {
      id,
      name: policy.name,
      type: 'Microsoft.Authorization/policyAssignments',
      properties: {
        displayName: policy.name,
        policyDefinitionId: `/providers/Microsoft.Authorization/policyDefinitions/${policy.name}`,
        scope: id.split('/providers/Microsoft.Authorization')[0] ?? '',
        enforcementMode: 'Default',
        metadata: {
          effect: policy.effect,
          type: policy.type,
          ...(policy.property === undefined ? {} : { property: policy.property, equals: policy.equals ?? null }),
        },
      },
    };
  });
}

function denyWire(deny: DenyAssignment): JsonObject {
  const everyone = [{ id: '00000000-0000-0000-0000-000000000000', type: 'SystemDefined' }];
  return {
    id: denyAssignmentId(deny),
    name: deny.name,
    type: 'Microsoft.Authorization/denyAssignments',
    properties: {
      denyAssignmentName: deny.displayName,
      scope: deny.scope,
      permissions: [{ actions: deny.actions, notActions: deny.notActions, dataActions: [], notDataActions: [] }],
      principals: deny.principals?.map((id) => ({ id, type: 'ServicePrincipal' })) ?? everyone,
      excludePrincipals: deny.excludePrincipals.map((id) => ({ id, type: 'ServicePrincipal' })),
      isSystemProtected: true,
    },
  };
}

const AT = '/{scope}/providers/microsoft.authorization';

export const authorizationHandlers: Handlers = {
  [`PUT ${AT}/roleassignments/{}`]: putRoleAssignment,
  [`GET ${AT}/roleassignments/{}`](world, _call, address) {
    const resource = world.store.get(address.path.toLowerCase());
    if (resource === undefined) throw absentAssignment(address.names[0] ?? '');
    return jsonReply(200, wireOf(world, resource));
  },
  [`DELETE ${AT}/roleassignments/{}`](world, call, address) {
    checkLocks(world, address.scope, 'delete');
    const resource = world.store.get(address.path.toLowerCase());
    if (resource === undefined) return emptyReply(204);
    const { roleDefinitionId, principalId, principalType } = object(resource.body['properties']);
    authorize(world, call.principal, `${ROLE_ASSIGNMENTS}/delete`, address.path, {
      resource: attributesOf(text(roleDefinitionId) ?? '', text(principalId) ?? '', text(principalType)),
    });
    const wire = wireOf(world, resource);
    world.store.remove(resource.key);
    return jsonReply(200, wire);
  },
  [`GET ${AT}/roleassignments`]: listAssignments,
  [`GET ${AT}/roledefinitions`]: listRoles,
  [`GET ${AT}/roledefinitions/{}`](world, _call, address) {
    const guid = address.names[0] ?? '';
    const found = allRoles(world).find(({ role }) => role.id === guid.toLowerCase());
    if (found === undefined)
      throw new ArmError(
        404,
        'RoleDefinitionDoesNotExist',
        `The specified role definition with ID '${guid}' does not exist.`,
      );
    return jsonReply(200, roleWire(found.role, address.scope, found.custom));
  },
  [`PUT ${AT}/roledefinitions/{}`]: putRole,
  [`DELETE ${AT}/roledefinitions/{}`]: (world, _call, address) => removeRole(world, address),
  [`GET ${AT}/permissions`](world, call, address) {
    requireScope(world, address.scope);
    const roles = rolesAt(world, call.principal.objectId, address.scope);
    return jsonReply(200, {
      value: roles.map((role) => ({
        actions: [...role.actions],
        notActions: [...role.notActions],
        dataActions: [...role.dataActions],
        notDataActions: [],
      })),
    });
  },
  [`GET ${AT}/denyassignments`]: (world, call, address) =>
    pageReply(
      world,
      call.request,
      denyAssignments(world)
        .filter(({ scope }) => isWithin(scope, address.scope) || isWithin(address.scope, scope))
        .map(denyWire),
    ),
  [`GET ${AT}/denyassignments/{}`](world, _call, address) {
    const found = denyAssignments(world).find(({ name }) => name === address.names[0]?.toLowerCase());
    if (found === undefined)
      throw new ArmError(
        404,
        'DenyAssignmentNotFound',
        `The deny assignment '${address.names[0] ?? ''}' is not found.`,
      );
    return jsonReply(200, denyWire(found));
  },
  [`GET ${AT}/locks`]: listLocks,
  [`PUT ${AT}/locks/{}`]: putLock,
  [`GET ${AT}/locks/{}`](world, _call, address) {
    const lock = world.store.get(address.path.toLowerCase());
    if (lock === undefined)
      throw new ArmError(404, 'LockNotFound', `The lock '${address.names[0] ?? ''}' could not be found.`, {
        cause: 'gateway',
      });
    return jsonReply(200, wireOf(world, lock));
  },
  [`DELETE ${AT}/locks/{}`](world, _call, address) {
    const lock = world.store.get(address.path.toLowerCase());
    if (lock === undefined) return emptyReply(204);
    world.store.remove(lock.key);
    return emptyReply(200);
  },
  [`GET ${AT}/policyassignments`]: (world, call, address) =>
    pageReply(world, call.request, policyWires(world, address.scope)),
  [`GET ${AT}/policyassignments/{}`](world, _call, address) {
    const found = policyWires(world, address.scope).find(
      (wire) => text(wire['name'])?.toLowerCase() === address.names[0]?.toLowerCase(),
    );
    if (found === undefined)
      throw new ArmError(
        404,
        'PolicyAssignmentNotFound',
        `The policy assignment '${address.names[0] ?? ''}' is not found.`,
        { cause: 'gateway' },
      );
    return jsonReply(200, found);
  },
};
