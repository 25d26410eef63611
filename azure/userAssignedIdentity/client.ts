import type { Identity } from '@azure/arm-msi';
import type { AnyPlan } from '#domain/managed/types.ts';
import type { KindDefinition } from '../resource/kind.ts';
import { userAssignedIdentityOutputs, userAssignedIdentitySpec } from './spec.ts';

export const userAssignedIdentity: KindDefinition<Identity, AnyPlan> = {
  kind: 'userAssignedIdentity',
  title: 'managed identity',
  ownership: 'cluster',
  family: 'resources',
  desired: userAssignedIdentitySpec,
  describe: ({ id, tags }) => ({ id, tags }),
  outputs: userAssignedIdentityOutputs,
  read: async (clients, { resourceGroup, names: [name = ''] }) =>
    (await clients.identities()).userAssignedIdentities.get(resourceGroup, name),
  write: async (clients, { resourceGroup, names: [name = ''] }, { location, tags }) => ({
    body: await (await clients.identities()).userAssignedIdentities.createOrUpdate(resourceGroup, name, {
      location,
      ...(tags === undefined ? {} : { tags }),
    }),
  }),
  erase: async (clients, { resourceGroup, names: [name = ''] }) => ({
    body: await (await clients.identities()).userAssignedIdentities.delete(resourceGroup, name),
  }),
};
