import type { PageBlobClient } from '@azure/storage-blob';
import type { CapstanError } from '#domain/errors/error.ts';
import { failed, type Outcome, wait } from '#domain/outcome.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { call } from '../clients/capture.ts';
import type { Connection } from '../clients/clients.ts';
import { capstanError } from '../errors/capstan-error.ts';
import { classify } from '../errors/classify.ts';
import type { AzureFailure } from '../errors/failure.ts';
import type { Azure, EnsureFailed, EnsureWait } from '../types.ts';
import type { CopiedImage, CopyPlan, CopySlice, SliceResult } from './copy-types.ts';
import { createDestinations, type Destination } from './destination.ts';
import { listRanges } from './list-ranges.ts';
import { missingOperations, operationsOf, sameRanges, slicesOf, totalOf } from './ranges.ts';
import { changed, passOn } from './outcomes.ts';
import { type OpenSource, openSource } from './source.ts';
import { copyOperations } from './slice.ts';
import { footerBytes, isFixedVhd } from './vhd.ts';

type Started = Pick<CopyPlan, 'sourceEtag' | 'sourceAccess'>;

/** Metadata of the copy. Names are lower case: HTTP headers carry them. */
const completeKey = 'complete';
const etagKey = 'sourceetag';

/** ETag without quotes, as metadata holds it. */
function bareEtag(etag: string): string {
  return etag.replace(/^W\//, '').replaceAll('"', '');
}

/**
 * The copy of the base image: Put Page From URL over the source's page ranges, into a sparse page blob
 * (azure-behaviour.md §2). The destination's own page ranges are the checkpoint, so every step can be repeated.
 */
export function createCopy(connection: Connection): Azure['copy'] {
  const destinations = createDestinations(connection);
  const begin = async (plan: ClusterPlan) => {
    const opened = await openSource(connection, plan.image.sourceUrl ?? '', plan.azure.subscriptionId);
    return opened.status === 'done' ? { source: opened.source, destination: destinations(plan) } : passOn(opened);
  };
  return {
    async plan(plan) {
      const begun = await begin(plan);
      return 'status' in begun ? begun : planCopy(begun.source, begun.destination);
    },
    async slice(plan, started, slice) {
      const begun = await begin(plan);
      return 'status' in begun ? begun : copySlice(begun.source, begun.destination, started, slice);
    },
    async finish(plan, started) {
      const begun = await begin(plan);
      return 'status' in begun ? begun : finishCopy(begun.source, begun.destination, started);
    },
  };
}

type Existing = Awaited<ReturnType<PageBlobClient['getProperties']>> | undefined;

async function readExisting(destination: Destination) {
  const read = await destination.run<Existing>('read the copy of the image', (client) => client.getProperties());
  return read.status !== 'done' && read.failure?.status === 404 ? { status: 'done' as const, value: undefined } : read;
}

async function planCopy(source: OpenSource, destination: Destination): Promise<Outcome<CopyPlan>> {
  const problem = isFixedVhd(source);
  if (problem !== undefined) return failed(problem);
  const read = await readExisting(destination);
  if (read.status !== 'done') return passOn(read);
  const existing = read.value;
  const ours = existing?.metadata?.[etagKey];
  const facts = { sourceEtag: source.etag, sourceAccess: source.access, blobUrl: destination.url };
  if (existing !== undefined && ours === undefined) return failed(foreign(destination));
  const same = ours === bareEtag(source.etag) && existing?.contentLength === source.size;
  if (same && existing?.metadata?.[completeKey] === 'true') {
    const none = { complete: true, slices: [], totalBytes: 0, remainingBytes: 0 };
    return { status: 'done', value: { ...none, ...facts, ...destination.report() } };
  }
  if (!same) {
    // Absent, or begun from a source that changed since: both start from an empty blob.
    const created = await createBlob(source, destination, existing?.etag);
    if (created !== undefined) return created;
  }
  const wanted = await listRanges(source.client, source.size, (run) => call(run));
  if (!wanted.ok) return passOn(judge(wanted.failure, source.shown, 'list the data of the image source'));
  const present = same
    ? await destination.run('list the copied data', (client) => present_(client, source.size))
    : undefined;
  if (present !== undefined && present.status !== 'done') return passOn(present);
  const operations = missingOperations(operationsOf(wanted.value), present?.value ?? []);
  const slices = slicesOf(operations);
  const value: CopyPlan = {
    complete: false,
    slices,
    totalBytes: totalOf(wanted.value),
    remainingBytes: slices.reduce((sum, slice) => sum + slice.bytes, 0),
    ...facts,
    ...destination.report(),
  };
  return { status: 'done', value };
}

/** Ranges of the destination; throws, so that the caller's credential policy sees the failure. */
async function present_(client: PageBlobClient, size: number, from = 0) {
  const listed = await listRanges(
    client,
    size,
    async (run) => ({ ok: true, value: await run(), last: undefined }),
    from,
  );
  return listed.ok ? listed.value : [];
}

async function createBlob(source: OpenSource, destination: Destination, replace: string | undefined) {
  const conditions = replace === undefined ? { ifNoneMatch: '*' } : { ifMatch: replace };
  const metadata = { [etagKey]: bareEtag(source.etag), [completeKey]: 'false' };
  const created = await destination.run('create the copy of the image', (client) =>
    client.create(source.size, { conditions, metadata }),
  );
  if (created.status === 'done') return undefined;
  // Another cluster made it a moment ago: plan again on what it made.
  if (created.failure?.status === 409 || created.failure?.status === 412) {
    return wait(2, { sentence: 'Another cluster is copying the same image' });
  }
  return passOn(created);
}

async function copySlice(
  source: OpenSource,
  destination: Destination,
  started: Started,
  slice: CopySlice,
): Promise<Outcome<SliceResult>> {
  if (source.etag !== started.sourceEtag) return failed(changed(source));
  const first = slice.operations[0];
  const last = slice.operations.at(-1);
  if (first === undefined || last === undefined) {
    return { status: 'done', value: { bytes: 0, operations: 0, ...destination.report() } };
  }
  const present = await destination.run('list the copied data', (client) =>
    present_(client, last[0] + last[1], first[0]),
  );
  if (present.status !== 'done') return passOn(present);
  const operations = missingOperations(slice.operations, present.value);
  const copied = await copyOperations(source, destination, operations);
  if (copied !== undefined) return copied;
  const bytes = operations.reduce((sum, [, count]) => sum + count, 0);
  return { status: 'done', value: { bytes, operations: operations.length, ...destination.report() } };
}

async function finishCopy(
  source: OpenSource,
  destination: Destination,
  started: Started,
): Promise<Outcome<CopiedImage>> {
  if (source.etag !== started.sourceEtag) return failed(changed(source));
  const wanted = await listRanges(source.client, source.size, (run) => call(run));
  if (!wanted.ok) return passOn(judge(wanted.failure, source.shown, 'list the data of the image source'));
  const present = await destination.run('list the copied data', (client) => present_(client, source.size));
  if (present.status !== 'done') return passOn(present);
  if (!sameRanges(wanted.value, present.value)) {
    return failed(
      unequal(destination, `${totalOf(wanted.value)} bytes in the source, ${totalOf(present.value)} in the copy`),
    );
  }
  const expected = await call(() => footerBytes(source.client, source.size));
  if (!expected.ok) return passOn(judge(expected.failure, source.shown, 'read the end of the image source'));
  const actual = await destination.run('read the end of the copy', (client) => footerBytes(client, source.size));
  if (actual.status !== 'done') return passOn(actual);
  if (!expected.value.equals(actual.value) || expected.value.subarray(0, 8).toString('latin1') !== 'conectix') {
    return failed(unequal(destination, 'the last 512 bytes are not the footer of the source'));
  }
  const metadata = { [etagKey]: bareEtag(source.etag), [completeKey]: 'true' };
  const marked = await destination.run('mark the copy complete', (client) => client.setMetadata(metadata));
  if (marked.status !== 'done') return passOn(marked);
  return { status: 'done', value: { blobUrl: destination.url, bytes: totalOf(wanted.value), ...destination.report() } };
}

function judge(failure: AzureFailure, where: string, doing: string): EnsureWait | EnsureFailed {
  const verdict = classify(failure, { key: where, attempt: 0, where, doing });
  return verdict.kind === 'failed'
    ? { status: 'failed', error: verdict.error }
    : { status: 'wait', retryAfter: verdict.retryAfter, sentence: verdict.reason };
}

function foreign(destination: Destination): CapstanError {
  return capstanError('CAP-3308', 'A blob that Capstan did not write has the name of the copy.', {
    where: destination.url,
  });
}

function unequal(destination: Destination, cause: string): CapstanError {
  return capstanError('CAP-3307', 'The copied image is not equal to its source.', { where: destination.url, cause });
}
