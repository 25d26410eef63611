import type { CopyPlan, CredentialReport } from '#azure/storage/copy-types.ts';
import { done, type Outcome, wait } from '#domain/outcome.ts';
import { bytesText, copySentence } from '#domain/storage/progress.ts';
import type { ActivityInput } from './contract.ts';
import { defineActivity } from './define.ts';
import { recordEvent, recordProgress } from './progress.ts';
import type { Work } from './runtime.ts';

const copyDocument = (uid: string) => `copy/${uid}.json`;

/** The plan of a copy with the moment (milliseconds since the epoch) at which this run of it began. */
interface StoredCopy extends CopyPlan {
  readonly startedAt?: number;
}

/** Finds out what has to be copied; the slices stay in a blob, history carries their count. */
defineActivity('planImageCopy', async (work, input) => {
  const azure = await work.azure();
  const outcome = await azure.copy.plan(await work.plan());
  if (outcome.status !== 'done') return outcome;
  const copy: StoredCopy = { ...outcome.value, startedAt: Date.now() };
  await work.store.documents.put(copyDocument(work.ref.uid), JSON.stringify(copy));
  await reportCredential(work, input, copy);
  if (copy.slices.length > 0) await advance(work, input, 0, copy);
  return done({ slices: copy.slices.length, bytes: copy.remainingBytes });
});

defineActivity('copyImageSlice', async (work, input) => {
  const copy = await loadCopy(work);
  const slice = copy.slices[input.slice];
  if (slice === undefined) throw new Error(`the copy has no slice ${input.slice}`);
  const azure = await work.azure();
  let pending = 0;
  const onBytes = (bytes: number): void => {
    pending += bytes;
    if (pending < reportedBytes) return;
    // Not waited for: the copy does not stand still for its progress bar.
    advance(work, input, pending, copy).catch(() => undefined);
    pending = 0;
  };
  const outcome = await azure.copy.slice(await work.plan(), copy, { ...slice, onBytes });
  // Every report is awaited: a late one would show a finished step as running.
  await (pending > 0 ? advance(work, input, pending, copy) : reports);
  if (outcome.status !== 'done') return outcome;
  await reportCredential(work, input, outcome.value);
  return done({ bytes: outcome.value.bytes });
});

defineActivity('finishImageCopy', async (work, input) => {
  const copy = await loadCopy(work);
  const azure = await work.azure();
  const outcome: Outcome<CredentialReport & { bytes: number }> = copy.complete
    ? done({
        bytes: copy.totalBytes,
        credential: copy.credential,
        ...(copy.reason === undefined ? {} : { reason: copy.reason }),
      })
    : await azure.copy.finish(await work.plan(), copy);
  if (outcome.status !== 'done') return outcome;
  await reportCredential(work, input, outcome.value);
  const { storage } = await work.plan();
  const how =
    outcome.value.credential === 'sas'
      ? 'by SAS'
      : outcome.value.reason === undefined
        ? 'with Entra ID'
        : `SAS refused by ${storage.account.name}, used Entra ID`;
  const amount = copy.complete ? 'the copy was there already' : `${bytesText(outcome.value.bytes)} of data copied`;
  return done({}, `${amount} · ${how}`);
});

/** Writes the copied VHD into the disk that the image is made from, a part with every call. */
defineActivity('uploadImageDisk', async (work, input) => {
  const name = `pollers/${work.ref.uid}/image-disk`;
  const poller = input.state?.['begun'] === true ? await work.store.documents.get(name) : undefined;
  const azure = await work.azure();
  const outcome = await azure.copy.toDisk(await work.plan(), poller);
  if (outcome.status === 'wait') {
    const { retryAfter, sentence } = outcome;
    if ('poller' in outcome && outcome.poller !== undefined) await work.store.documents.put(name, outcome.poller);
    return wait(retryAfter, { state: { begun: true }, ...(sentence === undefined ? {} : { sentence }) });
  }
  await work.store.documents.delete(name);
  return outcome.status === 'done' ? done({}) : outcome;
});

/** A copy by the storage service goes on by itself: it is ended when the operation is cancelled. */
defineActivity(
  'abortImageCopy',
  async (work, input) => {
    const azure = await work.azure();
    const outcome = await azure.copy.abort(await work.plan());
    if (outcome.status !== 'done') return outcome;
    if (outcome.value.aborted) {
      const sentence = 'The copy of the base image by the storage service was aborted';
      await recordEvent(work.store, input, 'copy/aborted', { type: 'storage.copyAborted', sentence });
    }
    return done({});
  },
  { evenWhenCancelled: true },
);

async function loadCopy(work: Work): Promise<StoredCopy> {
  const text = await work.store.documents.get(copyDocument(work.ref.uid));
  if (text === undefined) throw new Error('the copy was not planned');
  return JSON.parse(text) as StoredCopy;
}

/** The change from SAS to Entra ID is an event the user can read. */
async function reportCredential(work: Work, input: ActivityInput, report: CredentialReport): Promise<void> {
  if (report.credential !== 'entra' || report.reason === undefined) return;
  const { storage } = await work.plan();
  await recordEvent(work.store, input, `credential/${storage.account.name}`, {
    type: 'storage.credential',
    sentence: `${storage.account.name} refused shared keys (${report.reason}): Capstan uses Entra ID`,
  });
}

/** A slice shows its progress each time so many bytes are copied. */
const reportedBytes = 32 * 1024 ** 2;

/** Writes of one step's progress in this process, one after the other. */
let reports: Promise<unknown> = Promise.resolve();

/**
 * Adds copied bytes to the progress of the step, with rate and time left. Slices run side by side and add one after the
 * other; what two processes write at the same moment corrects itself at the end.
 */
function advance(work: Work, input: ActivityInput, bytes: number, copy: StoredCopy): Promise<void> {
  const report = reports.then(() => addProgress(work, input, bytes, copy));
  reports = report.catch(() => undefined);
  return report;
}

async function addProgress(work: Work, input: ActivityInput, bytes: number, copy: StoredCopy): Promise<void> {
  const step = await work.store.clusters.step(work.ref.name, input.step);
  const atStart = copy.totalBytes - copy.remainingBytes;
  const before = bytes > 0 && step?.progress?.unit === 'bytes' ? step.progress.done : atStart;
  const progress = { done: Math.min(copy.totalBytes, before + bytes), total: copy.totalBytes, unit: 'bytes' };
  const seconds = ((Date.now() - (copy.startedAt ?? Date.now())) / 1000) * work.ref.timeScale;
  await recordProgress(work.store, input, {
    status: 'wait',
    retryAfter: 0,
    sentence: copySentence(progress, { atStart, seconds }),
    progress,
  });
}
