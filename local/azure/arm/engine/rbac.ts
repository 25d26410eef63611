import { BUILT_IN_ROLES, type Role } from '../catalogue/roles.ts';
import type { Principal } from '../../service.ts';
import { ArmError } from './errors.ts';
import { isWithin, nameOf } from './ids.ts';
import { at, number, object, objects, strings, text } from './json.ts';
import type { World } from './model.ts';

export const ROLE_ASSIGNMENTS = 'Microsoft.Authorization/roleAssignments';
export const ROLE_DEFINITIONS = 'Microsoft.Authorization/roleDefinitions';

/** The role with the given guid, built in or custom. */
export function findRole(world: World, roleGuid: string): Role | undefined {
  const guid = roleGuid.toLowerCase();
  const builtIn = BUILT_IN_ROLES.find((role) => role.id === guid);
  if (builtIn !== undefined) return builtIn;
  for (const resource of world.store.ofType(ROLE_DEFINITIONS)) {
    if (resource.name.toLowerCase() !== guid) continue;
    const properties = object(resource.body['properties']);
    const permissions = objects(properties['permissions']);
    const all = (name: string) => permissions.flatMap((permission) => strings(permission[name]));
    return {
      id: guid,
      name: text(properties['roleName']) ?? '',
      description: text(properties['description']) ?? '',
      actions: all('actions'),
      notActions: all('notActions'),
      dataActions: all('dataActions'),
    };
  }
  return undefined;
}

/** Roles that a principal holds at a scope, assignments above it and the propagation delay included. */
export function rolesAt(world: World, objectId: string, scope: string): Role[] {
  const roles: Role[] = [];
  for (const assignment of world.store.ofType(ROLE_ASSIGNMENTS)) {
    if (text(at(assignment.body, 'properties', 'principalId'))?.toLowerCase() !== objectId.toLowerCase()) continue;
    if (!isWithin(scope, text(at(assignment.body, 'properties', 'scope')) ?? '')) continue;
    if ((number(assignment.hidden['effectiveAt']) ?? 0) > world.clock.now()) continue;
    const role = findRole(world, nameOf(text(at(assignment.body, 'properties', 'roleDefinitionId')) ?? ''));
    if (role !== undefined) roles.push(role);
  }
  return roles;
}

const patterns = new Map<string, RegExp>();

/** Whether an action falls under a pattern with `*`, letter case ignored. */
export function matchesAction(pattern: string, action: string): boolean {
  let expression = patterns.get(pattern);
  if (expression === undefined) {
    const source = pattern.replaceAll(/[.+?^${}()|[\]\\]/gu, String.raw`\$&`).replaceAll('*', '.*');
    expression = new RegExp(`^${source}$`, 'iu');
    patterns.set(pattern, expression);
  }
  return expression.test(action);
}

/** Whether a principal may do an action of the control plane at a scope. */
export function allowsAction(world: World, objectId: string, action: string, scope: string): boolean {
  return rolesAt(world, objectId, scope).some(
    (role) =>
      role.actions.some((pattern) => matchesAction(pattern, action)) &&
      !role.notActions.some((pattern) => matchesAction(pattern, action)),
  );
}

/** Whether a principal may do a data action at a scope. Some data planes check control-plane actions, so both lists count. */
export function allowsDataAction(world: World, objectId: string, dataAction: string, scope: string): boolean {
  return rolesAt(world, objectId, scope).some((role) => {
    if (role.dataActions.some((pattern) => matchesAction(pattern, dataAction))) return true;
    // Blob containers and user delegation keys are control actions that the data plane honours.
    if (!/\/blobServices\/(?:containers\/(?:read|write|delete)|generateUserDelegationKey\/action)$/iu.test(dataAction))
      return false;
    return (
      role.actions.some((pattern) => matchesAction(pattern, dataAction)) &&
      !role.notActions.some((pattern) => matchesAction(pattern, dataAction))
    );
  });
}

/** Refuses with 403 AuthorizationFailed, naming client, action and scope. */
export function authorize(world: World, principal: Principal, action: string, scope: string): void {
  if (allowsAction(world, principal.objectId, action, scope)) return;
  throw new ArmError(
    403,
    'AuthorizationFailed',
    `The client '${principal.clientId}' with object id '${principal.objectId}' does not have authorization to perform action '${action}' over scope '${scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
    { cause: 'gateway' },
  );
}

/** What a write needs at the resources that it refers to, by lower-case type. */
const LINKED_ACTIONS: Readonly<Record<string, string>> = {
  'microsoft.network/virtualnetworks/subnets': 'Microsoft.Network/virtualNetworks/subnets/join/action',
  'microsoft.network/networksecuritygroups': 'Microsoft.Network/networkSecurityGroups/join/action',
  'microsoft.network/routetables': 'Microsoft.Network/routeTables/join/action',
  'microsoft.network/natgateways': 'Microsoft.Network/natGateways/join/action',
  'microsoft.network/publicipaddresses': 'Microsoft.Network/publicIPAddresses/join/action',
  'microsoft.network/networkinterfaces': 'Microsoft.Network/networkInterfaces/join/action',
  'microsoft.network/loadbalancers/backendaddresspools':
    'Microsoft.Network/loadBalancers/backendAddressPools/join/action',
  'microsoft.network/loadbalancers/inboundnatrules': 'Microsoft.Network/loadBalancers/inboundNatRules/join/action',
  'microsoft.managedidentity/userassignedidentities': 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action',
  'microsoft.compute/images': 'Microsoft.Compute/images/read',
  'microsoft.compute/galleries/images/versions': 'Microsoft.Compute/galleries/images/versions/read',
};

/** Refuses with 403 LinkedAuthorizationFailed when the caller may write the resource but not use what it refers to. */
export function authorizeLinks(
  world: World,
  principal: Principal,
  action: string,
  scope: string,
  links: readonly { readonly id: string; readonly type: string }[],
): void {
  for (const link of links) {
    const needed = LINKED_ACTIONS[link.type.toLowerCase()];
    if (needed === undefined || allowsAction(world, principal.objectId, needed, link.id)) continue;
    throw new ArmError(
      403,
      'LinkedAuthorizationFailed',
      `The client '${principal.clientId}' with object id '${principal.objectId}' has permission to perform action '${action}' on scope '${scope}'; however, it does not have permission to perform action(s) '${needed}' on the linked scope(s) '${link.id}' (respectively) or the linked scope(s) are invalid.`,
      { cause: 'gateway' },
    );
  }
}
