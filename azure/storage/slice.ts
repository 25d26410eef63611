import { failed, type Outcome } from '#domain/outcome.ts';
import { capstanError } from '../errors/capstan-error.ts';
import type { AzureFailure } from '../errors/failure.ts';
import { changed, passOn } from './outcomes.ts';
import type { Destination, Refused } from './destination.ts';
import type { OpenSource } from './source.ts';

/** Operations in flight at the same time (azure-behaviour.md §2, Durable implementation). */
const inFlight = 8;

/**
 * Copies operations, several at the same time. The first refusal stops the others from beginning; what was written
 * stays and is found again by its page ranges.
 *
 * @returns undefined when everything was copied
 */
export async function copyOperations(
  source: OpenSource,
  destination: Destination,
  operations: readonly (readonly [number, number])[],
): Promise<Outcome<never> | undefined> {
  let next = 0;
  let stopped: Refused | undefined;
  const worker = async (): Promise<void> => {
    while (stopped === undefined) {
      const operation = operations[next++];
      if (operation === undefined) return;
      const [offset, count] = operation;
      const sourceAuthorization = await source.authorization();
      const copied = await destination.run('copy the image', (client) =>
        client.uploadPagesFromURL(source.copyUrl, offset, offset, count, {
          sourceConditions: { ifMatch: source.etag },
          ...(sourceAuthorization === undefined ? {} : { sourceAuthorization }),
        }),
      );
      if (copied.status !== 'done') stopped ??= copied;
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, operations.length) }, worker));
  if (stopped === undefined) return undefined;
  const { failure } = stopped;
  return (failure === undefined ? undefined : copyFailure(source, failure)) ?? passOn(stopped);
}

/** Failures that speak of the source, not of the destination. */
function copyFailure(source: OpenSource, failure: AzureFailure): Outcome<never> | undefined {
  if (failure.status === 412) return failed(changed(source));
  if (failure.code !== 'CannotVerifyCopySource') return undefined;
  return failed(
    capstanError('CAP-3306', 'The image source refused to be copied.', {
      where: source.shown,
      cause: `${failure.status ?? ''} ${failure.code} ${failure.innerCodes.join(' ')}`.trim(),
      correlationId: failure.correlationId,
    }),
  );
}
