import { ConditionError, evaluateCondition } from '../engine/abac.ts';
import { ArmError, emptyReply, jsonReply } from '../engine/errors.ts';
import { checkLocks } from '../engine/governance.ts';
import { isWithin, nameOf } from '../engine/ids.ts';
import { at, type JsonObject, number, object, strings, text } from '../engine/json.ts';
import type { Call, World } from '../engine/model.ts';
import { pageReply } from '../engine/paging.ts';
import { authorize, findRole, ROLE_ASSIGNMENTS } from '../engine/rbac.ts';
import type { Address } from '../engine/routes.ts';
import { wireOf } from '../engine/view.ts';
import { makeExtension, requireScope } from './extensions.ts';
import type { Handlers } from './handlers.ts';
import { findIdentity } from './identities.ts';

const GUID = /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/iu;

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

/** 409 RoleAssignmentExists: the same role for the same principal at the same scope under another name. */
function checkDuplicate(world: World, address: Address, principalId: string, roleDefinitionId: string): void {
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
  checkDuplicate(world, address, principalId, roleDefinitionId);
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

const AT = '/{scope}/providers/microsoft.authorization';

/** Microsoft.Authorization/roleAssignments on any scope. */
export const roleAssignmentHandlers: Handlers = {
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
};
