import type { AzureReply } from '../service.ts';
import { checkWrite } from './conditions.ts';
import { httpDate, type OperationContext, requireBlob } from './context.ts';
import { StorageError } from './errors.ts';
import type { BlobRecord, LeaseState } from './records.ts';

function expiry(now: number, seconds: number, timeScale: number): number | undefined {
  return seconds === -1 ? undefined : now + (seconds * 1000) / timeScale;
}

function isActive(lease: LeaseState | undefined, now: number): lease is LeaseState {
  return lease !== undefined && (lease.expiresAt === undefined || lease.expiresAt > now);
}

function acquire(context: OperationContext, record: BlobRecord, now: number): LeaseState {
  const { request, state } = context;
  const seconds = Number(request.headers['x-ms-lease-duration']);
  if (!(seconds === -1 || (seconds >= 15 && seconds <= 60))) {
    throw new StorageError('InvalidHeaderValue', { message: 'x-ms-lease-duration is -1 or 15 to 60 seconds.' });
  }
  const id = request.headers['x-ms-proposed-lease-id'] ?? state.newId();
  if (isActive(record.lease, now) && record.lease.id !== id) throw new StorageError('LeaseAlreadyPresent');
  return { id, durationSeconds: seconds, expiresAt: expiry(now, seconds, state.clock.timeScale) };
}

/** Lease Blob: acquire, renew, change, release and break (at once). Lease seconds pass with simulated time. */
export function leaseBlob(context: OperationContext): AzureReply {
  const { request, state } = context;
  const record = requireBlob(context);
  checkWrite(request.headers, record);
  const now = state.clock.now();
  const common = { etag: record.etag, 'last-modified': httpDate(record.modified) };
  const action = request.headers['x-ms-lease-action'];
  if (action === 'acquire') {
    const lease = acquire(context, record, now);
    state.blobs.update(record, { lease });
    return { status: 201, headers: { ...common, 'x-ms-lease-id': lease.id } };
  }
  const { lease } = record;
  if (lease === undefined) throw new StorageError('LeaseNotPresentWithLeaseOperation');
  if (action === 'break') {
    state.blobs.update(record, { lease: undefined });
    return { status: 202, headers: { ...common, 'x-ms-lease-time': '0' } };
  }
  if (request.headers['x-ms-lease-id'] !== lease.id) throw new StorageError('LeaseIdMismatchWithLeaseOperation');
  if (action === 'release') {
    state.blobs.update(record, { lease: undefined });
    return { status: 200, headers: common };
  }
  if (action !== 'renew' && action !== 'change') {
    throw new StorageError('InvalidHeaderValue', {
      message: 'x-ms-lease-action is acquire, renew, change, release or break.',
    });
  }
  const id = action === 'change' ? (request.headers['x-ms-proposed-lease-id'] ?? lease.id) : lease.id;
  const expiresAt = expiry(now, lease.durationSeconds, state.clock.timeScale);
  state.blobs.update(record, { lease: { ...lease, id, expiresAt } });
  return { status: 200, headers: { ...common, 'x-ms-lease-id': id } };
}
