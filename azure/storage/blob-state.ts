import { createHash } from 'node:crypto';
import type { PageBlobClient } from '@azure/storage-blob';
import { call } from '../clients/capture.ts';
import { classify } from '../errors/classify.ts';
import type { Destination, Reached, Refused } from './destination.ts';
import { listRanges } from './list-ranges.ts';
import type { ByteRange } from './ranges.ts';
import type { OpenSource } from './source.ts';

/** Metadata of the copy. Names are lower case: HTTP headers carry them. */
const completeKey = 'complete';
const etagKey = 'sourceetag';

type Properties = Awaited<ReturnType<PageBlobClient['getProperties']>>;

/** What is known of the destination blob. */
export interface CopyState {
  /** Undefined: there is no blob. */
  readonly existing: Properties | undefined;
  /** The blob was begun by Capstan, whatever its source. */
  readonly ours: boolean;
  /** It was begun from the source as it is now. */
  readonly same: boolean;
  /** The storage service copies, or has copied, into it. */
  readonly byService: boolean;
  /** It is equal to the source as it is now, and was compared. */
  readonly complete: boolean;
}

/** ETag without quotes, as metadata holds it. */
function bareEtag(etag: string): string {
  return etag.replace(/^W\//, '').replaceAll('"', '');
}

/** Whether a blob with this metadata was begun by Capstan. */
export function isCopy(metadata: Readonly<Record<string, string>> | undefined): boolean {
  return metadata?.[etagKey] !== undefined;
}

/** Metadata of a copy of this source. */
export function metadataOf(source: Pick<OpenSource, 'etag'>, complete: boolean): Record<string, string> {
  return { [etagKey]: bareEtag(source.etag), [completeKey]: String(complete) };
}

/**
 * Sequence number of a copy from a source with this ETag. Every page write names it, so that a late operation of an
 * older copy can never get into the blob of a newer one.
 */
export function sequenceOf(etag: string): number {
  return createHash('sha256').update(etag).digest().readUIntBE(0, 6);
}

/** Reads the destination blob and what its metadata says. */
export async function readState(
  source: Pick<OpenSource, 'etag' | 'size'>,
  destination: Destination,
): Promise<Reached<CopyState>> {
  const read = await destination.run('read the copy of the image', (client) => client.getProperties());
  if (read.status !== 'done' && read.failure?.status !== 404) return read;
  const existing = read.status === 'done' ? read.value : undefined;
  const metadata = existing?.metadata;
  const fits = metadata?.[etagKey] === bareEtag(source.etag) && existing?.contentLength === source.size;
  const complete = fits && metadata?.[completeKey] === 'true';
  // A copy by the service that failed or was aborted leaves a blob that page writes cannot go on with.
  const byService = existing?.copyStatus === 'pending' || existing?.copyStatus === 'success';
  const same = fits && (byService || existing?.blobSequenceNumber === sequenceOf(source.etag));
  return { status: 'done', value: { existing, ours: isCopy(metadata), same, complete, byService } };
}

/** Data of the source in a window; refused with 412 when the source changed. */
export function sourceRanges(source: OpenSource, window: ByteRange): Promise<Reached<readonly ByteRange[]>> {
  return listRanges(window, (request) => onSource(source, 'list the data of the image source', request), source.etag);
}

/** Data of the destination in a window. */
export function copiedRanges(destination: Destination, window: ByteRange): Promise<Reached<readonly ByteRange[]>> {
  return listRanges(window, (request) => destination.run('list the copied data', request));
}

/** One request to the source, judged as requests to the destination are. */
export async function onSource<Value>(
  source: OpenSource,
  doing: string,
  request: (client: PageBlobClient) => Promise<Value>,
): Promise<Reached<Value>> {
  const result = await call(() => request(source.client));
  if (result.ok) return { status: 'done', value: result.value };
  const { failure } = result;
  const verdict = classify(failure, { key: source.shown, attempt: 0, where: source.shown, doing });
  const refused: Refused =
    verdict.kind === 'failed'
      ? { status: 'failed', error: verdict.error, failure }
      : { status: 'wait', retryAfter: verdict.retryAfter, sentence: verdict.reason, failure };
  return refused;
}
