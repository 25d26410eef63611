import type { CapstanError } from '#domain/errors/error.ts';
import { failed, type Outcome } from '#domain/outcome.ts';
import { capstanError } from '../errors/capstan-error.ts';
import { type CopyState, copiedRanges, metadataOf, onSource, readState, sourceRanges } from './blob-state.ts';
import { claimTooShort, isLeaseLost, leaseCondition } from './claim.ts';
import type { CopiedImage } from './copy-types.ts';
import type { Destination } from './destination.ts';
import { changed, otherCluster, passOn } from './outcomes.ts';
import { sameRanges, totalOf } from './ranges.ts';
import { serviceCopyObstacle } from './service-copy.ts';
import type { CopyTools } from './slice.ts';
import { footerBytes } from './vhd.ts';

/** Compares both sides and marks the copy complete; waits first for a copy that the storage service makes. */
export async function finishCopy(tools: CopyTools, startedEtag: string): Promise<Outcome<CopiedImage>> {
  const { source, destination } = tools;
  if (source.etag !== startedEtag) return failed(changed(source));
  const read = await readState(source, destination);
  if (read.status !== 'done') return passOn(read);
  const { existing, complete } = read.value;
  if (complete) return finished(tools, source.size);
  const obstacle = serviceCopyObstacle(source, destination, existing);
  if (obstacle !== undefined) return obstacle;
  const byService = existing?.copyStatus === 'success';
  const compared = await compare(tools, byService);
  if (compared.status !== 'done') return compared;
  const unmarked = await mark(tools, existing?.etag, byService);
  return unmarked ?? finished(tools, compared.value.bytes);
}

/** Bytes of data that are equal on both sides, or what is not. */
async function compare(
  { source, destination }: CopyTools,
  byService: boolean,
): Promise<Outcome<{ readonly bytes: number }>> {
  const whole = { start: 0, end: source.size };
  const present = await copiedRanges(destination, whole);
  if (present.status !== 'done') return passOn(present);
  const bytes = totalOf(present.value);
  const wanted = await sourceRanges(source, whole);
  if (wanted.status !== 'done' && wanted.failure?.status === 412) return failed(changed(source));
  // The storage service copies sources that cannot list their ranges; it compares by itself.
  if (wanted.status !== 'done' && !byService) return passOn(wanted);
  if (wanted.status === 'done' && !sameRanges(wanted.value, present.value)) {
    const cause = `${totalOf(wanted.value)} bytes in the source, ${bytes} in the copy`;
    return failed(unequal(destination, cause));
  }
  const actual = await destination.run('read the end of the copy', (client) => footerBytes(client, source.size));
  if (actual.status !== 'done') return passOn(actual);
  const expected = await onSource(source, 'read the end of the image source', (client) =>
    footerBytes(client, source.size),
  );
  if (expected.status !== 'done') return passOn(expected);
  if (!expected.value.equals(actual.value) || actual.value.subarray(0, 8).toString('latin1') !== 'conectix') {
    return failed(unequal(destination, 'the last 512 bytes are not the footer of the source'));
  }
  return { status: 'done', value: { bytes } };
}

/** Times that the mark is tried under a claim that ended meanwhile, or while another cluster writes. */
const marks = 4;

/**
 * Writes the mark that later clusters look for, under this cluster's claim and the blob's ETag, and lets go of the blob.
 * What others have noted there stays: a cluster that lost its claim for a moment may have been overtaken.
 */
async function mark(
  { source, destination, claim }: CopyTools,
  existingEtag: string | undefined,
  byService: boolean,
): Promise<Outcome<never> | undefined> {
  if (byService) {
    const conditions = existingEtag === undefined ? {} : { ifMatch: existingEtag };
    const marked = await destination.run('mark the copy complete', (client) =>
      client.setMetadata(metadataOf(source, true), { conditions }),
    );
    return marked.status === 'done' ? undefined : passOn(marked);
  }
  for (let tries = 1, began: number | undefined; ; tries++) {
    const read = await readState(source, destination);
    if (read.status !== 'done') return passOn(read);
    // Claimed after the read: a claim ends soon, and the write comes right behind it.
    const held = await (began === undefined ? claim.hold() : claim.again(began));
    if (held.status !== 'held') return held.status === 'other' ? otherCluster() : passOn(held);
    const { existing, complete } = read.value;
    const now = performance.now();
    const marked = complete ? read : await writeMark({ source, destination }, existing, held.leaseId, tries - 1);
    if (marked.status === 'done') {
      await claim.release();
      return undefined;
    }
    const lost = isLeaseLost(marked);
    if (!lost && marked.failure?.status !== 412) return passOn(marked);
    if (tries >= marks) return claimTooShort();
    began = lost ? now : undefined;
  }
}

function writeMark(
  { source, destination }: Pick<CopyTools, 'source' | 'destination'>,
  existing: CopyState['existing'],
  leaseId: string,
  lost: number,
) {
  const conditions = {
    ...leaseCondition(leaseId, lost),
    ...(existing?.etag === undefined ? {} : { ifMatch: existing.etag }),
  };
  const metadata = { ...existing?.metadata, ...metadataOf(source, true) };
  return destination.run('mark the copy complete', (client) => client.setMetadata(metadata, { conditions }));
}

function finished({ destination }: CopyTools, bytes: number): Outcome<CopiedImage> {
  return { status: 'done', value: { blobUrl: destination.url, bytes, ...destination.report() } };
}

function unequal(destination: Destination, cause: string): CapstanError {
  return capstanError('CAP-3307', 'The copied image is not equal to its source.', { where: destination.url, cause });
}
