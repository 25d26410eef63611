/** How the source is read: by anybody, with the SAS of its own URL, or with a bearer token of Capstan. */
export type SourceAccess = 'anonymous' | 'urlSas' | 'entra';

/**
 * How the bytes travel: `ranges` moves the page ranges with Put Page From URL, `service` leaves it to the storage
 * service (asynchronous Copy Blob), for sources that cannot list their ranges or on request.
 */
export type CopyMethod = 'ranges' | 'service';

/** `spec.image.copy`: `automatic` takes ranges, and the service where the source cannot list them. */
export type CopyWish = CopyMethod | 'automatic';

/** A part of the copy that one activity carries out: a window of the blob, not a list of operations. */
export interface CopySlice {
  readonly index: number;
  /** Window `[start, end)` in bytes; both lie on the boundary of an operation. */
  readonly start: number;
  readonly end: number;
  /** Bytes of data that were missing in the window when the copy was planned. */
  readonly bytes: number;
  readonly operations: number;
  /** Told the bytes of each finished operation, for progress within a slice. Not part of the stored plan. */
  readonly onBytes?: (bytes: number) => void;
}

/** Which credential reached the destination, and why it is not the first choice (for an event people can read). */
export interface CredentialReport {
  readonly credential: 'sas' | 'entra';
  /** Azure's code that made Capstan change from SAS to Entra ID. */
  readonly reason?: string;
}

/** What preflight can tell of the storage account. */
export interface DestinationAccess extends CredentialReport {
  /** `missing`: the account wants Entra ID, and the identity of Capstan may not read blobs there (yet). */
  readonly dataRole: 'sufficient' | 'missing';
}

export interface CopyPlan extends CredentialReport {
  /** Already there and marked complete: nothing is left to do, not even `finish`. */
  readonly complete: boolean;
  readonly method: CopyMethod;
  /** Empty when the storage service moves the bytes: `finish` then waits for it. */
  readonly slices: readonly CopySlice[];
  /** Bytes of data in the source. */
  readonly totalBytes: number;
  /** Bytes that the slices move. */
  readonly remainingBytes: number;
  readonly sourceEtag: string;
  readonly sourceAccess: SourceAccess;
  /** Address of the copy, without any signature. */
  readonly blobUrl: string;
}

export interface SliceResult extends CredentialReport {
  readonly bytes: number;
  readonly operations: number;
}

export interface CopiedImage extends CredentialReport {
  readonly blobUrl: string;
  readonly bytes: number;
}
