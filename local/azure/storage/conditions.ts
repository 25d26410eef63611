import { StorageError } from './errors.ts';
import type { BlobRecord } from './records.ts';

type Headers = Readonly<Record<string, string>>;

interface Conditions {
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
  readonly modifiedSince: string | undefined;
  readonly unmodifiedSince: string | undefined;
}

function read(headers: Headers, prefix: string): Conditions {
  return {
    ifMatch: headers[`${prefix}if-match`],
    ifNoneMatch: headers[`${prefix}if-none-match`],
    modifiedSince: headers[`${prefix}if-modified-since`],
    unmodifiedSince: headers[`${prefix}if-unmodified-since`],
  };
}

function names(list: string, etag: string): boolean {
  return list.split(',').some((entry) => entry.trim() === '*' || entry.trim().replace(/^W\//, '') === etag);
}

/** 'holds', or which kind of condition failed. Times have whole seconds. */
function evaluate(
  conditions: Conditions,
  record: { readonly etag: string; readonly modified: number },
): 'holds' | 'match' | 'none-match' {
  const seconds = Math.floor(record.modified / 1000) * 1000;
  const { ifMatch, ifNoneMatch, modifiedSince, unmodifiedSince } = conditions;
  if (ifMatch !== undefined && !names(ifMatch, record.etag)) return 'match';
  if (unmodifiedSince !== undefined && seconds > Date.parse(unmodifiedSince)) return 'match';
  if (ifNoneMatch !== undefined && names(ifNoneMatch, record.etag)) return 'none-match';
  if (modifiedSince !== undefined && seconds <= Date.parse(modifiedSince)) return 'none-match';
  return 'holds';
}

/** Checks the conditional headers of a read; throws 412, or 304 where the caller's copy is fresh. */
export function checkRead(headers: Headers, record: BlobRecord): void {
  const outcome = evaluate(read(headers, ''), record);
  if (outcome === 'match') throw new StorageError('ConditionNotMet');
  if (outcome === 'none-match') throw new StorageError('ConditionNotMet', { status: 304 });
}

/** Checks the conditional headers of a write to something that exists. */
export function checkWrite(headers: Headers, record: { readonly etag: string; readonly modified: number }): void {
  if (evaluate(read(headers, ''), record) !== 'holds') throw new StorageError('ConditionNotMet');
}

/** Checks the conditional headers of a creation. `If-None-Match: *` on an existing blob is a 409 of its own. */
export function checkCreate(headers: Headers, existing: BlobRecord | undefined): void {
  if (existing === undefined) {
    if (headers['if-match'] !== undefined) throw new StorageError('ConditionNotMet');
    return;
  }
  if (headers['if-none-match']?.trim() === '*') throw new StorageError('BlobAlreadyExists');
  checkWrite(headers, existing);
}

/** Checks `x-ms-source-if-*`. */
export function checkSource(headers: Headers, record: { readonly etag: string; readonly modified: number }): void {
  if (evaluate(read(headers, 'x-ms-source-'), record) !== 'holds') throw new StorageError('SourceConditionNotMet');
}

/** Checks `x-ms-if-sequence-number-le|lt|eq` of page writes. */
export function checkSequence(headers: Headers, sequence: number): void {
  const limit = (name: string): number | undefined => {
    const text = headers[`x-ms-if-sequence-number-${name}`];
    return text === undefined ? undefined : Number(text);
  };
  const le = limit('le');
  const lt = limit('lt');
  const eq = limit('eq');
  const holds =
    (le === undefined || sequence <= le) &&
    (lt === undefined || sequence < lt) &&
    (eq === undefined || sequence === eq);
  if (!holds) throw new StorageError('SequenceNumberConditionNotMet');
}

/** Refuses writes to a leased blob without its lease id. */
export function checkLease(headers: Headers, record: BlobRecord, now: number): void {
  const lease = record.lease;
  const given = headers['x-ms-lease-id'];
  const active = lease !== undefined && (lease.expiresAt === undefined || lease.expiresAt > now);
  if (!active) {
    // Lease ids are compared only with leases that live (REST reference, "Lease Blob", outcomes of use attempts).
    if (given !== undefined)
      throw new StorageError(lease === undefined ? 'LeaseNotPresentWithBlobOperation' : 'LeaseLost');
    return;
  }
  if (given === undefined) throw new StorageError('LeaseIdMissing');
  if (given.toLowerCase() !== lease.id.toLowerCase()) throw new StorageError('LeaseIdMismatchWithBlobOperation');
}
