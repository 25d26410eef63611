import type { AzureReply } from '../service.ts';
import { checkWrite } from './conditions.ts';
import { describeBlob, discard } from './blob-operations.ts';
import {
  containerDeletionSeconds,
  httpDate,
  metadataHeaders,
  metadataOf,
  type OperationContext,
  requireContainer,
  type StorageState,
} from './context.ts';
import { escapeXml, StorageError } from './errors.ts';
import { type BlobRecord, type ContainerRecord, type PublicAccess } from './records.ts';
import { delegationKeyValue } from './sas.ts';

const declaration = '\uFEFF<?xml version="1.0" encoding="utf-8"?>';

function describe(record: ContainerRecord): Record<string, string> {
  const access = record.publicAccess === 'None' ? {} : { 'x-ms-blob-public-access': record.publicAccess.toLowerCase() };
  return { etag: record.etag, 'last-modified': httpDate(record.modified), ...access };
}

function publicAccessOf(header: string | undefined): PublicAccess {
  if (header === undefined) return 'None';
  if (header === 'blob') return 'Blob';
  if (header === 'container') return 'Container';
  throw new StorageError('InvalidHeaderValue', { message: 'x-ms-blob-public-access is container or blob.' });
}

/** True while the name of a container is taken by its own deletion; forgets deletions that are over. */
export function isBeingDeleted(state: StorageState, record: ContainerRecord | undefined): boolean {
  if (record?.deletedAt === undefined) return false;
  const over = record.deletedAt + (containerDeletionSeconds * 1000) / state.clock.timeScale <= state.clock.now();
  if (over) state.containers.remove(record.account, record.name);
  return !over;
}

/** Create Container. */
export function createContainer(context: OperationContext): AzureReply {
  const { state, target, request, account } = context;
  const name = target.container ?? '';
  if (!/^(?:[a-z0-9](?:-?[a-z0-9]){2,62}|\$root|\$web|\$logs)$/.test(name))
    throw new StorageError('InvalidResourceName');
  const existing = state.containers.find(target.account, name);
  if (isBeingDeleted(state, existing)) throw new StorageError('ContainerBeingDeleted');
  if (existing !== undefined && existing.deletedAt === undefined) throw new StorageError('ContainerAlreadyExists');
  const publicAccess = publicAccessOf(request.headers['x-ms-blob-public-access']);
  if (publicAccess !== 'None' && !account.allowBlobPublicAccess) throw new StorageError('PublicAccessNotPermitted');
  const now = state.clock.now();
  const record = {
    account: target.account,
    name,
    publicAccess,
    etag: context.state.newEtag(now),
    modified: now,
    metadata: metadataOf(request),
    deletedAt: undefined,
  };
  state.containers.put(record);
  return { status: 201, headers: { etag: record.etag, 'last-modified': httpDate(now) } };
}

/** Get Container Properties. */
export function getContainerProperties(context: OperationContext): AzureReply {
  const record = requireContainer(context);
  return {
    status: 200,
    headers: {
      ...describe(record),
      'x-ms-lease-status': 'unlocked',
      'x-ms-lease-state': 'available',
      'x-ms-has-immutability-policy': 'false',
      'x-ms-has-legal-hold': 'false',
      ...metadataHeaders(record.metadata),
    },
  };
}

/** Set Container Metadata. */
export function setContainerMetadata(context: OperationContext): AzureReply {
  const record = requireContainer(context);
  checkWrite(context.request.headers, record);
  const now = context.state.clock.now();
  const after = { ...record, metadata: metadataOf(context.request), etag: context.state.newEtag(now), modified: now };
  context.state.containers.put(after);
  return { status: 200, headers: { etag: after.etag, 'last-modified': httpDate(now) } };
}

/** Removes a container's blobs at once and keeps its name taken for the time a deletion lasts. */
export function dropContainer(state: StorageState, record: ContainerRecord): void {
  for (const id of state.blobs.ofContainer(record.account, record.name)) discard(state, id);
  state.containers.put({ ...record, deletedAt: state.clock.now() });
}

/** Delete Container. */
export function deleteContainer(context: OperationContext): AzureReply {
  const record = requireContainer(context);
  checkWrite(context.request.headers, record);
  dropContainer(context.state, record);
  return { status: 202, headers: {} };
}

function pageSize(query: URLSearchParams): number {
  const size = Number(query.get('maxresults') ?? 5000);
  if (!Number.isInteger(size) || size < 1) throw new StorageError('InvalidQueryParameterValue');
  return Math.min(size, 5000);
}

function metadataXml(metadata: Readonly<Record<string, string>>): string {
  const entries = Object.entries(metadata).map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`);
  return `<Metadata>${entries.join('')}</Metadata>`;
}

function markerXml(next: string | undefined): string {
  return next === undefined
    ? '<NextMarker />'
    : `<NextMarker>${escapeXml(Buffer.from(next).toString('base64'))}</NextMarker>`;
}

function markerOf(query: URLSearchParams): string {
  return Buffer.from(query.get('marker') ?? '', 'base64').toString('utf8');
}

function xmlReply(body: string): AzureReply {
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: declaration + body };
}

function enumeration(context: OperationContext, items: string, next: string | undefined): string {
  const { target, request } = context;
  const container = target.container === undefined ? '' : ` ContainerName="${escapeXml(target.container)}"`;
  const echo = ['prefix', 'marker', 'maxresults', 'delimiter'].map((name) => {
    const value = request.query.get(name);
    const tag = name === 'maxresults' ? 'MaxResults' : name.charAt(0).toUpperCase() + name.slice(1);
    return value === null ? '' : `<${tag}>${escapeXml(value)}</${tag}>`;
  });
  const endpoint = `https://${target.account}.blob.core.windows.net/`;
  return `<EnumerationResults ServiceEndpoint="${endpoint}"${container}>${echo.join('')}${items}${markerXml(next)}</EnumerationResults>`;
}

/** List Containers. */
export function listContainers(context: OperationContext): AzureReply {
  const { state, target, request } = context;
  const prefix = request.query.get('prefix') ?? '';
  const marker = markerOf(request.query);
  const withMetadata = request.query.get('include')?.includes('metadata') === true;
  const all = state.containers
    .list(target.account)
    .filter((c) => c.deletedAt === undefined && c.name.startsWith(prefix) && c.name > marker);
  const size = pageSize(request.query);
  const items = all.slice(0, size).map((c) => {
    const access = c.publicAccess === 'None' ? '' : `<PublicAccess>${c.publicAccess.toLowerCase()}</PublicAccess>`;
    const properties = `<Last-Modified>${httpDate(c.modified)}</Last-Modified><Etag>${escapeXml(c.etag)}</Etag><LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>${access}<HasImmutabilityPolicy>false</HasImmutabilityPolicy><HasLegalHold>false</HasLegalHold>`;
    return `<Container><Name>${escapeXml(c.name)}</Name><Properties>${properties}</Properties>${withMetadata ? metadataXml(c.metadata) : ''}</Container>`;
  });
  const next = all.length > size ? all[size - 1]?.name : undefined;
  return xmlReply(enumeration(context, `<Containers>${items.join('')}</Containers>`, next));
}

const listedHeaders: Readonly<Record<string, string>> = {
  'last-modified': 'Last-Modified',
  etag: 'Etag',
  'content-type': 'Content-Type',
  'content-encoding': 'Content-Encoding',
  'content-language': 'Content-Language',
  'content-md5': 'Content-MD5',
  'content-disposition': 'Content-Disposition',
  'cache-control': 'Cache-Control',
  'x-ms-creation-time': 'Creation-Time',
  'x-ms-blob-type': 'BlobType',
  'x-ms-blob-sequence-number': 'x-ms-blob-sequence-number',
  'x-ms-lease-status': 'LeaseStatus',
  'x-ms-lease-state': 'LeaseState',
  'x-ms-server-encrypted': 'ServerEncrypted',
};

const listedCopyHeaders: Readonly<Record<string, string>> = {
  'x-ms-copy-id': 'CopyId',
  'x-ms-copy-status': 'CopyStatus',
  'x-ms-copy-source': 'CopySource',
  'x-ms-copy-progress': 'CopyProgress',
  'x-ms-copy-completion-time': 'CopyCompletionTime',
  'x-ms-copy-status-description': 'CopyStatusDescription',
};

function blobXml(record: BlobRecord, include: readonly string[], now: number): string {
  const headers = describeBlob(record, now);
  const tags = { ...listedHeaders, ...(include.includes('copy') ? listedCopyHeaders : {}) };
  const properties = Object.entries(tags).map(([header, tag]) => {
    const value = headers[header];
    return value === undefined ? '' : `<${tag}>${escapeXml(value)}</${tag}>`;
  });
  const snapshot = record.snapshot === '' ? '' : `<Snapshot>${record.snapshot}</Snapshot>`;
  const metadata = include.includes('metadata') ? metadataXml(record.metadata) : '';
  return `<Blob><Name>${escapeXml(record.name)}</Name>${snapshot}<Properties><Content-Length>${record.size}</Content-Length>${properties.join('')}</Properties>${metadata}</Blob>`;
}

/** List Blobs, flat or by hierarchy (`delimiter`), paged. */
export function listBlobs(context: OperationContext): AzureReply {
  const { state, request } = context;
  const container = requireContainer(context);
  const { query } = request;
  const include = (query.get('include') ?? '').split(',');
  const unknown = include.find((part) => !['', 'metadata', 'copy', 'snapshots', 'uncommittedblobs'].includes(part));
  if (unknown !== undefined) {
    throw new StorageError('NotImplemented', {
      message: `The simulated storage does not model listing with include=${unknown}.`,
    });
  }
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter');
  const size = pageSize(query);
  const now = state.clock.now();
  const items: string[] = [];
  let marker = markerOf(query);
  let last = '';
  for (;;) {
    const [record] = state.blobs.list(container.account, container.name, prefix, marker, 1);
    if (record === undefined) return xmlReply(enumeration(context, `<Blobs>${items.join('')}</Blobs>`, undefined));
    if (items.length === size) return xmlReply(enumeration(context, `<Blobs>${items.join('')}</Blobs>`, last));
    const cutAt = delimiter === null || delimiter === '' ? -1 : record.name.indexOf(delimiter, prefix.length);
    if (cutAt < 0) {
      const snapshots = include.includes('snapshots') ? state.blobs.snapshots(record) : [];
      items.push([...snapshots, record].map((r) => blobXml(r, include, now)).join(''));
      marker = record.name;
    } else {
      const folder = record.name.slice(0, cutAt + (delimiter?.length ?? 0));
      items.push(`<BlobPrefix><Name>${escapeXml(folder)}</Name></BlobPrefix>`);
      marker = `${folder}\u{10FFFF}`;
    }
    last = marker;
  }
}

/** Get User Delegation Key: at most seven days long (azure-behaviour.md, auth combinations). */
export function getUserDelegationKey(context: OperationContext, secret: Buffer): AzureReply {
  const { request, caller, account, state } = context;
  const text = request.body.toString('utf8');
  const field = (tag: string): string | undefined => new RegExp(`<${tag}>\\s*([^<]+?)\\s*</${tag}>`).exec(text)?.[1];
  const now = state.clock.now();
  const start = field('Start') ?? new Date(now).toISOString();
  const expiry = field('Expiry');
  if (expiry === undefined || Number.isNaN(Date.parse(expiry)) || Number.isNaN(Date.parse(start))) {
    throw new StorageError('InvalidXmlDocument');
  }
  const week = 7 * 86_400_000;
  if (Date.parse(expiry) <= now || Date.parse(expiry) > now + week + 60_000) {
    throw new StorageError('InvalidXmlDocument', {
      message: 'The expiry of a user delegation key lies in the future, at most seven days ahead.',
    });
  }
  const version = request.headers['x-ms-version'] ?? '';
  const seconds = (time: string): string => new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');
  const fields = {
    skoid: caller.objectId ?? '',
    sktid: caller.tenantId ?? '',
    skt: seconds(start),
    ske: seconds(expiry),
    sks: 'b',
    skv: version,
  };
  const value = delegationKeyValue(secret, account.name, fields);
  return xmlReply(
    `<UserDelegationKey><SignedOid>${fields.skoid}</SignedOid><SignedTid>${fields.sktid}</SignedTid><SignedStart>${fields.skt}</SignedStart><SignedExpiry>${fields.ske}</SignedExpiry><SignedService>b</SignedService><SignedVersion>${fields.skv}</SignedVersion><Value>${value}</Value></UserDelegationKey>`,
  );
}
