import { checkLocks } from '../engine/governance.ts';
import { ArmError, emptyReply, jsonReply, resourceNotFound } from '../engine/errors.ts';
import { at, type JsonObject, object, text } from '../engine/json.ts';
import type { World } from '../engine/model.ts';
import { pageReply } from '../engine/paging.ts';
import type { Address } from '../engine/routes.ts';
import type { Resource } from '../engine/store.ts';
import type { Handlers } from './handlers.ts';
import { accountNameError, findAccount, storageAccounts } from './storageAccounts.ts';

const ACCOUNT = '/subscriptions/{}/resourcegroups/{}/providers/microsoft.storage/storageaccounts/{}';
const SERVICE = `${ACCOUNT}/blobservices/{}`;
const CONTAINER = `${SERVICE}/containers/{}`;

/** The account of an address; it must be provisioned. */
function accountAt(world: World, address: Address): Resource {
  const id = address.path.split('/').slice(0, 9).join('/');
  const account = world.store.get(id.toLowerCase());
  if (account === undefined)
    throw resourceNotFound(storageAccounts.type, [address.names[0] ?? ''], address.path.split('/')[4] ?? '');
  if (account.state !== 'Succeeded') {
    throw new ArmError(
      409,
      'StorageAccountIsNotProvisioned',
      "The storage account provisioning state must be 'Succeeded' before executing the operation.",
    );
  }
  return account;
}

function containerWire(
  account: Resource,
  container: {
    readonly name: string;
    readonly publicAccess: string;
    readonly lastModified: string;
    readonly etag: string;
  },
): JsonObject {
  return {
    id: `${account.id}/blobServices/default/containers/${container.name}`,
    name: container.name,
    type: 'Microsoft.Storage/storageAccounts/blobServices/containers',
    etag: container.etag,
    properties: {
      deleted: false,
      remainingRetentionDays: 0,
      defaultEncryptionScope: '$account-encryption-key',
      denyEncryptionScopeOverride: false,
      publicAccess: container.publicAccess,
      leaseStatus: 'Unlocked',
      leaseState: 'Available',
      lastModifiedTime: container.lastModified,
      hasImmutabilityPolicy: false,
      legalHold: { hasLegalHold: false, tags: [] },
      hasLegalHold: false,
    },
  };
}

function publicAccess(account: Resource, value: string | undefined): 'None' | 'Blob' | 'Container' {
  if (value === undefined || value === 'None') return 'None';
  if (value !== 'Blob' && value !== 'Container')
    throw new ArmError(
      400,
      'InvalidValuesForRequestParameters',
      'Values for request parameters are invalid: publicAccess.',
    );
  if (at(account.body, 'properties', 'allowBlobPublicAccess') === true) return value;
  throw new ArmError(409, 'PublicAccessNotPermitted', 'Public access is not permitted on this storage account.');
}

function containerName(address: Address): string {
  const name = address.names[2] ?? '';
  if (/^(?:\$root|\$web|[a-z0-9](?!.*--)[a-z0-9-]{1,61}[a-z0-9])$/u.test(name)) return name;
  throw new ArmError(400, 'InvalidResourceName', 'The specifed resource name contains invalid characters.');
}

function findContainer(world: World, account: Resource, name: string) {
  return world.storage.listContainers(account.name).find((container) => container.name === name);
}

const BLOB_SERVICE: JsonObject = {
  cors: { corsRules: [] },
  deleteRetentionPolicy: { allowPermanentDelete: false, enabled: false },
  staticWebsite: { enabled: false },
};

export const storageHandlers: Handlers = {
  'POST /subscriptions/{}/providers/microsoft.storage/checknameavailability'(world, call) {
    const name = text(call.body['name']) ?? '';
    const bad = accountNameError(name);
    if (bad !== undefined)
      return jsonReply(200, { nameAvailable: false, reason: 'AccountNameInvalid', message: bad.message });
    if (findAccount(world, name) === undefined) return jsonReply(200, { nameAvailable: true });
    return jsonReply(200, {
      nameAvailable: false,
      reason: 'AlreadyExists',
      message: `The storage account named ${name} is already taken.`,
    });
  },
  [`GET ${SERVICE}`](world, _call, address) {
    const account = accountAt(world, address);
    return jsonReply(200, {
      sku: account.body['sku'] ?? {},
      id: `${account.id}/blobServices/default`,
      name: 'default',
      type: 'Microsoft.Storage/storageAccounts/blobServices',
      properties: { ...BLOB_SERVICE, ...object(account.hidden['blobService']) },
    });
  },
  [`PUT ${SERVICE}`](world, call, address) {
    const account = accountAt(world, address);
    checkLocks(world, account.id, 'write');
    world.store.put({ ...account, hidden: { ...account.hidden, blobService: object(call.body['properties']) } });
    return jsonReply(200, {
      name: 'default',
      ...(call.body['properties'] === undefined ? {} : { properties: call.body['properties'] }),
    });
  },
  [`GET ${SERVICE}/containers`](world, call, address) {
    const account = accountAt(world, address);
    return pageReply(
      world,
      call.request,
      world.storage.listContainers(account.name).map((container) => containerWire(account, container)),
    );
  },
  [`GET ${CONTAINER}`](world, _call, address) {
    const account = accountAt(world, address);
    const container = findContainer(world, account, containerName(address));
    if (container === undefined) {
      throw new ArmError(
        404,
        'ContainerNotFound',
        `The specified container does not exist.\nRequestId:${world.random.uuid()}\nTime:${new Date(world.clock.now()).toISOString()}`,
      );
    }
    return jsonReply(200, containerWire(account, container), { etag: container.etag });
  },
  [`PUT ${CONTAINER}`](world, call, address) {
    const account = accountAt(world, address);
    checkLocks(world, account.id, 'write');
    const name = containerName(address);
    const created = world.storage.createContainer(
      account.name,
      name,
      publicAccess(account, text(object(call.body['properties'])['publicAccess'])),
    );
    const etag = findContainer(world, account, name)?.etag ?? '';
    return jsonReply(
      created ? 201 : 200,
      {
        id: `${account.id}/blobServices/default/containers/${name}`,
        name,
        type: 'Microsoft.Storage/storageAccounts/blobServices/containers',
      },
      etag === '' ? {} : { etag },
    );
  },
  [`DELETE ${CONTAINER}`](world, _call, address) {
    const account = accountAt(world, address);
    checkLocks(world, account.id, 'delete');
    return emptyReply(world.storage.deleteContainer(account.name, containerName(address)) ? 200 : 204);
  },
};
