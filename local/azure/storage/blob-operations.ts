import { createHash } from 'node:crypto';
import type { StreamedReply } from '../gateway/exchange.ts';
import type { AzureReply, AzureRequest } from '../service.ts';
import { checkCreate, checkLease, checkRead, checkWrite } from './conditions.ts';
import {
  addressOf,
  httpDate,
  integerHeader,
  metadataHeaders,
  metadataOf,
  type OperationContext,
  requireBlob,
  requireContainer,
  requireWritable,
  type StorageState,
} from './context.ts';
import { transaction } from './database.ts';
import { StorageError } from './errors.ts';
import type { Interval } from './intervals.ts';
import { latestSnapshot, maximumPageWrite, rangeOf } from './page-operations.ts';
import { cut } from './pages.ts';
import { type BlobRecord, type CopyState } from './records.ts';

const storedHeaders = [
  'content-type',
  'content-encoding',
  'content-language',
  'content-md5',
  'content-disposition',
  'cache-control',
];
/** Bodies above this are sent in pieces. */
const streamAbove = 8 * 1024 * 1024;
/** Largest page blob, 8 TiB. */
const largestPageBlob = 8 * 1024 ** 4;

function contentHeaders(request: AzureRequest, body: Buffer | undefined): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': 'application/octet-stream' };
  for (const name of storedHeaders) {
    const own = name === 'cache-control' ? 'x-ms-blob-cache-control' : `x-ms-blob-${name}`;
    const value =
      request.headers[own] ?? (name === 'content-type' && body !== undefined ? request.headers[name] : undefined);
    if (value !== undefined && value !== '') headers[name] = value;
  }
  if (body !== undefined) headers['content-md5'] ??= createHash('md5').update(body).digest('base64');
  return headers;
}

/** Removes a blob's rows and then its contents. */
export function discard(state: StorageState, id: number): void {
  state.blobs.remove(id);
  state.files.remove(id);
}

/** Puts a new, empty blob in the place of what was there. The contents of the old one are removed after the commit. */
export function replaceBlob(
  context: OperationContext,
  fields: Pick<BlobRecord, 'type' | 'size' | 'headers' | 'sequence'> & { readonly copy?: CopyState | undefined },
  afterInsert: (record: BlobRecord) => void = () => undefined,
): BlobRecord {
  const { state, request, caller } = context;
  requireContainer(context);
  const address = addressOf(context);
  const existing = state.blobs.find(address);
  checkCreate(request.headers, existing);
  const now = state.clock.now();
  if (existing !== undefined) {
    if (!caller.mayOverwrite) throw new StorageError('UnauthorizedBlobOverwrite');
    if (existing.copy?.status === 'pending') throw new StorageError('PendingCopyOperation');
    checkLease(request.headers, existing, now);
  }
  const record = transaction(state.database, () => {
    if (existing !== undefined) state.blobs.remove(existing.id);
    const made = state.blobs.insert({
      ...address,
      ...fields,
      snapshot: '',
      etag: state.newEtag(now),
      created: now,
      modified: now,
      metadata: metadataOf(request),
      copy: fields.copy,
      lease: existing?.lease,
    });
    state.files.create(made.id, fields.size);
    afterInsert(made);
    return made;
  });
  if (existing !== undefined) state.files.remove(existing.id);
  return record;
}

function created(record: BlobRecord, more: Readonly<Record<string, string>> = {}): AzureReply {
  return {
    status: 201,
    headers: {
      etag: record.etag,
      'last-modified': httpDate(record.modified),
      'x-ms-request-server-encrypted': 'true',
      ...more,
    },
  };
}

/** Put Blob: an empty page blob of a given size, or a block blob with its content. */
export function putBlob(context: OperationContext): AzureReply {
  const { request, state } = context;
  const type = request.headers['x-ms-blob-type'];
  if (type === 'PageBlob') {
    const size = integerHeader(request, 'x-ms-blob-content-length');
    if (size === undefined)
      throw new StorageError('MissingRequiredHeader', { message: 'x-ms-blob-content-length is missing.' });
    if (size % 512 !== 0 || size > largestPageBlob || request.body.length > 0) {
      throw new StorageError('InvalidHeaderValue', {
        message: 'The size of a page blob is a multiple of 512, and it is created without a body.',
      });
    }
    const sequence = integerHeader(request, 'x-ms-blob-sequence-number') ?? 0;
    return created(replaceBlob(context, { type, size, sequence, headers: contentHeaders(request, undefined) }));
  }
  if (type !== 'BlockBlob') {
    if (type === undefined) throw new StorageError('MissingRequiredHeader', { message: 'x-ms-blob-type is missing.' });
    throw new StorageError('NotImplemented', { message: `The simulated storage does not model ${type}.` });
  }
  const headers = contentHeaders(request, request.body);
  const md5 = request.headers['content-md5'];
  if (md5 !== undefined && md5 !== headers['content-md5']) throw new StorageError('Md5Mismatch');
  const record = replaceBlob(context, { type, size: request.body.length, sequence: 0, headers }, (made) =>
    state.files.write(made.id, 0, request.body),
  );
  return created(record, { 'content-md5': headers['content-md5'] ?? '' });
}

function copyHeaders(copy: CopyState | undefined, now: number): Record<string, string> {
  if (copy === undefined) return {};
  const share = copy.dueAt <= copy.startedAt ? 1 : (now - copy.startedAt) / (copy.dueAt - copy.startedAt);
  const done = copy.status === 'success' ? copy.total : Math.floor(copy.total * Math.min(Math.max(share, 0), 0.999));
  return {
    'x-ms-copy-id': copy.id,
    'x-ms-copy-source': copy.source,
    'x-ms-copy-status': copy.status,
    'x-ms-copy-progress': `${copy.status === 'aborted' || copy.status === 'failed' ? 0 : done}/${copy.total}`,
    ...(copy.description === undefined ? {} : { 'x-ms-copy-status-description': copy.description }),
    ...(copy.completedAt === undefined ? {} : { 'x-ms-copy-completion-time': httpDate(copy.completedAt) }),
  };
}

function leaseHeaders(record: BlobRecord, now: number): Record<string, string> {
  const { lease } = record;
  if (lease === undefined) return { 'x-ms-lease-status': 'unlocked', 'x-ms-lease-state': 'available' };
  if (lease.expiresAt !== undefined && lease.expiresAt <= now) {
    return { 'x-ms-lease-status': 'unlocked', 'x-ms-lease-state': 'expired' };
  }
  const duration = lease.expiresAt === undefined ? 'infinite' : 'fixed';
  return { 'x-ms-lease-status': 'locked', 'x-ms-lease-state': 'leased', 'x-ms-lease-duration': duration };
}

/** Headers that describe a blob, as Get Blob and Get Blob Properties answer them. */
export function describeBlob(record: BlobRecord, now: number): Record<string, string> {
  return {
    ...record.headers,
    etag: record.etag,
    'last-modified': httpDate(record.modified),
    'accept-ranges': 'bytes',
    'x-ms-blob-type': record.type,
    'x-ms-creation-time': httpDate(record.created),
    'x-ms-server-encrypted': 'true',
    ...(record.type === 'PageBlob' ? { 'x-ms-blob-sequence-number': String(record.sequence) } : {}),
    ...leaseHeaders(record, now),
    ...copyHeaders(record.copy, now),
    ...metadataHeaders(record.metadata),
  };
}

/** Reads a window of a blob's content. */
export function readContent(state: StorageState, record: BlobRecord, window: Interval): Buffer {
  if (record.type === 'PageBlob') return state.pages.read(record.id, window);
  const buffer = Buffer.allocUnsafe(window.end - window.start);
  state.files.read(record.id, window.start, buffer);
  return buffer;
}

function* pieces(state: StorageState, record: BlobRecord, window: Interval): Generator<Buffer> {
  for (const piece of cut([window], maximumPageWrite)) {
    // A blob that was replaced while it was being sent ends the answer early instead of mixing two contents.
    if (state.blobs.byId(record.id)?.etag !== record.etag) return;
    yield readContent(state, record, piece);
  }
}

/** Get Blob, whole or by range. */
export function getBlob(context: OperationContext): AzureReply | StreamedReply {
  const { request, state, caller } = context;
  const record = requireBlob(context);
  checkRead(request.headers, record);
  const asked = rangeOf(request.headers['x-ms-range'] ?? request.headers['range'], record.size);
  if (asked !== undefined && asked.start >= record.size) {
    throw new StorageError('InvalidRange', { headers: { 'content-range': `bytes */${record.size}` } });
  }
  const window = { start: asked?.start ?? 0, end: Math.min(asked?.end ?? record.size, record.size) };
  const length = window.end - window.start;
  const headers: Record<string, string> = { ...describeBlob(record, state.clock.now()), ...caller.responseHeaders };
  headers['content-length'] = String(length);
  if (asked !== undefined) {
    headers['content-range'] = `bytes ${window.start}-${window.end - 1}/${record.size}`;
    const whole = headers['content-md5'];
    if (whole !== undefined) headers['x-ms-blob-content-md5'] = whole;
    delete headers['content-md5'];
  }
  const status = asked === undefined ? 200 : 206;
  if (length > streamAbove) return { status, headers, stream: pieces(state, record, window) };
  const body = readContent(state, record, window);
  if (request.headers['x-ms-range-get-content-md5'] === 'true') {
    headers['content-md5'] = createHash('md5').update(body).digest('base64');
  }
  return { status, headers, body };
}

/** Get Blob Properties. */
export function getBlobProperties(context: OperationContext): AzureReply {
  const { request, state, caller } = context;
  const record = requireBlob(context);
  checkRead(request.headers, record);
  const headers = { ...describeBlob(record, state.clock.now()), ...caller.responseHeaders };
  return { status: 200, headers: { ...headers, 'content-length': String(record.size) } };
}

/** Get Blob Metadata. */
export function getBlobMetadata(context: OperationContext): AzureReply {
  const record = requireBlob(context);
  checkRead(context.request.headers, record);
  const common = { etag: record.etag, 'last-modified': httpDate(record.modified) };
  return { status: 200, headers: { ...common, ...metadataHeaders(record.metadata) } };
}

function changed(context: OperationContext, record: BlobRecord, changes: Partial<BlobRecord>): AzureReply {
  const now = context.state.clock.now();
  const after = context.state.blobs.update(record, { ...changes, etag: context.state.newEtag(now), modified: now });
  const sequence = after.type === 'PageBlob' ? { 'x-ms-blob-sequence-number': String(after.sequence) } : {};
  return { status: 200, headers: { etag: after.etag, 'last-modified': httpDate(after.modified), ...sequence } };
}

function forChange(context: OperationContext): BlobRecord {
  const record = requireWritable(context);
  checkLease(context.request.headers, record, context.state.clock.now());
  checkWrite(context.request.headers, record);
  return record;
}

/** Set Blob Metadata: replaces all of it. */
export function setBlobMetadata(context: OperationContext): AzureReply {
  return changed(context, forChange(context), { metadata: metadataOf(context.request) });
}

/** Set Blob Properties: content headers, size of a page blob, sequence number. */
export function setBlobProperties(context: OperationContext): AzureReply {
  const { request, state } = context;
  const record = forChange(context);
  const size = integerHeader(request, 'x-ms-blob-content-length');
  if (size !== undefined) {
    if (record.type !== 'PageBlob') throw new StorageError('InvalidBlobType');
    if (size % 512 !== 0 || size > largestPageBlob) throw new StorageError('InvalidHeaderValue');
    const removed = { start: size, end: record.size };
    if (size < record.size) state.pages.clear(record.id, removed, latestSnapshot(context, record));
    state.files.resize(record.id, size);
    return changed(context, record, { size });
  }
  const action = request.headers['x-ms-sequence-number-action'];
  if (action !== undefined) {
    if (record.type !== 'PageBlob') throw new StorageError('InvalidBlobType');
    const given = integerHeader(request, 'x-ms-blob-sequence-number');
    if (action === 'increment') return changed(context, record, { sequence: record.sequence + 1 });
    if (given === undefined || !['update', 'max'].includes(action)) throw new StorageError('InvalidHeaderValue');
    return changed(context, record, { sequence: action === 'max' ? Math.max(given, record.sequence) : given });
  }
  return changed(context, record, { headers: contentHeaders(request, undefined) });
}

/** Delete Blob, with or without its snapshots (`x-ms-delete-snapshots`). */
export function deleteBlob(context: OperationContext): AzureReply {
  const { request, state } = context;
  const record = requireBlob(context);
  checkWrite(request.headers, record);
  checkLease(request.headers, record, state.clock.now());
  const mode = request.headers['x-ms-delete-snapshots'];
  const snapshots = record.snapshot === '' ? state.blobs.snapshots(record) : [];
  if (snapshots.length > 0 && mode === undefined) throw new StorageError('SnapshotsPresent');
  for (const snapshot of snapshots) discard(state, snapshot.id);
  if (mode !== 'only') discard(state, record.id);
  return { status: 202, headers: { 'x-ms-delete-type-permanent': 'true' } };
}

/** Snapshot Blob: a read-only copy of the present state, and the base of later page-range diffs. */
export function snapshotBlob(context: OperationContext): AzureReply {
  const { state, request } = context;
  const record = requireWritable(context);
  checkWrite(request.headers, record);
  const now = state.clock.now();
  const last = state.blobs.snapshots(record).at(-1)?.snapshot ?? '';
  const iso = new Date(now).toISOString();
  let ticks = 0;
  const stamp = (): string => iso.replace('Z', `${String(ticks).padStart(4, '0')}Z`);
  while (stamp() <= last) ticks += 1;
  const { id: _id, ...fields } = record;
  const given = metadataOf(request);
  const metadata = Object.keys(given).length > 0 ? given : record.metadata;
  const all = { start: 0, end: record.size };
  const used = record.type === 'PageBlob' ? state.pages.ranges(record.id, all) : [all];
  const made = transaction(state.database, () => {
    const snapshot = state.blobs.insert({ ...fields, snapshot: stamp(), metadata, lease: undefined });
    state.files.create(snapshot.id, record.size);
    for (const piece of cut(used, maximumPageWrite)) {
      state.files.write(snapshot.id, piece.start, readContent(state, record, piece));
    }
    if (record.type === 'PageBlob') state.pages.adoptRanges(record.id, snapshot.id);
    return snapshot;
  });
  return {
    status: 201,
    headers: { 'x-ms-snapshot': made.snapshot, etag: made.etag, 'last-modified': httpDate(made.modified) },
  };
}
