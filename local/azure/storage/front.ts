import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { explain } from '../gateway/exchange.ts';
import type { TokenIssuer } from '../identity/tokens.ts';
import type {
  AzureDirectory,
  AzureReply,
  AzureRequest,
  AzureService,
  StorageDataPlane,
  UnmodelledRequest,
} from '../service.ts';
import { type AuthorizeOptions, authorize } from './authorize.ts';
import * as blob from './blob-operations.ts';
import * as block from './block-operations.ts';
import { openBlobs, openContainers } from './catalogue.ts';
import * as container from './container-operations.ts';
import type { Operation, OperationContext, StorageState } from './context.ts';
import { abortCopy, copyBlob, resumeCopies } from './copy.ts';
import { createStorageControl } from './control.ts';
import { openDatabase, storageSchema, storageTables } from './database.ts';
import { errorReply, StorageError } from './errors.ts';
import { openBlobFiles } from './files.ts';
import { leaseBlob } from './lease.ts';
import { type OperationName, operationOf, operations, type Target, targetOf } from './operations.ts';
import * as page from './page-operations.ts';
import { openPageMap } from './pages.ts';
import { createEtags } from './records.ts';
import { createBlobThrottle } from './throttle.ts';
import { createUndo, type Undo } from './undo.ts';

export interface StorageFrontOptions {
  /** State folder: `storage.db`, the delegation secret and the contents of blobs. */
  readonly directory: string;
  readonly clock: Clock;
  readonly tokens: TokenIssuer;
  readonly tenantId: string;
  /** Gives out the ids of requests, copies and leases. */
  readonly ids: () => string;
  /** The control plane; asked at each request, so it may come into being later. */
  readonly azure: () => AzureDirectory;
  /** Refuse requests above the rates of a page blob with 503 ServerBusy (default true). */
  readonly throttle?: boolean;
}

export interface StorageFront {
  /** The Blob service of every simulated account. */
  readonly service: AzureService;
  /** What the control plane asks. */
  readonly dataPlane: StorageDataPlane;
  readonly state: StorageState;
  /** Requests for things that are not modelled. */
  unmodelled(): readonly UnmodelledRequest[];
  /** Begins or ends remembering how things were before the last write, for reads that are to be stale. */
  remember(on: boolean): void;
  /** Deletes every account's contents. */
  reset(): void;
  close(): void;
}

function openSecret(directory: string): Buffer {
  const file = join(directory, 'delegation-secret');
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString('base64'), { mode: 0o600 });
  return Buffer.from(readFileSync(file, 'utf8'), 'base64');
}

function openState(directory: string, clock: Clock, newId: () => string): StorageState {
  const database = openDatabase(join(directory, 'storage.db'), storageSchema);
  const blobs = openBlobs(database);
  const files = openBlobFiles(join(directory, 'contents'));
  files.sweep((id) => blobs.byId(id) !== undefined);
  const pages = openPageMap(database, files);
  const containers = openContainers(database);
  return { database, blobs, files, containers, pages, clock, newId, newEtag: createEtags() };
}

function runners(secret: Buffer): Readonly<Record<OperationName, Operation>> {
  return {
    listContainers: container.listContainers,
    getUserDelegationKey: (context) => container.getUserDelegationKey(context, secret),
    createContainer: container.createContainer,
    getContainerProperties: container.getContainerProperties,
    setContainerMetadata: container.setContainerMetadata,
    deleteContainer: container.deleteContainer,
    listBlobs: container.listBlobs,
    putBlob: blob.putBlob,
    copyBlob,
    abortCopy,
    putPage: page.putPage,
    putPageFromUrl: page.putPageFromUrl,
    putBlock: block.putBlock,
    putBlockList: block.putBlockList,
    getBlockList: block.getBlockList,
    getPageRanges: page.getPageRanges,
    getBlob: blob.getBlob,
    getBlobProperties: blob.getBlobProperties,
    getBlobMetadata: blob.getBlobMetadata,
    setBlobMetadata: blob.setBlobMetadata,
    setBlobProperties: blob.setBlobProperties,
    snapshotBlob: blob.snapshotBlob,
    leaseBlob,
    deleteBlob: blob.deleteBlob,
  };
}

function commonHeaders(request: AzureRequest, requestId: string): Record<string, string> {
  const echo = request.headers['x-ms-client-request-id'];
  return {
    server: 'Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0',
    'x-ms-request-id': requestId,
    'x-ms-version': request.headers['x-ms-version'] ?? '2025-11-05',
    ...(echo === undefined ? {} : { 'x-ms-client-request-id': echo }),
  };
}

/** The service version of a request: at least 2018-11-09, the first with Put Page From URL. */
function checkVersion(request: AzureRequest): void {
  const version = request.headers['x-ms-version'];
  if (version === undefined) {
    const dispensable = request.headers['authorization'] === undefined;
    if (dispensable) return;
    throw new StorageError('MissingRequiredHeader', { message: 'x-ms-version is missing.' });
  }
  if (!/^\d{4}-\d{2}-\d{2}$/.test(version) || version < '2018-11-09') {
    throw new StorageError('InvalidHeaderValue', {
      message: `x-ms-version ${version} is not supported: 2018-11-09 or later.`,
    });
  }
}

function deleteContents(state: StorageState): void {
  const accounts = state.database.prepare('SELECT DISTINCT account FROM containers').all() as { account: string }[];
  const control = createStorageControl(state);
  for (const { account } of accounts) control.deleteAccount(account);
}

/**
 * Notes what a write changes; a read that is to be stale sees what was before it. What reads is synchronous, so it is over
 * before the promise is there.
 */
async function undone(undo: Undo, request: AzureRequest, answer: () => Promise<AzureReply>): Promise<AzureReply> {
  const resource = `${request.host}${request.path}`.replace(/\/+$/u, '');
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (!isRead) undo.writing(resource);
  return isRead && request.fault?.kind === 'stale' ? undo.before(resource, answer) : answer();
}

function bytesOf(name: OperationName, request: AzureRequest): number {
  if (name === 'putPage') return request.body.length;
  const text =
    name === 'putPageFromUrl'
      ? request.headers['x-ms-source-range']
      : (request.headers['x-ms-range'] ?? request.headers['range']);
  const match = /^bytes=(\d+)-(\d+)$/.exec(text ?? '');
  return ['putPageFromUrl', 'getBlob'].includes(name) && match !== null ? Number(match[2]) - Number(match[1]) + 1 : 0;
}

/**
 * The storage front: keeps every account's containers and blobs itself (page blobs as sparse files with a range map in
 * SQLite, block blobs as files), checks credentials as the real Blob service does, and answers under production names.
 *
 * Nothing is passed on to Azurite: its authorisation, errors, copies and page-range diff differ from the real service
 * (azure-behaviour.md §1), so a mixture would be honest for half of the requests only.
 */
export function createStorageFront(options: StorageFrontOptions): StorageFront {
  mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  const secret = openSecret(options.directory);
  const state = openState(options.directory, options.clock, options.ids);
  const undo = createUndo(state.database, storageTables);
  const run = runners(secret);
  const admits = createBlobThrottle(options.clock);
  const unmodelled: UnmodelledRequest[] = [];

  const context = (request: AzureRequest, target: Target): OperationContext => {
    const azure = options.azure();
    const account = azure.storageAccount(target.account);
    if (account === undefined) throw new UnknownAccount(target.account);
    checkVersion(request);
    const operation = operationOf(request, target);
    const needs = operations[operation];
    const found = target.container === undefined ? undefined : state.containers.find(target.account, target.container);
    const how: AuthorizeOptions = {
      directory: azure,
      tokens: options.tokens,
      delegationSecret: secret,
      tenantId: options.tenantId,
      now: options.clock.now(),
      operation,
      publicAccess: found?.deletedAt === undefined ? found?.publicAccess : undefined,
    };
    return {
      state,
      request,
      target,
      account,
      caller: authorize(request, needs, account, target, how),
      askFront: service,
    };
  };

  const answer = async (request: AzureRequest): Promise<AzureReply> => {
    const target = targetOf(request);
    const authorised = context(request, target);
    const name = operationOf(request, target);
    const busy = target.blob !== undefined && options.throttle !== false;
    if (busy && !admits(`${target.account}/${target.container ?? ''}/${target.blob}`, bytesOf(name, request))) {
      throw new StorageError('ServerBusy', { message: 'Operations per second or ingress is over the blob limit.' });
    }
    return run[name](authorised);
  };

  const service: AzureService = async (request) => {
    const requestId = state.newId();
    const common = commonHeaders(request, requestId);
    try {
      const reply = await undone(undo, request, async () => answer(request));
      return { ...reply, headers: { ...common, ...reply.headers } };
    } catch (error) {
      if (error instanceof UnknownAccount) return explain(502, 'AccountNotFound', error.message);
      if (!(error instanceof StorageError)) throw error;
      if (error.code === 'NotImplemented') {
        unmodelled.push({ method: request.method, host: request.host, path: request.path, message: error.message });
      }
      const reply = errorReply(error, requestId, options.clock.now());
      return { ...reply, headers: { ...common, ...reply.headers } };
    }
  };

  resumeCopies(state);
  return {
    service,
    dataPlane: createStorageControl(state),
    state,
    unmodelled: () => unmodelled,
    remember: (on) => undo.remember(on),
    reset() {
      deleteContents(state);
      unmodelled.length = 0;
    },
    close() {
      if (!state.database.isOpen) return;
      state.files.close();
      state.database.close();
    },
  };
}

/** A host name of no account: on the real service the name does not resolve. */
class UnknownAccount extends Error {
  constructor(name: string) {
    super(
      `${name}.blob.core.windows.net does not resolve: there is no storage account ${name} in the simulated Azure.`,
    );
  }
}
