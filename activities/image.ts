import type { CopyPlan, CredentialReport } from '#azure/storage/copy-types.ts';
import { done, type Outcome } from '#domain/outcome.ts';
import type { ActivityInput } from './contract.ts';
import { defineActivity } from './define.ts';
import { recordEvent, recordProgress } from './progress.ts';
import type { Work } from './runtime.ts';

const copyDocument = (uid: string) => `copy/${uid}.json`;

/** Finds out what has to be copied; the list of operations stays in a blob, history carries the count of slices. */
defineActivity('planImageCopy', async (work, input) => {
  const azure = await work.azure();
  const outcome = await azure.copy.plan(await work.plan());
  if (outcome.status !== 'done') return outcome;
  const copy = outcome.value;
  await work.store.documents.put(copyDocument(work.ref.uid), JSON.stringify(copy));
  await reportCredential(work, input, copy);
  const slices = copy.complete ? 0 : copy.slices.length;
  return done({ slices, bytes: copy.remainingBytes });
});

defineActivity('copyImageSlice', async (work, input) => {
  const copy = await loadCopy(work);
  const slice = copy.slices[input.slice];
  if (slice === undefined) throw new Error(`the copy has no slice ${input.slice}`);
  const azure = await work.azure();
  const outcome = await azure.copy.slice(await work.plan(), copy, slice);
  if (outcome.status !== 'done') return outcome;
  await reportCredential(work, input, outcome.value);
  await advance(work, input, slice.bytes, copy);
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
  const amount = copy.complete ? 'the copy was there already' : `${mebibytes(copy.totalBytes)} of data copied`;
  return done({}, `${amount} · ${how}`);
});

async function loadCopy(work: Work): Promise<CopyPlan> {
  const text = await work.store.documents.get(copyDocument(work.ref.uid));
  if (text === undefined) throw new Error('the copy was not planned');
  return JSON.parse(text) as CopyPlan;
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

/** Adds a finished slice to the progress of the step. Slices end side by side: a lost update corrects itself at the end. */
async function advance(work: Work, input: ActivityInput, bytes: number, copy: CopyPlan): Promise<void> {
  const step = await work.store.clusters.step(work.ref.name, input.step);
  const before = step?.progress?.unit === 'bytes' ? step.progress.done : copy.totalBytes - copy.remainingBytes;
  const copied = Math.min(copy.totalBytes, before + bytes);
  await recordProgress(work.store, input, {
    status: 'wait',
    retryAfter: 0,
    sentence: `Copying the base image: ${mebibytes(copied)} of ${mebibytes(copy.totalBytes)}`,
    progress: { done: copied, total: copy.totalBytes, unit: 'bytes' },
  });
}

function mebibytes(bytes: number): string {
  return bytes >= 1024 ** 3 ? `${(bytes / 1024 ** 3).toFixed(1)} GiB` : `${Math.round(bytes / 1024 ** 2)} MiB`;
}
