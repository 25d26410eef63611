import type { PageBlobClient } from '@azure/storage-blob';
import { capstanError } from '../errors/capstan-error.ts';
import { failed, type Outcome, wait } from '#domain/outcome.ts';
import { copySentence } from '#domain/storage/progress.ts';
import { metadataOf } from './blob-state.ts';
import type { Destination, Reached } from './destination.ts';
import { changed } from './outcomes.ts';
import type { OpenSource } from './source.ts';

/** How often a copy by the service is looked at, in Azure seconds. */
const pollSeconds = 10;
/** The poller of the SDK is thrown away: durable timers poll. */
const never = 2 ** 31 - 1;

/** Metadata with the cluster that began the copy. */
const beginnerKey = 'begunby';

type Properties = Awaited<ReturnType<PageBlobClient['getProperties']>>;

/**
 * Begins an asynchronous Copy Blob: the second way, for sources that cannot list their ranges and on request. The
 * storage service reads the source by itself, so its URL carries a SAS where it is not public (azure-behaviour.md §2).
 *
 * @param replace ETag of the blob that is replaced; undefined when there must be none
 * @param uid cluster that begins it; only this one aborts it, since others may wait for the same copy
 */
export function beginServiceCopy(
  source: OpenSource,
  destination: Destination,
  replace: string | undefined,
  uid: string,
): Promise<Reached<object>> {
  return destination.run('begin the copy of the image', async (client) => {
    await client.beginCopyFromURL(await source.signedUrl(), {
      intervalInMs: never,
      metadata: { ...metadataOf(source, false), [beginnerKey]: uid },
      conditions: replace === undefined ? { ifNoneMatch: '*' } : { ifMatch: replace },
      sourceConditions: { ifMatch: source.etag },
    });
    return {};
  });
}

/**
 * How far a copy by the service is: undefined when there is none, or when it has ended well.
 *
 * @param existing properties of the destination blob
 */
export function serviceCopyObstacle(
  source: OpenSource,
  destination: Pick<Destination, 'url'>,
  existing: Properties | undefined,
): Outcome<never> | undefined {
  const status = existing?.copyStatus;
  if (status === undefined || status === 'success') return undefined;
  if (status === 'pending') {
    const [done = 0, total = source.size] = (existing?.copyProgress ?? '').split('/').map(Number);
    const progress = { done, total, unit: 'bytes' };
    return wait(pollSeconds, { sentence: copySentence(progress), progress });
  }
  const description = existing?.copyStatusDescription ?? '';
  if (/^412\b/.test(description)) return failed(changed(source));
  return failed(
    capstanError(status === 'aborted' ? 'CAP-3309' : 'CAP-3306', `The storage service ended the copy: ${status}.`, {
      where: destination.url,
      cause: description === '' ? status : description,
    }),
  );
}

/** Aborts a copy by the service that this cluster began and that is under way; anything else is left as it is. */
export async function abortServiceCopy(destination: Destination, uid: string): Promise<Reached<{ aborted: boolean }>> {
  const nothing = { status: 'done', value: { aborted: false } } as const;
  const read = await destination.run('read the copy of the image', (client) => client.getProperties());
  if (read.status !== 'done') return read.failure?.status === 404 ? nothing : read;
  const { copyId, copyStatus, metadata } = read.value;
  if (copyStatus !== 'pending' || copyId === undefined || metadata?.[beginnerKey] !== uid) return nothing;
  const aborted = await destination.run('abort the copy of the image', (client) => client.abortCopyFromURL(copyId));
  if (aborted.status === 'done') return { status: 'done', value: { aborted: true } };
  return aborted.failure?.code === 'NoPendingCopyOperation' ? nothing : aborted;
}
