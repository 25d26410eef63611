import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../clock.ts';
import type { AzureReply, AzureRequest, StorageAccountView } from '../service.ts';
import type { StorageCaller } from './authorize.ts';
import type { BlobTable, ContainerTable } from './catalogue.ts';
import { StorageError } from './errors.ts';
import type { BlobFiles } from './files.ts';
import type { Target } from './operations.ts';
import type { PageMap } from './pages.ts';
import type { BlobAddress, BlobRecord, ContainerRecord } from './records.ts';

/** Everything that is kept. */
export interface StorageState {
  readonly database: DatabaseSync;
  readonly containers: ContainerTable;
  readonly blobs: BlobTable;
  readonly files: BlobFiles;
  readonly pages: PageMap;
  readonly clock: Clock;
  /** Ids of requests, copies and leases. */
  readonly newId: () => string;
  readonly newEtag: (now: number) => string;
}

/** One authorised request. */
export interface OperationContext {
  readonly state: StorageState;
  readonly request: AzureRequest;
  readonly target: Target;
  readonly account: StorageAccountView;
  readonly caller: StorageCaller;
  /** Asks the front itself, as a copy does for its source. */
  readonly askFront: (request: AzureRequest) => Promise<AzureReply>;
}

export type Operation = (context: OperationContext) => AzureReply | Promise<AzureReply>;

/** Seconds (Azure time) during which the name of a deleted container stays taken. */
export const containerDeletionSeconds = 30;

/** The addressed container; refuses when it is absent or being deleted. */
export function requireContainer({ state, target }: OperationContext): ContainerRecord {
  const name = target.container;
  const record = name === undefined ? undefined : state.containers.find(target.account, name);
  if (record === undefined || record.deletedAt !== undefined) throw new StorageError('ContainerNotFound');
  return record;
}

/** The address of the blob of the request. */
export function addressOf({ target }: OperationContext): BlobAddress {
  if (target.container === undefined || target.blob === undefined) throw new StorageError('InvalidUri');
  return { account: target.account, container: target.container, name: target.blob };
}

/** The addressed blob (or snapshot); refuses when it or its container is absent. */
export function requireBlob(context: OperationContext): BlobRecord {
  requireContainer(context);
  const record = context.state.blobs.find(addressOf(context), context.target.snapshot);
  if (record === undefined) throw new StorageError('BlobNotFound');
  return record;
}

/** The addressed blob for a write: not a snapshot, of the right type, without a pending copy. */
export function requireWritable(context: OperationContext, type?: BlobRecord['type']): BlobRecord {
  const record = requireBlob(context);
  if (record.snapshot !== '') {
    throw new StorageError('InvalidQueryParameterValue', { message: 'Snapshots cannot be written.' });
  }
  if (type !== undefined && record.type !== type) throw new StorageError('InvalidBlobType');
  if (record.copy?.status === 'pending') throw new StorageError('PendingCopyOperation');
  return record;
}

/** An HTTP date. */
export function httpDate(at: number): string {
  return new Date(at).toUTCString();
}

/** Names and values of all metadata together, in bytes (REST reference, "Setting and retrieving properties and metadata"). */
const mostMetadataBytes = 8192;

/** Headers `x-ms-meta-*` of a request as a record; refuses more than 8 KiB of them. */
export function metadataOf(request: AzureRequest): Record<string, string> {
  const metadata: Record<string, string> = {};
  let bytes = 0;
  for (const [header, value] of Object.entries(request.headers)) {
    if (!header.startsWith('x-ms-meta-')) continue;
    const name = header.slice('x-ms-meta-'.length);
    metadata[name] = value;
    bytes += Buffer.byteLength(name + value);
  }
  if (bytes > mostMetadataBytes) throw new StorageError('MetadataTooLarge');
  return metadata;
}

/** Metadata as answer headers. */
export function metadataHeaders(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`x-ms-meta-${name}`, value]));
}

/** Reads an integer header; refuses anything else. */
export function integerHeader(request: AzureRequest, name: string): number | undefined {
  const text = request.headers[name];
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) {
    throw new StorageError('InvalidHeaderValue', {
      message: `The value for one of the HTTP headers is not in the correct format: ${name}.`,
    });
  }
  return Number(text);
}
