import type { AzureRequest } from '../service.ts';
import { StorageError } from './errors.ts';

const container = 'Microsoft.Storage/storageAccounts/blobServices/containers';

/** What an operation needs of its caller. */
export interface OperationNeeds {
  /** Letter of the resource level in an account SAS: service, container or object. */
  readonly level: 's' | 'c' | 'o';
  /** Any one of these SAS permissions is enough. */
  readonly permissions: string;
  /** RBAC action (data action, or the delegation key action). */
  readonly dataAction: string;
  /** A service or user delegation SAS can carry it. */
  readonly serviceSas: boolean;
  /** Public access level from which anyone may do it. */
  readonly anonymous?: 'Blob' | 'Container';
}

const read = {
  level: 'o',
  permissions: 'r',
  dataAction: `${container}/blobs/read`,
  serviceSas: true,
  anonymous: 'Blob',
} as const;
const write = { level: 'o', permissions: 'w', dataAction: `${container}/blobs/write`, serviceSas: true } as const;
const create = { ...write, permissions: 'cw' } as const;
const remove = { ...write, permissions: 'd', dataAction: `${container}/blobs/delete` } as const;
const onContainer = { level: 'c', serviceSas: false } as const;

/** The modelled operations of the Blob service and what each needs (REST reference, "Authorize requests to Azure Storage"). */
export const operations = {
  listContainers: { level: 's', permissions: 'l', dataAction: `${container}/read`, serviceSas: false },
  getUserDelegationKey: {
    level: 's',
    permissions: '',
    dataAction: 'Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action',
    serviceSas: false,
  },
  createContainer: { ...onContainer, permissions: 'cw', dataAction: `${container}/write` },
  getContainerProperties: { ...onContainer, permissions: 'r', dataAction: `${container}/read`, anonymous: 'Container' },
  setContainerMetadata: { ...onContainer, permissions: 'w', dataAction: `${container}/write` },
  deleteContainer: { ...onContainer, permissions: 'd', dataAction: `${container}/delete` },
  listBlobs: {
    level: 'c',
    permissions: 'l',
    dataAction: `${container}/blobs/read`,
    serviceSas: true,
    anonymous: 'Container',
  },
  putBlob: create,
  copyBlob: create,
  abortCopy: write,
  putPage: write,
  putPageFromUrl: write,
  putBlock: write,
  putBlockList: write,
  getBlockList: read,
  getPageRanges: read,
  getBlob: read,
  getBlobProperties: read,
  getBlobMetadata: read,
  setBlobMetadata: write,
  setBlobProperties: write,
  snapshotBlob: create,
  leaseBlob: write,
  deleteBlob: remove,
} as const satisfies Readonly<Record<string, OperationNeeds>>;

export type OperationName = keyof typeof operations;

/** Account, container and blob that a request addresses. */
export interface Target {
  readonly account: string;
  readonly container: string | undefined;
  readonly blob: string | undefined;
  readonly snapshot: string;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new StorageError('InvalidUri');
  }
}

/** Reads the target out of host and path. */
export function targetOf(request: AzureRequest): Target {
  const account = request.host.split('.')[0] ?? '';
  const path = request.path.replace(/^\/+/, '');
  const slash = path.indexOf('/');
  const first = slash < 0 ? path : path.slice(0, slash);
  const rest = slash < 0 ? '' : path.slice(slash + 1);
  return {
    account,
    container: first === '' ? undefined : decode(first),
    blob: rest === '' ? undefined : decode(rest),
    snapshot: request.query.get('snapshot') ?? '',
  };
}

const onService: Readonly<Record<string, OperationName>> = {
  'GET list': 'listContainers',
  'POST userdelegationkey': 'getUserDelegationKey',
};

const onContainers: Readonly<Record<string, OperationName>> = {
  'PUT ': 'createContainer',
  'GET ': 'getContainerProperties',
  'HEAD ': 'getContainerProperties',
  'PUT metadata': 'setContainerMetadata',
  'DELETE ': 'deleteContainer',
  'GET list': 'listBlobs',
};

const onBlobs: Readonly<Record<string, OperationName>> = {
  'PUT ': 'putBlob',
  'PUT copy': 'abortCopy',
  'PUT page': 'putPage',
  'PUT block': 'putBlock',
  'PUT blocklist': 'putBlockList',
  'GET blocklist': 'getBlockList',
  'GET pagelist': 'getPageRanges',
  'GET ': 'getBlob',
  'HEAD ': 'getBlobProperties',
  'GET metadata': 'getBlobMetadata',
  'HEAD metadata': 'getBlobMetadata',
  'PUT metadata': 'setBlobMetadata',
  'PUT properties': 'setBlobProperties',
  'PUT snapshot': 'snapshotBlob',
  'PUT lease': 'leaseBlob',
  'DELETE ': 'deleteBlob',
};

/**
 * Names the operation of a request.
 *
 * @throws StorageError NotImplemented for operations of the real service that are not modelled
 */
export function operationOf(request: AzureRequest, target: Target): OperationName {
  const comp = request.query.get('comp') ?? '';
  const key = `${request.method} ${comp}`;
  const isContainer = request.query.get('restype') === 'container';
  const table = target.container === undefined ? onService : isContainer ? onContainers : onBlobs;
  const name = target.blob === undefined && table === onBlobs ? undefined : table[key];
  const fromUrl = request.headers['x-ms-copy-source'] !== undefined;
  if (name === 'putPage' && fromUrl) return 'putPageFromUrl';
  if (name === 'putBlob' && fromUrl) {
    if (request.headers['x-ms-blob-type'] === undefined && request.headers['x-ms-requires-sync'] === undefined)
      return 'copyBlob';
  } else if (name !== undefined && !(name === 'putBlock' && fromUrl)) {
    return name;
  }
  const what = isContainer ? 'a container' : target.blob === undefined ? 'the service' : 'a blob';
  throw new StorageError('NotImplemented', {
    message: `The simulated storage does not model ${request.method}${comp === '' ? '' : ` comp=${comp}`}${fromUrl ? ' from a URL' : ''} on ${what}.`,
  });
}
