/** How the source is read: by anybody, with the SAS of its own URL, or with a bearer token of Capstan. */
export type SourceAccess = 'anonymous' | 'urlSas' | 'entra';

/** A part of the copy that one activity carries out. */
export interface CopySlice {
  readonly index: number;
  /** `[offset, count]` in bytes; each is a multiple of 512 and at most 4 MiB, one operation each. */
  readonly operations: readonly (readonly [number, number])[];
  readonly bytes: number;
}

/** Which credential reached the destination, and why it is not the first choice (for an event people can read). */
export interface CredentialReport {
  readonly credential: 'sas' | 'entra';
  /** Azure's code that made Capstan change from SAS to Entra ID. */
  readonly reason?: string;
}

export interface CopyPlan extends CredentialReport {
  /** Already there and marked complete: nothing is left to do, not even `finish`. */
  readonly complete: boolean;
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
