import { createHash } from 'node:crypto';
import type { RoleAssignment } from '@azure/arm-authorization';
import type { AnyPlan } from '#domain/managed/types.ts';
import type { CapstanError } from '#domain/errors/error.ts';
import { capstanError } from '../errors/capstan-error.ts';
import { sameId } from '../resource/arm-id.ts';
import type { SpecInput } from '../resource/kind.ts';
import { builtInRoles } from './roles.ts';

/**
 * What is written and read of an assignment. `name` is the GUID; the SDK keeps it apart from the parameters.
 */
export type Assignment = Pick<
  RoleAssignment,
  'id' | 'name' | 'scope' | 'roleDefinitionId' | 'principalId' | 'principalType' | 'description'
>;

/** A GUID that only depends on its inputs (version 5 layout), so that a repeated write meets its own assignment. */
export function deterministicGuid(...parts: readonly string[]): string {
  const bytes = createHash('sha256').update(parts.join('\n').toLowerCase()).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

type Grant = Pick<SpecInput<AnyPlan>, 'resource' | 'outputs'>;

function principal(input: Grant): string | undefined {
  const key = input.resource.detail?.['principal'] ?? 'identity';
  return input.outputs[key]?.['principalId'];
}

function roleId(input: Grant): string | undefined {
  return builtInRoles[input.resource.detail?.['role'] ?? ''];
}

/**
 * Full id of the assignment. The principal is part of the name: an identity made again under the same name is another
 * principal, and an assignment cannot be moved to it.
 */
export function roleAssignmentId(input: Grant): string | CapstanError {
  const { resource } = input;
  const scope = resource.detail?.['scope'] ?? '';
  const principalId = principal(input);
  const role = roleId(input);
  if (principalId === undefined || role === undefined) {
    return capstanError('CAP-3011', `The role assignment ${resource.name} cannot be made.`, {
      where: scope,
      cause:
        role === undefined
          ? 'the role is not a built-in role that Capstan knows'
          : 'the identity has no principal id yet',
    });
  }
  return `${scope}/providers/Microsoft.Authorization/roleAssignments/${deterministicGuid(scope, role, principalId)}`;
}

/** Text by which a delete recognises its own assignment: role assignments carry no tags. */
export function ownerDescription(cluster: string): string {
  return `Capstan cluster ${cluster}`;
}

/** The assignment; nothing to do when it is there. `principalType` avoids PrincipalNotFound for fresh identities. */
export function roleAssignmentSpec(
  input: SpecInput<AnyPlan>,
  existing: Assignment | undefined,
): Assignment | undefined {
  const { plan, resource } = input;
  const scope = resource.detail?.['scope'] ?? '';
  const roleDefinitionId = `/subscriptions/${plan.azure.subscriptionId}/providers/Microsoft.Authorization/roleDefinitions/${roleId(input) ?? ''}`;
  if (existing !== undefined && sameId(existing.roleDefinitionId, roleDefinitionId)) return undefined;
  return {
    scope,
    roleDefinitionId,
    principalId: principal(input) ?? '',
    principalType: 'ServicePrincipal',
    description: ownerDescription(plan.name),
  };
}
