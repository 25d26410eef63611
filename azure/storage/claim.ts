import { type Outcome, wait } from '#domain/outcome.ts';
import type { Destination, Reached, Refused } from './destination.ts';

/** Longest lease that ends by itself (REST reference, "Lease Blob"). */
const leaseSeconds = 60;
/** A lease is renewed when a third of it has passed. */
const renewAfter = (leaseSeconds * 1000) / 3;

/** `other`: another cluster copies the same image at this moment. */
export type Claimed = { readonly status: 'held'; readonly leaseId: string } | { readonly status: 'other' } | Refused;

/**
 * The right to write one destination blob: a lease whose id is the cluster's uid, so that every activity of a cluster
 * shares it, no other cluster can write beside it, and a cluster that died loses it after a minute.
 */
export interface Claim {
  /** Takes or renews the lease when it is not known to be fresh. */
  hold(): Promise<Claimed>;
  /**
   * Azure says that the lease is gone: take it again, unless somebody else has it, or another operation took it since.
   *
   * @param since when the refused operation began, in milliseconds of `performance.now()`
   */
  again(since: number): Promise<Claimed>;
  /** Lets the others go on at once. A failure does not matter: the lease ends by itself. */
  release(): Promise<void>;
}

/** Codes of writes under a lease that ended or that somebody else has (REST reference, "Lease Blob"). */
const lostCodes: ReadonlySet<string> = new Set([
  'LeaseLost',
  'LeaseNotPresentWithBlobOperation',
  'LeaseIdMismatchWithBlobOperation',
  'LeaseIdMissing',
]);

/** Whether a write was refused because of its lease. */
export function isLeaseLost(refused: Refused): boolean {
  return lostCodes.has(refused.failure?.code ?? '');
}

/**
 * Conditions of a write under the claim. A lease that ends again and again before the write arrives (a host that is far too
 * slow) is left out every other time: Azure then takes the write unless somebody has a lease, and what it writes is the
 * same for everybody.
 *
 * @param lost how often the lease was lost for this write
 */
export function leaseCondition(leaseId: string, lost: number): { leaseId?: string } {
  return lost > 0 && lost % 2 === 0 ? {} : { leaseId };
}

/** The claim could not be kept for long enough: try again later. */
export function claimTooShort(): Outcome<never> {
  return wait(5, { sentence: 'The claim on the copy of the image ended before it was used' });
}

/** The claim of a cluster on a blob. Operations in flight at the same time share one request for the lease. */
export function createClaim(destination: Destination, uid: string): Claim {
  let heldAt = Number.NEGATIVE_INFINITY;
  let life = renewAfter;
  let asking: Promise<Claimed> | undefined;
  const ask = async (): Promise<Claimed> => {
    const acquired: Reached<unknown> = await destination.run('claim the copy of the image', (client) =>
      client.getBlobLeaseClient(uid).acquireLease(leaseSeconds),
    );
    if (acquired.status === 'done') {
      heldAt = performance.now();
      return { status: 'held', leaseId: uid };
    }
    return acquired.failure?.code === 'LeaseAlreadyPresent' ? { status: 'other' } : acquired;
  };
  const once = (): Promise<Claimed> => {
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    return asking;
  };
  return {
    hold: () => (performance.now() - heldAt < life ? Promise.resolve({ status: 'held', leaseId: uid }) : once()),
    again(since) {
      if (heldAt >= since) return Promise.resolve({ status: 'held', leaseId: uid });
      // Leases of the simulated Azure run in its own, faster time: learn how long they last.
      const lasted = performance.now() - heldAt;
      if (asking === undefined && lasted < life) life = lasted / 2;
      heldAt = Number.NEGATIVE_INFINITY;
      return once();
    },
    async release() {
      heldAt = Number.NEGATIVE_INFINITY;
      await destination.run('release the copy of the image', (client) => client.getBlobLeaseClient(uid).releaseLease());
    },
  };
}
