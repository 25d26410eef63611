import type { IdentityView } from '../../service.ts';
import { DELETED, immediate } from '../catalogue/profiles.ts';
import { ArmError, invalidParameter } from '../engine/errors.ts';
import { at, object, text } from '../engine/json.ts';
import type { Kind, World } from '../engine/model.ts';
import type { Resource } from '../engine/store.ts';
import { envelope, without } from './common.ts';

const TYPE = 'Microsoft.ManagedIdentity/userAssignedIdentities';

/** Managed identities return `resourcegroups` in lower case (azure-recordings/README.md, Bodies). */
function lowerGroups(id: string): string {
  return id.replace(/\/resourceGroups\//iu, '/resourcegroups/');
}

/** Microsoft.ManagedIdentity/userAssignedIdentities: synchronous; the Location header of a create is no operation. */
export const userAssignedIdentities: Kind = {
  type: TYPE,
  label: 'Identity',
  tracked: true,
  etags: false,
  states: false,
  create: immediate(201),
  update: immediate(200),
  delete: DELETED,
  checkName: (name) =>
    /^[A-Za-z0-9][\w-]{2,127}$/u.test(name)
      ? undefined
      : new ArmError(
          400,
          'InvalidParameter',
          `The identity name '${name}' is invalid: 3 to 128 letters, digits, '-' or '_', beginning with a letter or digit.`,
        ),
  displayId: lowerGroups,
  createdHeaders: (resource) => ({ location: lowerGroups(resource.id) }),
  prepare(world, request) {
    const before = object(request.existing?.body['properties']);
    return {
      body: {
        ...envelope(request.body),
        tags: object(request.body['tags']),
        properties: {
          ...without(request.properties, 'tenantId', 'principalId', 'clientId'),
          tenantId: world.tenantId,
          principalId: text(before['principalId']) ?? world.random.uuid(),
          clientId: text(before['clientId']) ?? world.random.uuid(),
        },
      },
      ...(request.existing === undefined ? { hidden: { replicatedAt: replicatedAt(world) } } : {}),
    };
  },
};

function replicatedAt(world: World): number {
  return world.clock.now() + (world.tuning.identityReplicationSeconds * 1000) / world.clock.timeScale;
}

export function identityView(resource: Resource): IdentityView {
  const read = (name: string) => text(at(resource.body, 'properties', name)) ?? '';
  return { id: resource.id, clientId: read('clientId'), principalId: read('principalId'), tenantId: read('tenantId') };
}

/** The identity with this resource id, client id or principal id. */
export function findIdentity(
  world: World,
  query: { readonly resourceId?: string; readonly clientId?: string; readonly principalId?: string },
): Resource | undefined {
  if (query.resourceId !== undefined) {
    const found = world.store.get(query.resourceId.toLowerCase());
    return found?.type === TYPE ? found : undefined;
  }
  for (const resource of world.store.ofType(TYPE)) {
    const view = identityView(resource);
    if (query.clientId !== undefined && view.clientId === query.clientId.toLowerCase()) return resource;
    if (query.principalId !== undefined && view.principalId === query.principalId.toLowerCase()) return resource;
  }
  return undefined;
}

/** Microsoft.KeyVault/vaults, management plane. RBAC decides about secrets; access policies are not modelled. */
export const vaults: Kind = {
  type: 'Microsoft.KeyVault/vaults',
  label: 'Vault',
  tracked: true,
  etags: false,
  states: true,
  create: immediate(200),
  update: immediate(200),
  delete: DELETED,
  checkName: (name) =>
    /^[A-Za-z](?!.*--)[A-Za-z0-9-]{1,22}[A-Za-z0-9]$/u.test(name)
      ? undefined
      : new ArmError(
          400,
          'VaultNameNotValid',
          `The vault name '${name}' is invalid. A vault's name must be between 3-24 alphanumeric characters. The name must begin with a letter, end with a letter or digit, and not contain consecutive hyphens.`,
        ),
  prepare(world, request) {
    for (const other of world.store.ofType('Microsoft.KeyVault/vaults')) {
      if (other.name.toLowerCase() !== request.name.toLowerCase() || other.key === request.id.key) continue;
      throw new ArmError(
        409,
        'VaultAlreadyExists',
        `The vault name '${request.name}' is already in use. Vault names are globally unique so it is possible that the name is already taken.`,
      );
    }
    if (request.properties['enableRbacAuthorization'] === false) {
      throw invalidParameter(
        'properties.enableRbacAuthorization',
        'The simulated Azure models vaults with role-based access only: access policies are not modelled, send enableRbacAuthorization: true.',
      );
    }
    return {
      body: {
        ...envelope(request.body),
        properties: {
          sku: { family: 'A', name: 'standard' },
          tenantId: world.tenantId,
          enableSoftDelete: true,
          softDeleteRetentionInDays: 90,
          publicNetworkAccess: 'Enabled',
          ...without(request.properties),
          enableRbacAuthorization: true,
          vaultUri: `https://${request.name.toLowerCase()}.vault.azure.net/`,
        },
      },
    };
  },
};
