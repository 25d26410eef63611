import { z } from 'zod';
import { BUILT_IN_ROLES, type Role } from '../catalogue/roles.ts';
import type { Principal } from '../../service.ts';
import { type ConditionContext, evaluateCondition } from './abac.ts';
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

/** A role that a principal holds, with the condition under which it counts. */
interface Grant {
  readonly role: Role;
  readonly condition: string | undefined;
}

function grantsAt(world: World, objectId: string, scope: string): Grant[] {
  const grants: Grant[] = [];
  for (const assignment of world.store.ofType(ROLE_ASSIGNMENTS)) {
    if (text(at(assignment.body, 'properties', 'principalId'))?.toLowerCase() !== objectId.toLowerCase()) continue;
    if (!isWithin(scope, text(at(assignment.body, 'properties', 'scope')) ?? '')) continue;
    if ((number(assignment.hidden['effectiveAt']) ?? 0) > world.clock.now()) continue;
    const role = findRole(world, nameOf(text(at(assignment.body, 'properties', 'roleDefinitionId')) ?? ''));
    if (role !== undefined) grants.push({ role, condition: text(at(assignment.body, 'properties', 'condition')) });
  }
  return grants;
}

/** Roles that a principal holds at a scope, assignments above it and the propagation delay included. */
export function rolesAt(world: World, objectId: string, scope: string): Role[] {
  return grantsAt(world, objectId, scope).map((grant) => grant.role);
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

/** Attributes for conditions; `later`: they are in the body, which is read after the first check. */
export type ConditionAttributes = Pick<ConditionContext, 'request' | 'resource'> | 'later';

/** Whether a principal may do an action of the control plane at a scope, conditions of its role assignments included. */
export function allowsAction(
  world: World,
  objectId: string,
  action: string,
  scope: string,
  attributes: ConditionAttributes = {},
): boolean {
  return grantsAt(world, objectId, scope).some(
    ({ role, condition }) =>
      role.actions.some((pattern) => matchesAction(pattern, action)) &&
      !role.notActions.some((pattern) => matchesAction(pattern, action)) &&
      (condition === undefined || attributes === 'later' || evaluateCondition(condition, { action, ...attributes })),
  );
}

/** A deny assignment, set through `POST /_simulator/faults` as `{ "denyAssignment": { ... } }`: Azure lets only itself make them. */
export const denyAssignmentSchema = z.strictObject({
  name: z.uuid(),
  displayName: z.string().default('Deny assignment of the simulation'),
  scope: z.string(),
  actions: z.array(z.string()).min(1),
  notActions: z.array(z.string()).default([]),
  /** Object ids; absent: everyone. */
  principals: z.array(z.string()).optional(),
  excludePrincipals: z.array(z.string()).default([]),
});

export type DenyAssignment = z.infer<typeof denyAssignmentSchema>;

export function denyAssignments(world: World): readonly DenyAssignment[] {
  return z.array(denyAssignmentSchema).parse(world.store.setting('denyAssignments') ?? []);
}

/** Id under which a deny assignment is visible. */
export function denyAssignmentId({ scope, name }: DenyAssignment): string {
  return `${scope}/providers/Microsoft.Authorization/denyAssignments/${name}`;
}

/** Refuses what a deny assignment denies, whatever roles the caller has. */
function checkDenied(world: World, principal: Principal, action: string, scope: string): void {
  if (world.store.setting('denyAssignments') === undefined) return;
  const id = principal.objectId.toLowerCase();
  const deny = denyAssignments(world).find(
    (entry) =>
      isWithin(scope, entry.scope) &&
      (entry.principals?.some((one) => one.toLowerCase() === id) ?? true) &&
      !entry.excludePrincipals.some((one) => one.toLowerCase() === id) &&
      entry.actions.some((pattern) => matchesAction(pattern, action)) &&
      !entry.notActions.some((pattern) => matchesAction(pattern, action)),
  );
  if (deny === undefined) return;
  throw new ArmError(
    403,
    'DenyAssignmentAuthorizationFailed',
    `The client '${principal.clientId}' with object id '${principal.objectId}' has permission to perform action '${action}' on scope '${scope}'; however, the access is denied because of the deny assignment with name '${deny.displayName}' and Id '${deny.name.replaceAll('-', '')}' at scope '${deny.scope}'.`,
    { cause: 'gateway' },
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
export function authorize(
  world: World,
  principal: Principal,
  action: string,
  scope: string,
  attributes: ConditionAttributes = {},
): void {
  if (allowsAction(world, principal.objectId, action, scope, attributes)) {
    checkDenied(world, principal, action, scope);
    return;
  }
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

/** What some writes need instead, by lower-case type that is written and type that it refers to. */
const LINKED_BY_WRITER: Readonly<Record<string, string>> = {
  'microsoft.storage/storageaccounts microsoft.network/virtualnetworks/subnets':
    'Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action',
  'microsoft.network/privateendpoints microsoft.storage/storageaccounts':
    'Microsoft.Storage/storageAccounts/privateEndpointConnectionsApproval/action',
  'microsoft.network/privateendpoints/privatednszonegroups microsoft.network/privatednszones':
    'Microsoft.Network/privateDnsZones/join/action',
  'microsoft.network/privatednszones/virtualnetworklinks microsoft.network/virtualnetworks':
    'Microsoft.Network/virtualNetworks/join/action',
};

/** Refuses with 403 LinkedAuthorizationFailed when the caller may write the resource but not use what it refers to. */
export function authorizeLinks(
  world: World,
  principal: Principal,
  action: string,
  scope: string,
  links: readonly { readonly id: string; readonly type: string }[],
): void {
  const writer = action.slice(0, action.lastIndexOf('/')).toLowerCase();
  for (const link of links) {
    const type = link.type.toLowerCase();
    const needed = LINKED_BY_WRITER[`${writer} ${type}`] ?? LINKED_ACTIONS[type];
    if (needed === undefined || allowsAction(world, principal.objectId, needed, link.id)) continue;
    throw new ArmError(
      403,
      'LinkedAuthorizationFailed',
      `The client '${principal.clientId}' with object id '${principal.objectId}' has permission to perform action '${action}' on scope '${scope}'; however, it does not have permission to perform action(s) '${needed}' on the linked scope(s) '${link.id}' (respectively) or the linked scope(s) are invalid.`,
      { cause: 'gateway' },
    );
  }
}
