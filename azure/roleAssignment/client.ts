import type { AnyPlan } from '#domain/managed/types.ts';
import type { KindDefinition } from '../resource/kind.ts';
import { type Assignment, roleAssignmentId, roleAssignmentSpec } from './spec.ts';

/** The SDK puts a slash before the scope itself, hence `slice`. */
export const roleAssignment: KindDefinition<Assignment, AnyPlan> = {
  kind: 'roleAssignment',
  title: 'role assignment',
  ownership: 'parent',
  family: 'resources',
  identify: roleAssignmentId,
  desired: roleAssignmentSpec,
  describe: ({ id }) => ({ id }),
  read: async (clients, { scope, names: [name = ''] }) =>
    (await clients.authorization()).roleAssignments.get(scope.slice(1), name),
  write: async (clients, { scope, names: [name = ''] }, body) => ({
    body: await (await clients.authorization()).roleAssignments.create(scope.slice(1), name, {
      roleDefinitionId: body.roleDefinitionId ?? '',
      principalId: body.principalId ?? '',
      ...(body.principalType === undefined ? {} : { principalType: body.principalType }),
      ...(body.description === undefined ? {} : { description: body.description }),
    }),
  }),
  erase: async (clients, { scope, names: [name = ''] }) => {
    await (await clients.authorization()).roleAssignments.delete(scope.slice(1), name);
    return { body: undefined };
  },
};
