import type { IdentityView } from '../../service.ts';
import { DELETED, immediate } from '../catalogue/profiles.ts';
import { ArmError, invalidParameter } from '../engine/errors.ts';
import { at, object, strings, text } from '../engine/json.ts';
import type { Kind, World } from '../engine/model.ts';
import type { Resource } from '../engine/store.ts';
import { envelope, without } from './common.ts';
import { deletedVault, forgetDeleted, keepDeleted } from './deletedVaults.ts';

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
  removed(world, identity) {
    for (const credential of world.store.ofType(`${TYPE}/federatedIdentityCredentials`))
      if (credential.key.startsWith(`${identity.key}/`)) world.store.remove(credential.key);
  },
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

/** Refusal of a resource that is to have an identity which does not exist. */
export function identityNotFound(resource: string, identity: string): ArmError {
  return new ArmError(
    400,
    'FailedIdentityOperation',
    `Identity operation for resource '${resource}' failed with error 'Failed to perform resource identity operation. Status: 'BadRequest'. Response: '{"error":{"code":"BadRequest","message":"Resource '${identity}' was not found."}}'.'.`,
    { cause: 'gateway' },
  );
}

/** Every user-assigned identity. */
export function identitiesOf(world: World): readonly IdentityView[] {
  return [...world.store.ofType(TYPE)].map(identityView);
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
    const deleted = request.existing === undefined ? deletedVault(world, request.name) : undefined;
    if (deleted !== undefined) {
      if (text(request.properties['createMode']) !== 'recover') throw inDeletedState(request.name);
      forgetDeleted(world, request.name);
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
          accessPolicies: [],
          enabledForDeployment: false,
          ...without(request.properties, 'createMode'),
          enableRbacAuthorization: true,
          vaultUri: `https://${request.name.toLowerCase()}.vault.azure.net/`,
        },
      },
    };
  },
  view(world, vault, wire) {
    const at = new Date(vault.createdAt).toISOString();
    const by = { createdBy: world.tenantId, createdByType: 'Application', createdAt: at };
    const last = { lastModifiedBy: world.tenantId, lastModifiedByType: 'Application', lastModifiedAt: at };
    return { ...wire, tags: object(wire['tags']), systemData: { ...by, ...last } };
  },
  removed: keepDeleted,
};

function inDeletedState(name: string): ArmError {
  return new ArmError(
    409,
    'ConflictError',
    `A vault with the same name already exists in deleted state. You need to either recover or purge existing key vault '${name}'. Follow this link https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft delete.`,
  );
}

/** Trust in tokens of another issuer: Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials. */
export const federatedIdentityCredentials: Kind = {
  type: `${TYPE}/federatedIdentityCredentials`,
  label: 'FederatedIdentityCredential',
  tracked: false,
  etags: false,
  states: false,
  create: immediate(201),
  update: immediate(200),
  delete: DELETED,
  checkName: (name) =>
    /^[A-Za-z0-9][\w-]{2,119}$/u.test(name)
      ? undefined
      : invalidParameter(
          'name',
          `The name '${name}' of the federated credential is invalid: 3 to 120 letters, digits, '-' or '_'.`,
        ),
  createdHeaders: (resource) => ({ location: lowerGroups(resource.id) }),
  notFound: (name) => new ArmError(404, 'NotFound', `The federated identity credential '${name}' was not found.`),
  displayId: lowerGroups,
  prepare(world, request) {
    const { issuer, subject, audiences } = request.properties;
    if (text(issuer) === undefined || text(subject) === undefined || strings(audiences).length !== 1) {
      throw invalidParameter(
        'properties',
        'A federated identity credential needs an issuer, a subject and exactly one audience.',
      );
    }
    const parent = request.id.key.split('/').slice(0, -1).join('/');
    for (const other of world.store.ofType(`${TYPE}/federatedIdentityCredentials`)) {
      const before = object(other.body['properties']);
      if (!other.key.startsWith(`${parent}/`) || other.key === request.id.key) continue;
      if (before['issuer'] !== issuer || before['subject'] !== subject) continue;
      throw new ArmError(409, 'Conflict', `Issuer and subject combination already exists for this Managed Identity.`);
    }
    return { body: { properties: { issuer, subject, audiences } } };
  },
};
