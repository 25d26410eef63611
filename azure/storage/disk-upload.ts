import type { AccessUri } from '@azure/arm-compute';
import type { PageBlobClient } from '@azure/storage-blob';
import { done, failed, type Outcome } from '#domain/outcome.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { Secret } from '#domain/secret.ts';
import { diskSecret } from '#domain/storage/sealed-source.ts';
import { bytesText } from '#domain/storage/progress.ts';
import { call } from '../clients/capture.ts';
import type { Connection } from '../clients/clients.ts';
import { load } from '../clients/lazy.ts';
import { capstanError } from '../errors/capstan-error.ts';
import { classify } from '../errors/classify.ts';
import type { AzureFailure } from '../errors/failure.ts';
import { parseArmId } from '../resource/arm-id.ts';
import { startOrPoll } from '../resource/operation.ts';
import type { EnsureWait, SecretVault } from '../types.ts';
import { blobHttpClient } from './blob-http.ts';
import { copiedRanges } from './blob-state.ts';
import type { Destination } from './destination.ts';
import { passOn } from './outcomes.ts';
import { operationsOf, totalOf } from './ranges.ts';
import { storageScope } from './source.ts';

/** States of a disk that still waits for its contents (REST reference, "Disks - Get", diskState). */
const open = new Set(['ReadyToUpload', 'ActiveUpload']);
/** Bytes of one call: a few seconds of page writes. */
const bytesPerCall = 256 * 1024 ** 2;
const inFlight = 8;
/** Refusals of the SAS in a row after which it is not another cluster that closed the disk. */
const mostRefusals = 4;
const accessSeconds = 24 * 3600;

/** What the steps of one upload share. */
interface Upload {
  readonly connection: Connection;
  readonly secrets: SecretVault;
  readonly plan: ClusterPlan;
  /** The finished copy in the storage account, which is the source here. */
  readonly copy: Destination;
  readonly id: string;
}

/** What travels between two calls: the operation that grants or ends the access, and how many page writes are done. */
interface UploadState {
  readonly granting?: string;
  readonly revoking?: string;
  readonly written: number;
  /** How often in a row the SAS was refused. */
  readonly refused?: number;
  /** The known SAS is not to be used again. */
  readonly closed?: true;
}

export type UploadOutcome = Outcome<{ readonly uploaded: boolean }> | EnsureWait;

function stateOf(poller: string | undefined): UploadState {
  return poller === undefined ? { written: 0 } : (JSON.parse(poller) as UploadState);
}

function wait(state: UploadState, retryAfter: number, sentence: string): EnsureWait {
  return { status: 'wait', retryAfter: Math.max(1, retryAfter), poller: JSON.stringify(state), sentence };
}

/**
 * One step of writing the copied VHD into the disk that the image is made from: the way around an import from an account
 * that Azure does not read (azure-behaviour.md §2, disk `createOption: Upload`). The SAS of the disk is kept in Key Vault
 * while the upload lasts. Every write is the same for everybody, so each step may be repeated.
 *
 * @param poller what the previous `wait` gave back
 */
export async function uploadImageDisk(upload: Upload, poller: string | undefined): Promise<UploadOutcome> {
  const { connection, id } = upload;
  const { subscriptionId, resourceGroup, names } = parseArmId(id);
  const { disks } = await connection.clients(subscriptionId).compute();
  const read = await call(() => disks.get(resourceGroup, names[0] ?? ''));
  if (!read.ok) return judge(upload, read.failure, stateOf(poller));
  const state = stateOf(poller);
  if (!open.has(read.value.diskState ?? '')) {
    await upload.secrets.remove(secretName(upload));
    return done({ uploaded: state.written > 0 });
  }
  const usable = state.granting === undefined && state.closed !== true;
  const known = usable ? await upload.secrets.get(secretName(upload)) : undefined;
  if (known === undefined || read.value.diskState === 'ReadyToUpload') return grant(upload, state);
  return write(upload, known, state);
}

function secretName({ plan }: Upload): string {
  return diskSecret(plan.secretPrefix);
}

async function grant(upload: Upload, state: UploadState): Promise<UploadOutcome> {
  const { connection, secrets, plan, id } = upload;
  const { subscriptionId, resourceGroup, names } = parseArmId(id);
  const clients = connection.clients(subscriptionId);
  const kept = { written: 0, ...(state.refused === undefined ? {} : { refused: state.refused }) };
  const { disks } = await clients.compute();
  const access = { access: 'Write', durationInSeconds: accessSeconds } as const;
  const step = await startOrPoll<AccessUri>(
    state.granting === undefined
      ? { begin: async () => ({ poller: disks.grantAccess(resourceGroup, names[0] ?? '', access) }) }
      : { clients, family: 'compute', operation: state.granting },
  );
  if (step.kind === 'running') {
    return wait({ ...kept, granting: step.operation }, step.retryAfter, 'Opening the disk of the image');
  }
  if (step.kind === 'failed' || step.kind === 'unreachable') return judge(upload, step.failure, kept);
  const sas = step.kind === 'done' ? step.body?.accessSAS : undefined;
  if (sas === undefined) return wait(kept, 2, 'Opening the disk of the image');
  await secrets.set(secretName(upload), new Secret(sas), { 'capstan-cluster': plan.name, 'capstan-uid': plan.uid });
  return wait(kept, 1, 'Opening the disk of the image');
}

/** Writes the next operations, or ends the access when all are done. */
async function write(upload: Upload, sas: Secret, state: UploadState): Promise<UploadOutcome> {
  const { copy, plan } = upload;
  const size = plan.image.disk?.sizeBytes ?? 0;
  const ranges = await copiedRanges(copy, { start: 0, end: size });
  if (ranges.status !== 'done') return passOn(ranges);
  const operations = operationsOf(ranges.value);
  if (state.written >= operations.length) return revoke(upload, state);
  const source = await sourceOf(upload);
  if ('status' in source) return source;
  const target = await diskClient(upload.connection, sas);
  let bytes = 0;
  let next = state.written;
  while (next < operations.length && bytes < bytesPerCall) {
    const batch = operations.slice(next, next + inFlight);
    const results = await Promise.all(
      batch.map(([offset, count]) =>
        call(() =>
          target.uploadPagesFromURL(
            source.url,
            offset,
            offset,
            count,
            source.authorization === undefined ? {} : { sourceAuthorization: source.authorization },
          ),
        ),
      ),
    );
    const refused = results.find((result) => !result.ok);
    if (refused !== undefined && !refused.ok) return refusedWrite(upload, refused.failure, { ...state, written: next });
    next += batch.length;
    bytes += batch.reduce((sum, [, count]) => sum + count, 0);
  }
  const total = totalOf(ranges.value);
  const written = operations.slice(0, next).reduce((sum, [, count]) => sum + count, 0);
  return wait({ written: next }, 1, `Writing the disk of the image: ${bytesText(written)} of ${bytesText(total)}`);
}

/** Clusters that share the disk write it side by side: the first one that has written all of it closes it for all. */
async function refusedWrite(upload: Upload, failure: AzureFailure, state: UploadState): Promise<UploadOutcome> {
  const { refused = 0, written } = state;
  if (failure.code !== 'AuthenticationFailed' || refused >= mostRefusals) return judge(upload, failure, { written });
  return wait({ written, refused: refused + 1, closed: true }, 5, 'The disk of the image is closed: looking again');
}

async function revoke(upload: Upload, state: UploadState): Promise<UploadOutcome> {
  const { connection, id } = upload;
  const { subscriptionId, resourceGroup, names } = parseArmId(id);
  const clients = connection.clients(subscriptionId);
  const { disks } = await clients.compute();
  const step = await startOrPoll<unknown>(
    state.revoking === undefined
      ? { begin: async () => ({ poller: disks.revokeAccess(resourceGroup, names[0] ?? '') }) }
      : { clients, family: 'compute', operation: state.revoking },
  );
  const written = { written: state.written };
  if (step.kind === 'failed' || step.kind === 'unreachable') return judge(upload, step.failure, written);
  const next = step.kind === 'running' ? { ...written, revoking: step.operation } : written;
  return wait(next, step.kind === 'running' ? step.retryAfter : 1, 'Closing the disk of the image');
}

/** How the storage service reads the copy: with the SAS of the account, or with a bearer token of Capstan. */
async function sourceOf({
  connection,
  copy,
}: Upload): Promise<
  | { readonly url: string; readonly authorization?: { readonly scheme: string; readonly value: string } }
  | Outcome<never>
> {
  const url = await copy.run('read the copy of the image', async (client) => {
    await client.getProperties();
    return client.url;
  });
  if (url.status !== 'done') return passOn(url);
  if (copy.report().credential === 'sas') return { url: url.value };
  const token = await (await connection.credential()).getToken(storageScope);
  return { url: url.value, authorization: { scheme: 'Bearer', value: token?.token ?? '' } };
}

async function diskClient(connection: Connection, sas: Secret): Promise<PageBlobClient> {
  const { AnonymousCredential, PageBlobClient } = await load(() => import('@azure/storage-blob'));
  const httpClient = await blobHttpClient(await connection.httpClient());
  return new PageBlobClient(sas.reveal(), new AnonymousCredential(), { httpClient, retryOptions: { maxTries: 1 } });
}

function judge({ id }: Upload, failure: AzureFailure, state: UploadState): UploadOutcome {
  const doing = 'write the disk of the image';
  if (failure.code === 'CannotVerifyCopySource') {
    const cause = `${failure.status ?? ''} ${failure.code} ${failure.innerCodes.join(' ')}`.trim();
    const error = capstanError('CAP-3306', 'The copied image refused to be read.', { where: id, cause });
    return failed(error);
  }
  const verdict = classify(failure, { key: id, attempt: 0, where: id, doing });
  return verdict.kind === 'failed' ? failed(verdict.error) : wait(state, verdict.retryAfter, verdict.reason);
}
