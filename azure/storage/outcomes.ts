import type { CapstanError } from '#domain/errors/error.ts';
import { failed, type Outcome, wait } from '#domain/outcome.ts';
import { capstanError } from '../errors/capstan-error.ts';
import type { EnsureFailed, EnsureWait } from '../types.ts';
import type { OpenSource } from './source.ts';

/** How often a cluster looks whether the other one is ready, in Azure seconds. */
const otherClusterSeconds = 15;

/** Hands a refusal on as an Outcome, without the details only this room reads. */
export function passOn(refused: EnsureWait | EnsureFailed): Outcome<never> {
  if (refused.status === 'failed') return failed(refused.error);
  return wait(refused.retryAfter, refused.sentence === undefined ? {} : { sentence: refused.sentence });
}

/** Several clusters that want the same image in the same account share one copy: one does it, the others wait. */
export function otherCluster(): Outcome<never> {
  return wait(otherClusterSeconds, { sentence: 'Another cluster is copying the same image: waiting for its copy' });
}

/** The source has another ETag than at the start. */
export function changed(source: Pick<OpenSource, 'shown'>): CapstanError {
  return capstanError('CAP-3305', 'The image source changed during the copy.', { where: source.shown });
}
