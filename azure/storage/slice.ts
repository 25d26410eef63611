import { setTimeout as sleep } from 'node:timers/promises';
import type { PageBlobClient } from '@azure/storage-blob';
import { failed, type Outcome } from '#domain/outcome.ts';
import { capstanError } from '../errors/capstan-error.ts';
import type { AzureFailure } from '../errors/failure.ts';
import { sequenceOf } from './blob-state.ts';
import { type Claim, claimTooShort, isLeaseLost, leaseCondition } from './claim.ts';
import type { Destination, Reached, Refused } from './destination.ts';
import { changed, otherCluster, passOn } from './outcomes.ts';
import type { Pacer } from './pacer.ts';
import type { OpenSource } from './source.ts';

/** Operations in flight at the same time (azure-behaviour.md §2, Durable implementation). */
const inFlight = 8;
/** Refusals for reasons of rate or lease that one operation takes before the slice gives way to a timer. */
const triesPerOperation = 12;
const longestPause = 10_000;

/** Everything that the operations of one copy share. */
export interface CopyTools {
  readonly source: OpenSource;
  readonly destination: Destination;
  readonly claim: Claim;
  readonly pacer: Pacer;
}

/** Refusals that pass when the operations come more slowly. */
function isBusy({ failure }: Refused): boolean {
  return failure?.status === 503 || failure?.code === 'ServerBusy' || failure?.code === 'OperationTimedOut';
}

/**
 * Copies operations, several at the same time. The first refusal stops the others from beginning; what was written
 * stays and is found again by its page ranges.
 *
 * @returns undefined when everything was copied
 */
export async function copyOperations(
  tools: CopyTools,
  operations: readonly (readonly [number, number])[],
  onBytes: (bytes: number) => void = () => undefined,
): Promise<Outcome<never> | undefined> {
  let next = 0;
  let stopped: Outcome<never> | undefined;
  const worker = async (): Promise<void> => {
    while (stopped === undefined) {
      const operation = operations[next++];
      if (operation === undefined) return;
      const refused = await copyOperation(tools, operation);
      if (refused === undefined) onBytes(operation[1]);
      else stopped ??= refused;
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, operations.length) }, worker));
  return stopped;
}

async function copyOperation(
  tools: CopyTools,
  [offset, count]: readonly [number, number],
): Promise<Outcome<never> | undefined> {
  const { source, destination, claim, pacer } = tools;
  let held = await claim.hold();
  let lost = 0;
  for (let tries = 1; ; tries++) {
    if (held.status === 'other') return otherCluster();
    if (held.status !== 'held') return passOn(held);
    const { leaseId } = held;
    const mark = await pacer.turn(count);
    const began = performance.now();
    const sourceAuthorization = await source.authorization();
    const copied: Reached<unknown> = await destination.run('copy the image', (client: PageBlobClient) =>
      client.uploadPagesFromURL(source.copyUrl, offset, offset, count, {
        conditions: { ...leaseCondition(leaseId, lost), ifSequenceNumberEqualTo: sequenceOf(source.etag) },
        sourceConditions: { ifMatch: source.etag },
        ...(sourceAuthorization === undefined ? {} : { sourceAuthorization }),
      }),
    );
    if (copied.status === 'done') return undefined;
    if (tries >= triesPerOperation) return isLeaseLost(copied) ? claimTooShort() : copyFailure(source, copied);
    if (isLeaseLost(copied)) {
      lost++;
      held = await claim.again(began);
    } else if (isBusy(copied)) {
      pacer.refused(mark);
      await sleep(Math.min(longestPause, 25 * 2 ** tries));
    } else {
      return copyFailure(source, copied);
    }
  }
}

/** Failures that speak of the source say so; the rest is what the destination made of it. */
function copyFailure(source: OpenSource, refused: Refused): Outcome<never> {
  const { failure } = refused;
  if (failure?.status === 412 && !isLeaseLost(refused)) return failed(changed(source));
  if (failure?.code !== 'CannotVerifyCopySource') return passOn(refused);
  return failed(sourceRefused(source, failure));
}

/** The source refused to be read by the storage service; the code inside tells why (azure-behaviour.md §1). */
export function sourceRefused(source: OpenSource, failure: AzureFailure) {
  return capstanError('CAP-3306', 'The image source refused to be copied.', {
    where: source.shown,
    cause: `${failure.status ?? ''} ${failure.code} ${failure.innerCodes.join(' ')}`.trim(),
    correlationId: failure.correlationId,
  });
}
