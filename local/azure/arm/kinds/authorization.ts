import { BUILT_IN_ROLES, type Role } from '../catalogue/roles.ts';
import { ArmError, emptyReply, jsonReply } from '../engine/errors.ts';
import { LOCKS, policies, policyAssignmentId } from '../engine/governance.ts';
import { isWithin, nameOf } from '../engine/ids.ts';
import { at, type JsonObject, object, strings, text } from '../engine/json.ts';
import type { Call, Kind, World } from '../engine/model.ts';
import { pageReply } from '../engine/paging.ts';
import {
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
import { makeExtension, requireScope } from './extensions.ts';
import { type Handlers, subscriptionIn } from './handlers.ts';
import { policyDefinitionHandlers } from './policyDefinitions.ts';
import { roleAssignmentHandlers } from './roleAssignments.ts';

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
  ...roleAssignmentHandlers,
  ...policyDefinitionHandlers,
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
