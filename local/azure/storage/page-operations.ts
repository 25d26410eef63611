import { createHash } from 'node:crypto';
import type { AzureReply, AzureRequest } from '../service.ts';
import { checkLease, checkRead, checkSequence, checkSource, checkWrite } from './conditions.ts';
import { httpDate, type OperationContext, requireBlob, requireWritable } from './context.ts';
import { StorageError } from './errors.ts';
import type { Interval } from './intervals.ts';
import { type BlobRecord } from './records.ts';

/** Largest page write, in bytes (azure-behaviour.md, limits). */
export const maximumPageWrite = 4 * 1024 * 1024;
/** Azure lists at most so many ranges in one answer. */
const rangesPerAnswer = 10_000;

/** Parses `bytes=first-last` (last may be missing) into a half-open interval; undefined when there is no header. */
export function rangeOf(text: string | undefined, size: number): Interval | undefined {
  if (text === undefined) return undefined;
  const match = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(text.trim());
  if (match === null) throw new StorageError('InvalidHeaderValue', { message: `Not a byte range: ${text}` });
  const start = Number(match[1]);
  const end = match[2] === '' ? size : Number(match[2]) + 1;
  if (start >= end) throw new StorageError('InvalidRange');
  return { start, end };
}

function pageRange(request: AzureRequest, size: number): Interval {
  const text = request.headers['x-ms-range'] ?? request.headers['range'];
  if (text === undefined)
    throw new StorageError('MissingRequiredHeader', { message: 'x-ms-range or Range is missing.' });
  const range = rangeOf(text, size);
  if (range === undefined || range.start % 512 !== 0 || range.end % 512 !== 0 || range.end > size) {
    throw new StorageError('InvalidPageRange');
  }
  return range;
}

/** Time of the newest snapshot of a blob, '' when there is none: changes are noted against it for the diff. */
export function latestSnapshot({ state }: OperationContext, record: BlobRecord): string {
  return state.blobs.snapshots(record).at(-1)?.snapshot ?? '';
}

function writable(context: OperationContext): BlobRecord {
  const { request, state } = context;
  const record = requireWritable(context, 'PageBlob');
  checkLease(request.headers, record, state.clock.now());
  checkWrite(request.headers, record);
  checkSequence(request.headers, record.sequence);
  return record;
}

function written(context: OperationContext, record: BlobRecord, more: Readonly<Record<string, string>>): AzureReply {
  const now = context.state.clock.now();
  const { etag, modified, sequence } = context.state.blobs.update(record, {
    etag: context.state.newEtag(now),
    modified: now,
  });
  return {
    status: 201,
    headers: {
      etag,
      'last-modified': httpDate(modified),
      'x-ms-blob-sequence-number': String(sequence),
      'x-ms-request-server-encrypted': 'true',
      ...more,
    },
  };
}

function store(context: OperationContext, record: BlobRecord, range: Interval, data: Buffer): AzureReply {
  const given = context.request.headers['content-md5'] ?? context.request.headers['x-ms-source-content-md5'];
  // Answered only to callers that sent one (REST reference, "Put Page", since version 2019-02-02).
  const checked = given === undefined ? undefined : createHash('md5').update(data).digest('base64');
  if (given !== checked) throw new StorageError('Md5Mismatch');
  context.state.pages.write(record.id, range.start, data, latestSnapshot(context, record));
  return written(context, record, checked === undefined ? {} : { 'content-md5': checked });
}

/** Put Page: update (at most 4 MiB) or clear. */
export function putPage(context: OperationContext): AzureReply {
  const { request, state } = context;
  const record = writable(context);
  const range = pageRange(request, record.size);
  if (request.headers['x-ms-page-write'] === 'clear') {
    if (request.body.length > 0) throw new StorageError('InvalidHeaderValue', { message: 'A clear has no body.' });
    state.pages.clear(record.id, range, latestSnapshot(context, record));
    return written(context, record, {});
  }
  if (request.headers['x-ms-page-write'] !== 'update') {
    throw new StorageError('MissingRequiredHeader', { message: 'x-ms-page-write must be update or clear.' });
  }
  if (request.headers['x-ms-structured-body'] !== undefined || request.headers['x-ms-content-crc64'] !== undefined) {
    throw new StorageError('NotImplemented', {
      message: 'The simulated storage does not model CRC64 and structured bodies.',
    });
  }
  if (range.end - range.start > maximumPageWrite) throw new StorageError('RequestBodyTooLarge');
  if (request.body.length !== range.end - range.start) {
    throw new StorageError('InvalidHeaderValue', { message: 'The body is not as long as the page range.' });
  }
  return store(context, record, range, request.body);
}

/** A request for the source of a copy, as the service itself makes it, or a refusal when the URL is not one of ours. */
export function sourceRequest(
  context: OperationContext,
  method: string,
  extra: Readonly<Record<string, string>>,
): AzureRequest {
  const text = context.request.headers['x-ms-copy-source'] ?? '';
  if (!URL.canParse(text)) throw new StorageError('InvalidHeaderValue', { message: 'x-ms-copy-source is not a URL.' });
  const url = new URL(text);
  if (url.protocol !== 'https:' || !url.hostname.endsWith('.blob.core.windows.net')) {
    throw new StorageError('CannotVerifyCopySource', {
      status: 404,
      message: `Could not verify the copy source: the simulated storage reads from simulated accounts over https only, not from ${url.origin}.`,
    });
  }
  const authorization = context.request.headers['x-ms-copy-source-authorization'];
  return {
    method,
    host: url.hostname.toLowerCase(),
    path: url.pathname,
    query: url.searchParams,
    rawUrl: url.pathname + url.search,
    headers: {
      'x-ms-version': context.request.headers['x-ms-version'] ?? '2025-11-05',
      ...extra,
      ...(authorization === undefined ? {} : { authorization }),
    },
    body: Buffer.alloc(0),
  };
}

/** Turns a refusal by the source into the answer of the copying operation. */
export function sourceRefusal(reply: AzureReply): StorageError {
  if (reply.status === 503) return new StorageError('ServerBusy', { message: 'The copy source is busy.' });
  const code = reply.headers['x-ms-error-code'] ?? 'InternalError';
  return new StorageError('CannotVerifyCopySource', {
    status: reply.status === 404 ? 404 : reply.status === 401 || reply.status === 409 ? 401 : 403,
    copySource: { status: reply.status, code, message: `The source answered ${reply.status} ${code}.` },
  });
}

/** Put Page From URL: at most 4 MiB, from another blob of the front, with the credentials given for the source. */
export async function putPageFromUrl(context: OperationContext): Promise<AzureReply> {
  const { request } = context;
  const range = pageRange(request, writable(context).size);
  const length = range.end - range.start;
  const sourceRange = rangeOf(request.headers['x-ms-source-range'], Number.MAX_SAFE_INTEGER);
  if (sourceRange === undefined)
    throw new StorageError('MissingRequiredHeader', { message: 'x-ms-source-range is missing.' });
  if (length > maximumPageWrite) throw new StorageError('RequestBodyTooLarge');
  if (sourceRange.end - sourceRange.start !== length) {
    throw new StorageError('InvalidHeaderValue', { message: 'The source range is not as long as the page range.' });
  }
  const asked = sourceRequest(context, 'GET', { range: `bytes=${sourceRange.start}-${sourceRange.end - 1}` });
  const reply = await context.askFront(asked);
  if (reply.status >= 300) throw sourceRefusal(reply);
  checkSource(request.headers, {
    etag: reply.headers['etag'] ?? '',
    modified: Date.parse(reply.headers['last-modified'] ?? ''),
  });
  const data = Buffer.isBuffer(reply.body) ? reply.body : Buffer.from(reply.body ?? '');
  if (data.length !== length)
    throw new StorageError('InvalidRange', { message: 'The source ends before the range does.' });
  // Read again: the destination may have changed while the source was read.
  return store(context, writable(context), range, data);
}

function rangeXml(tag: string, { start, end }: Interval): string {
  return `<${tag}><Start>${start}</Start><End>${end - 1}</End></${tag}>`;
}

interface TaggedRange extends Interval {
  readonly tag: 'PageRange' | 'ClearRange';
}

function rangesOf(context: OperationContext, record: BlobRecord, window: Interval): TaggedRange[] {
  const { pages, blobs } = context.state;
  const since = context.request.query.get('prevsnapshot');
  if (since === null) return pages.ranges(record.id, window).map((range) => ({ ...range, tag: 'PageRange' }));
  if (blobs.find(record, since) === undefined) {
    throw new StorageError('BlobNotFound', { message: 'The previous snapshot does not exist.' });
  }
  if (record.snapshot !== '') {
    throw new StorageError('NotImplemented', {
      message: 'The simulated storage compares a snapshot with the blob itself only.',
    });
  }
  const { updated, cleared } = pages.changedSince(record.id, since, window);
  const both: TaggedRange[] = [
    ...updated.map((range) => ({ ...range, tag: 'PageRange' as const })),
    ...cleared.map((range) => ({ ...range, tag: 'ClearRange' as const })),
  ];
  return both.sort((a, b) => a.start - b.start);
}

/** Get Page Ranges and Get Page Ranges Diff (`prevsnapshot`), windowed by the range header and paged by `maxresults`. */
export function getPageRanges(context: OperationContext): AzureReply {
  const { request } = context;
  const record = requireBlob(context);
  if (record.type !== 'PageBlob') throw new StorageError('InvalidBlobType');
  checkRead(request.headers, record);
  const asked = rangeOf(request.headers['x-ms-range'] ?? request.headers['range'], record.size);
  const window = { start: asked?.start ?? 0, end: Math.min(asked?.end ?? record.size, record.size) };
  const marker = Number(request.query.get('marker') ?? 0);
  const limit = Math.min(Number(request.query.get('maxresults') ?? rangesPerAnswer), rangesPerAnswer);
  if (!Number.isSafeInteger(marker) || !(limit >= 1)) throw new StorageError('InvalidQueryParameterValue');
  const found = rangesOf(context, record, { start: Math.max(window.start, marker), end: window.end });
  const shown = found.slice(0, limit);
  const next = found[limit];
  const list = shown.map((range) => rangeXml(range.tag, range)).join('');
  const nextMarker = next === undefined ? '<NextMarker />' : `<NextMarker>${next.start}</NextMarker>`;
  return {
    status: 200,
    headers: {
      'content-type': 'application/xml',
      etag: record.etag,
      'last-modified': httpDate(record.modified),
      'x-ms-blob-content-length': String(record.size),
    },
    body: `\uFEFF<?xml version="1.0" encoding="utf-8"?><PageList>${list}${nextMarker}</PageList>`,
  };
}
