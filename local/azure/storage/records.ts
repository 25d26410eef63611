import type { ServiceFault } from '../service.ts';

/** State of an asynchronous copy, kept with the destination. Times in milliseconds since the epoch. */
export interface CopyState {
  readonly id: string;
  /** URL of the source without its query: a SAS in it is not kept. */
  readonly source: string;
  readonly status: 'pending' | 'success' | 'aborted' | 'failed';
  readonly description?: string;
  readonly total: number;
  readonly startedAt: number;
  readonly dueAt: number;
  readonly completedAt?: number;
  readonly sourceId: number;
  /** What a fault rule does to the copy in the end. */
  readonly fault?: Exclude<ServiceFault, { readonly kind: 'stale' }>;
  readonly sourceEtag: string;
}

export interface LeaseState {
  readonly id: string;
  /** Milliseconds since the epoch, or undefined for an infinite lease. */
  readonly expiresAt: number | undefined;
  readonly durationSeconds: number;
}

/** One blob or snapshot. */
export interface BlobRecord {
  readonly id: number;
  readonly account: string;
  readonly container: string;
  readonly name: string;
  /** Snapshot time, '' for the blob itself. */
  readonly snapshot: string;
  readonly type: 'PageBlob' | 'BlockBlob';
  readonly size: number;
  readonly etag: string;
  readonly created: number;
  readonly modified: number;
  readonly sequence: number;
  /** Stored `content-*` and `cache-control` headers. */
  readonly headers: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly copy: CopyState | undefined;
  readonly lease: LeaseState | undefined;
}

export type PublicAccess = 'None' | 'Blob' | 'Container';

export interface ContainerRecord {
  readonly account: string;
  readonly name: string;
  readonly publicAccess: PublicAccess;
  readonly etag: string;
  readonly modified: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** Set while the container is being deleted: its name is taken, its contents are gone. */
  readonly deletedAt: number | undefined;
}

export interface BlobAddress {
  readonly account: string;
  readonly container: string;
  readonly name: string;
}

/** Makes entity tags in the service's form from the time; none is repeated, also not after a restart. */
export function createEtags(): (now: number) => string {
  let last = 0n;
  return (now) => {
    const ticks = BigInt(Math.floor(now)) * 4096n;
    last = ticks > last ? ticks : last + 1n;
    return `"0x8${last.toString(16).toUpperCase().padStart(14, '0')}"`;
  };
}
