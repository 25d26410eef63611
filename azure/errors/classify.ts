import type { CapstanError } from '#domain/errors/error.ts';
import { capstanError } from './capstan-error.ts';
import { type AzureFailure, deferredCode } from './failure.ts';
import { backoffSeconds } from './retry-after.ts';
import { terminalError } from './terminal.ts';

/** What to do about a failure. */
export type Verdict =
  | {
      readonly kind: 'wait';
      readonly retryAfter: number;
      readonly reason: string;
      /** Nothing was sent: the try does not count. */
      readonly unsent?: true;
    }
  | { readonly kind: 'failed'; readonly error: CapstanError };

/** What was being done when the failure came. */
export interface FailureContext {
  /** Stable key of the thing that is tried (for the jitter), usually the resource id. */
  readonly key: string;
  /** Failures in a row so far; 0 for the first. */
  readonly attempt: number;
  /** Resource id, shown to people. */
  readonly where: string;
  /** What was done, as a sentence part: `create the virtual network demo-vnet`. */
  readonly doing: string;
}

/** Codes that pass by themselves: classified by code, since the same one comes as 400, 409 and 429 (azure-recordings/README.md). */
const waitingCodes: ReadonlySet<string> = new Set([
  'RetryableError',
  'RetryableErrorDueToAnotherOperation',
  'AnotherOperationInProgress',
  'ReferencedResourceNotProvisioned',
  'NicReservedForAnotherVm',
  'PrincipalNotFound',
  'StorageAccountIsNotProvisioned',
  'StorageProvisioningStateNotSucceeded',
  'EtagMismatch',
  'PreconditionFailed',
  'OperationNotAllowedOnResourceBeingProvisioned',
  'ResourceNotReady',
  'ConcurrentModification',
  'ConflictingConcurrentWriteNotAllowed',
  'ContainerBeingDeleted',
  'AccountIsBeingCreated',
  'StorageAccountOperationInProgress',
  'AttachDiskWhileBeingDetached',
  'ServerBusy',
  'OperationTimedOut',
  'InternalError',
  'InternalServerError',
  'ServerTimeout',
  'TooManyRequests',
  'SubscriptionRequestsThrottled',
  'OperationPreempted',
  'OperationPreemptedByConcurrentOperation',
]);

/** After these many failures in a row a passing trouble is not passing: about 20 minutes of capped delays. */
const patience = 15;

/** Identities are usable after replication, up to ten minutes (azure-behaviour.md, Limits: identity lag). */
const principalPatience = 12;

/** A token that ended on its way is made anew by the SDK; one that is refused again and again is wrong. */
const tokenPatience = 5;

/** Whether the same call may succeed a little later. */
export function isPassing(failure: AzureFailure): boolean {
  if (failure.code === 'ExpiredAuthenticationToken') return true;
  if (failure.transport !== undefined) return !/Credential|Authentication/i.test(failure.transport);
  if (waitingCodes.has(failure.code) || failure.innerCodes.some((code) => waitingCodes.has(code))) return true;
  if (failure.asynchronous) return false;
  // Compute's answer to two writes at once; other conflicts carry codes of their own.
  if (failure.code === 'Conflict' && /concurrent request/i.test(failure.message)) return true;
  return failure.status === 429 || failure.status === 408 || (failure.status ?? 0) >= 500;
}

function patienceFor(code: string): number {
  if (code === 'ExpiredAuthenticationToken') return tokenPatience;
  return code === 'PrincipalNotFound' ? principalPatience : patience;
}

function reasonOf(failure: AzureFailure): string {
  if (failure.transport !== undefined) return `no answer from Azure (${failure.transport})`;
  const code = failure.innerCodes.find((candidate) => waitingCodes.has(candidate)) ?? failure.code;
  return code === '' || code === '429'
    ? `Azure answered ${failure.status}`
    : `Azure answered ${failure.status} ${code}`;
}

/**
 * Sorts a failure into "wait and try again" or a registered error with an exact remedy. Pure.
 *
 * Waiting honours Retry-After where Azure sent one, otherwise it is a capped exponential delay with jitter from
 * (key, attempt). Sources of the rules: azure-behaviour.md, How errors surface, Limits; azure-recordings/README.md, Errors.
 */
export function classify(failure: AzureFailure, context: FailureContext): Verdict {
  if (failure.code === deferredCode) {
    return { kind: 'wait', retryAfter: failure.retryAfter ?? 1, reason: failure.message, unsent: true };
  }
  if (!isPassing(failure)) return { kind: 'failed', error: terminalError(failure, context) };
  const limit = patienceFor(failure.code);
  if (context.attempt < limit) {
    const own = backoffSeconds(context.key, context.attempt);
    return { kind: 'wait', retryAfter: failure.retryAfter ?? own, reason: reasonOf(failure) };
  }
  if (failure.code === 'ExpiredAuthenticationToken') return { kind: 'failed', error: terminalError(failure, context) };
  const code = failure.transport === undefined ? 'CAP-3013' : 'CAP-3015';
  return {
    kind: 'failed',
    error: capstanError(code, `Azure did not let Capstan ${context.doing}, after ${context.attempt + 1} tries.`, {
      where: context.where,
      cause: `${reasonOf(failure)}${failure.message === '' ? '' : `: ${failure.message}`}`,
      correlationId: failure.correlationId,
    }),
  };
}
