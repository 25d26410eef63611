import type { CapstanError } from '#domain/errors/error.ts';
import { failed, type Outcome, wait } from '#domain/outcome.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import type { Connection } from '../clients/clients.ts';
import { capstanError } from '../errors/capstan-error.ts';
import { createSecrets } from '../secrets/secrets.ts';
import type { SecretVault } from '../types.ts';
import { copiedRanges, metadataOf, readState, sequenceOf, sourceRanges } from './blob-state.ts';
import { type Claim, createClaim } from './claim.ts';
import type { CopiedImage, CopyPlan, CopySlice, CopyWish, DestinationAccess, SliceResult } from './copy-types.ts';
import { uploadImageDisk, type UploadOutcome } from './disk-upload.ts';
import { createDestinations, type Destination, type Refused } from './destination.ts';
import { finishCopy } from './finish.ts';
import { changed, otherCluster, passOn } from './outcomes.ts';
import { createPacer, type Pacer } from './pacer.ts';
import { missingOperations, operationsOf, slicesOf, totalOf } from './ranges.ts';
import { abortServiceCopy, beginServiceCopy } from './service-copy.ts';
import { copyOperations, type CopyTools } from './slice.ts';
import { signedSource } from './signed-source.ts';
import { openSource } from './source.ts';
import { isFixedVhd } from './vhd.ts';

type Started = Pick<CopyPlan, 'sourceEtag' | 'sourceAccess'>;

/** The copy of the base image. Every step can be repeated: the destination's own page ranges are the checkpoint. */
export interface ImageCopy {
  /**
   * Creates the destination sparse and tells which windows are missing. A copy that is complete is taken as it is; one
   * that another cluster is making is waited for; one that was begun from an older source starts again.
   */
  plan(plan: ClusterPlan, options?: { readonly method?: CopyWish }): Promise<Outcome<CopyPlan>>;
  slice(plan: ClusterPlan, copy: Started, slice: CopySlice): Promise<Outcome<SliceResult>>;
  /** Waits for a copy by the storage service, compares both sides and marks the copy complete. */
  finish(plan: ClusterPlan, copy: Started): Promise<Outcome<CopiedImage>>;
  /** Looks whether the destination can be reached, and with which credential. Nothing is written. */
  probe(plan: ClusterPlan): Promise<Outcome<DestinationAccess>>;
  /** One step of writing the finished copy into the disk of the image; `poller` is what the previous `wait` gave back. */
  toDisk(plan: ClusterPlan, poller?: string): Promise<UploadOutcome>;
  /** Ends what would go on by itself: a copy by the storage service, and the claim on the blob. */
  abort(plan: ClusterPlan): Promise<Outcome<{ readonly aborted: boolean }>>;
}

/** What is shared by the operations on one destination blob while the process lives. */
interface BlobMemory {
  readonly pacer: Pacer;
  readonly claims: Map<string, Claim>;
}

const rememberedBlobs = 50;

/**
 * The copy of the base image: Put Page From URL over the source's page ranges, into a sparse page blob
 * (azure-behaviour.md §2), with one pacer per destination blob.
 */
export function createCopy(connection: Connection, secrets: SecretVault = createSecrets(connection)): ImageCopy {
  const destinations = createDestinations(connection);
  const blobs = new Map<string, BlobMemory>();
  const claimOf = (destination: Destination, uid: string): { claim: Claim; pacer: Pacer } => {
    if (blobs.size >= rememberedBlobs && !blobs.has(destination.url)) blobs.clear();
    const memory = blobs.get(destination.url) ?? { pacer: createPacer(), claims: new Map<string, Claim>() };
    blobs.set(destination.url, memory);
    const claim = memory.claims.get(uid) ?? createClaim(destination, uid);
    memory.claims.set(uid, claim);
    return { claim, pacer: memory.pacer };
  };
  const begin = async (plan: ClusterPlan): Promise<CopyTools | Outcome<never>> => {
    const url = await signedSource(secrets, plan, plan.spec.image);
    const opened = await openSource(connection, url, plan.azure.subscriptionId);
    if (opened.status !== 'done') return passOn(opened);
    const destination = destinations(plan);
    return { source: opened.source, destination, ...claimOf(destination, plan.uid) };
  };
  return {
    async plan(plan, options = {}) {
      const begun = await begin(plan);
      return 'status' in begun ? begun : planCopy(begun, options.method ?? plan.spec.image.copy, plan.uid);
    },
    async slice(plan, started, slice) {
      const begun = await begin(plan);
      return 'status' in begun ? begun : copySlice(begun, started, slice);
    },
    async finish(plan, started) {
      const begun = await begin(plan);
      return 'status' in begun ? begun : finishCopy(begun, started.sourceEtag);
    },
    probe: (plan) => probe(destinations(plan)),
    toDisk: (plan, poller) =>
      uploadImageDisk({ connection, secrets, plan, copy: destinations(plan), id: plan.image.disk?.id ?? '' }, poller),
    async abort(plan) {
      const destination = destinations(plan);
      const aborted = await abortServiceCopy(destination, plan.uid);
      if (aborted.status !== 'done') return passOn(aborted);
      await claimOf(destination, plan.uid).claim.release();
      return { status: 'done', value: aborted.value };
    },
  };
}

/** Reads the blob that is to come: one that is absent, or whose container is, answers the question as well. */
async function probe(destination: Destination): Promise<Outcome<DestinationAccess>> {
  const read = await destination.run('reach the storage account', (client) => client.getProperties());
  const roleMissing = read.status !== 'done' && read.failure?.code === 'AuthorizationPermissionMismatch';
  if (read.status !== 'done' && read.failure?.status !== 404 && !roleMissing) return passOn(read);
  return { status: 'done', value: { dataRole: roleMissing ? 'missing' : 'sufficient', ...destination.report() } };
}

async function planCopy(tools: CopyTools, wish: CopyWish, uid: string): Promise<Outcome<CopyPlan>> {
  const { source, destination } = tools;
  const problem = isFixedVhd(source);
  if (problem !== undefined) return failed(problem);
  const read = await readState(source, destination);
  if (read.status !== 'done') return passOn(read);
  const { existing, ours, same, complete, byService } = read.value;
  if (existing !== undefined && !ours) return failed(foreign(destination));
  const nothing = { slices: [], totalBytes: 0, remainingBytes: 0 };
  if (complete) return planned(tools, { complete, method: wish === 'service' ? wish : 'ranges', ...nothing });
  if (same && byService) return planned(tools, { complete: false, method: 'service', ...nothing });
  const wanted = wish === 'service' ? undefined : await sourceRanges(source, { start: 0, end: source.size });
  if (wanted !== undefined && wanted.status !== 'done' && !cannotList(wanted)) {
    return wanted.failure?.status === 412 ? failed(changed(source)) : passOn(wanted);
  }
  if (wanted !== undefined && wanted.status !== 'done' && wish === 'ranges') return failed(unlistable(source, wanted));
  if (wanted?.status !== 'done') {
    const begun = await beginServiceCopy(source, destination, existing?.etag, uid);
    if (begun.status !== 'done') return overtaken(begun) ?? passOn(begun);
    return planned(tools, { complete: false, method: 'service', ...nothing });
  }
  const ready = await claimBlob(tools, existing?.etag, same);
  if (ready !== undefined) return ready;
  const whole = { start: 0, end: source.size };
  const present = same ? await copiedRanges(destination, whole) : undefined;
  if (present !== undefined && present.status !== 'done') return passOn(present);
  const slices = slicesOf(missingOperations(operationsOf(wanted.value), present?.value ?? []));
  const remainingBytes = slices.reduce((sum, slice) => sum + slice.bytes, 0);
  return planned(tools, {
    complete: false,
    method: 'ranges',
    slices,
    totalBytes: totalOf(wanted.value),
    remainingBytes,
  });
}

function planned(
  { source, destination }: CopyTools,
  rest: Omit<CopyPlan, 'sourceEtag' | 'sourceAccess' | 'blobUrl' | 'credential' | 'reason'>,
): Outcome<CopyPlan> {
  const facts = { sourceEtag: source.etag, sourceAccess: source.access, blobUrl: destination.url };
  return { status: 'done', value: { ...rest, ...facts, ...destination.report() } };
}

/** A source that answers but cannot tell its ranges: the storage service then copies it. */
function cannotList({ failure }: Refused): boolean {
  return [400, 405, 501].includes(failure?.status ?? 0) || failure?.code === 'OperationTimedOut';
}

function unlistable({ shown }: CopyTools['source'], { failure }: Refused): CapstanError {
  return capstanError('CAP-2012', 'The image source cannot list its data.', {
    where: shown,
    cause: `${failure?.status ?? ''} ${failure?.code ?? ''}, and spec.image.copy is ranges`.trim(),
    remedy: 'Use spec.image.copy automatic or service: the storage service then copies the whole blob.',
  });
}

/**
 * Makes the destination this cluster's: an empty blob with the size of the source, or the one that is there, under its
 * lease. A blob begun from an older source is made empty again, so that a mixed image never comes about.
 *
 * @returns undefined when the blob is ready to be written
 */
async function claimBlob(
  { source, destination, claim }: CopyTools,
  existing: string | undefined,
  same: boolean,
): Promise<Outcome<never> | undefined> {
  const make = (conditions: { ifNoneMatch?: string; ifMatch?: string; leaseId?: string }) =>
    destination.run('create the copy of the image', (client) =>
      client.create(source.size, {
        conditions,
        metadata: metadataOf(source, false),
        blobSequenceNumber: sequenceOf(source.etag),
      }),
    );
  if (existing === undefined) {
    const created = await make({ ifNoneMatch: '*' });
    if (created.status !== 'done') return overtaken(created) ?? passOn(created);
  }
  const held = await claim.hold();
  if (held.status === 'other') return otherCluster();
  if (held.status !== 'held') return passOn(held);
  if (existing === undefined || same) return undefined;
  const emptied = await make({ ifMatch: existing, leaseId: held.leaseId });
  return emptied.status === 'done' ? undefined : (overtaken(emptied) ?? passOn(emptied));
}

/** Another cluster made or changed the blob a moment ago: plan again on what it made. */
function overtaken({ failure }: Refused): Outcome<never> | undefined {
  if (failure?.code === 'SourceConditionNotMet' || (failure?.status !== 409 && failure?.status !== 412))
    return undefined;
  return wait(2, { sentence: 'Another cluster is copying the same image' });
}

async function copySlice(tools: CopyTools, started: Started, slice: CopySlice): Promise<Outcome<SliceResult>> {
  const { source, destination, claim } = tools;
  if (source.etag !== started.sourceEtag) return failed(changed(source));
  const held = await claim.hold();
  if (held.status === 'other') return theirs(tools);
  if (held.status !== 'held') return passOn(held);
  const present = await copiedRanges(destination, slice);
  if (present.status !== 'done') return passOn(present);
  const wanted = await sourceRanges(source, slice);
  if (wanted.status !== 'done') return wanted.failure?.status === 412 ? failed(changed(source)) : passOn(wanted);
  const operations = missingOperations(operationsOf(wanted.value), present.value);
  const obstacle = await copyOperations(tools, operations, slice.onBytes);
  if (obstacle !== undefined) return obstacle;
  const bytes = operations.reduce((sum, [, count]) => sum + count, 0);
  return { status: 'done', value: { bytes, operations: operations.length, ...destination.report() } };
}

/** The other cluster has the blob: nothing is left to do when it is ready. */
async function theirs({ source, destination }: CopyTools): Promise<Outcome<SliceResult>> {
  const read = await readState(source, destination);
  if (read.status !== 'done') return passOn(read);
  if (!read.value.complete) return otherCluster();
  return { status: 'done', value: { bytes: 0, operations: 0, ...destination.report() } };
}

function foreign(destination: Destination): CapstanError {
  return capstanError('CAP-3308', 'A blob that Capstan did not write has the name of the copy.', {
    where: destination.url,
  });
}
