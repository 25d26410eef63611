import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AzureReply } from '../service.ts';
import { readContent, replaceBlob } from './blob-operations.ts';
import { checkSource } from './conditions.ts';
import { httpDate, type OperationContext, requireBlob, type StorageState } from './context.ts';
import { StorageError } from './errors.ts';
import { totalLength } from './intervals.ts';
import { maximumPageWrite, sourceRefusal, sourceRequest } from './page-operations.ts';
import { cut } from './pages.ts';
import { type BlobRecord, type CopyState } from './records.ts';

/** Bytes per Azure second that an asynchronous copy between accounts moves: the target rate of one page blob. */
const bytesPerSecond = 60 * 1024 * 1024;
const queueSeconds = 3;

function durationSeconds(state: StorageState, source: BlobRecord, sameAccount: boolean): number {
  // Within one account a copy is near instant; between accounts only the used pages travel (azure-behaviour.md §2).
  if (sameAccount) return 0;
  const all = { start: 0, end: source.size };
  const used = source.type === 'PageBlob' ? totalLength(state.pages.ranges(source.id, all)) : source.size;
  return queueSeconds + used / bytesPerSecond;
}

/** Moves the contents, piece by piece, so that other requests are served in between. */
async function moveContents(state: StorageState, source: BlobRecord, target: BlobRecord): Promise<void> {
  const all = { start: 0, end: source.size };
  const used = source.type === 'PageBlob' ? state.pages.ranges(source.id, all) : [all];
  for (const piece of cut(used, maximumPageWrite)) {
    if (!state.database.isOpen || state.blobs.byId(target.id)?.copy?.status !== 'pending') return;
    if (source.type === 'PageBlob') state.pages.copyFrom(source.id, target.id, [piece]);
    else state.files.write(target.id, piece.start, readContent(state, source, piece));
    await nextTurn();
  }
}

function end(state: StorageState, id: number, copy: Partial<CopyState>): void {
  const record = state.database.isOpen ? state.blobs.byId(id) : undefined;
  if (record?.copy?.status !== 'pending') return;
  const now = state.clock.now();
  const ended = { ...record.copy, ...copy, completedAt: now };
  state.blobs.update(record, { copy: ended, etag: state.newEtag(now), modified: now });
}

async function complete(state: StorageState, id: number): Promise<void> {
  if (!state.database.isOpen) return;
  const record = state.blobs.byId(id);
  if (record?.copy?.status !== 'pending') return;
  const { fault } = record.copy;
  if (fault?.kind === 'never-ends') return;
  if (fault?.kind === 'operation-fails') {
    end(state, id, { status: 'failed', description: `500 ${fault.code} "${fault.message}"` });
    return;
  }
  const source = state.blobs.byId(record.copy.sourceId);
  if (source === undefined || source.etag !== record.copy.sourceEtag) {
    const code = source === undefined ? '404 BlobNotFound' : '412 ConditionNotMet';
    end(state, id, { status: 'failed', description: `${code} "Copy failed when reading the source."` });
    return;
  }
  await moveContents(state, source, record);
  end(state, id, { status: 'success' });
}

function schedule(state: StorageState, id: number, dueAt: number): void {
  const seconds = (Math.max(0, dueAt - state.clock.now()) / 1000) * state.clock.timeScale;
  state.clock.after(seconds, () => {
    complete(state, id).catch(() =>
      end(state, id, { status: 'failed', description: '500 InternalError "Copy failed."' }),
    );
  });
}

/** Takes up the copies that were under way when the simulator stopped. */
export function resumeCopies(state: StorageState): void {
  for (const record of state.blobs.pendingCopies()) schedule(state, record.id, record.copy?.dueAt ?? 0);
}

/** Copy Blob: asynchronous, pending with progress by the clock. The source is read with the credentials in its URL. */
export async function copyBlob(context: OperationContext): Promise<AzureReply> {
  const { state, target, request } = context;
  const asked = sourceRequest(context, 'HEAD', {});
  const sourceAccount = asked.host.split('.')[0] ?? '';
  const [, container = '', ...rest] = asked.path.split('/');
  const address = {
    account: sourceAccount,
    container: decodeURIComponent(container),
    name: decodeURIComponent(rest.join('/')),
  };
  const sameAccount = sourceAccount === target.account;
  const reply = await context.askFront(asked);
  // The destination's own credential opens sources of the same account (REST reference, "Copy Blob").
  const ownCredential =
    sameAccount && ['key', 'bearer'].includes(context.caller.kind) && [401, 403, 404, 409].includes(reply.status);
  if (reply.status >= 300 && !ownCredential) throw sourceRefusal(reply);
  const source = state.blobs.find(address, asked.query.get('snapshot') ?? '');
  if (source === undefined) throw new StorageError('BlobNotFound');
  checkSource(request.headers, source);
  const now = state.clock.now();
  const { fault } = request;
  const seconds =
    fault?.kind === 'operation-fails' && fault.after !== undefined
      ? fault.after
      : durationSeconds(state, source, sameAccount);
  const copy: CopyState = {
    id: state.newId(),
    source: `https://${asked.host}${asked.path}`,
    status: 'pending',
    total: source.size,
    startedAt: now,
    dueAt: now + (seconds * 1000) / state.clock.timeScale,
    ...(fault === undefined || fault.kind === 'stale' ? {} : { fault }),
    sourceId: source.id,
    sourceEtag: source.etag,
  };
  const { type, size, headers, sequence } = source;
  const made = replaceBlob(context, { type, size, headers, sequence, copy });
  if (Object.keys(made.metadata).length === 0) state.blobs.update(made, { metadata: source.metadata });
  if (copy.dueAt <= now) await complete(state, made.id);
  else schedule(state, made.id, copy.dueAt);
  const after = state.blobs.byId(made.id) ?? made;
  return {
    status: 202,
    headers: {
      etag: after.etag,
      'last-modified': httpDate(after.modified),
      'x-ms-copy-id': copy.id,
      'x-ms-copy-status': after.copy?.status ?? 'pending',
    },
  };
}

/** Abort Copy Blob: leaves a destination of length zero. */
export function abortCopy(context: OperationContext): AzureReply {
  const { state, request } = context;
  const record = requireBlob(context);
  const id = request.query.get('copyid');
  if (request.headers['x-ms-copy-action'] !== 'abort') {
    throw new StorageError('InvalidHeaderValue', { message: 'x-ms-copy-action must be abort.' });
  }
  if (record.copy?.status !== 'pending' || record.copy.id !== id) throw new StorageError('NoPendingCopyOperation');
  end(state, record.id, { status: 'aborted' });
  state.pages.clear(record.id, { start: 0, end: Math.max(record.size, 1) }, '');
  state.files.resize(record.id, 0);
  const after = state.blobs.byId(record.id);
  if (after !== undefined) state.blobs.update(after, { size: 0 });
  return { status: 204, headers: {} };
}
