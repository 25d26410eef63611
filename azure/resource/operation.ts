import { type CallResult, call } from '../clients/capture.ts';
import type { Clients } from '../clients/clients.ts';
import type { AzureFailure, Exchange } from '../errors/failure.ts';
import { parseRetryAfter } from '../errors/retry-after.ts';
import type { PollerFamily, PollerPart, Started } from './kind.ts';
import { restore } from './poller.ts';

/** Where a long operation stands after one HTTP call. */
export type OperationStep<Body> =
  | { readonly kind: 'running'; readonly operation: string; readonly retryAfter: number; readonly status?: string }
  | { readonly kind: 'done'; readonly body: Body | undefined }
  /** Azure no longer knows the operation: read the resource instead. */
  | { readonly kind: 'forgotten' }
  /** The question failed, not the operation: the last good poller stays valid. */
  | { readonly kind: 'unreachable'; readonly failure: AzureFailure }
  /** The operation failed or the request was refused. */
  | { readonly kind: 'failed'; readonly failure: AzureFailure };

/** Azure's answer carried no Retry-After (AKS never sends one, network sometimes not). */
const defaultInterval = 2;

function retryAfterOf(last: Exchange | undefined): number {
  return parseRetryAfter(last?.headers['retry-after'], Date.now()) ?? defaultInterval;
}

async function stepOf<Body>(poller: PollerPart<Body>, last: Exchange | undefined): Promise<OperationStep<Body>> {
  if (poller.isDone) return { kind: 'done', body: poller.result };
  const status = statusText(last);
  return {
    kind: 'running',
    operation: await poller.serialize(),
    retryAfter: retryAfterOf(last),
    ...(status === undefined ? {} : { status }),
  };
}

/** What AKS says it is doing (`CreatingAgentPools: 0/3 nodes completed`); other providers only say that they are. */
function statusText(last: Exchange | undefined): string | undefined {
  const text = /"status"\s*:\s*"([^"]{1,200})"/.exec(last?.body ?? '')?.[1];
  return text === undefined || !/[a-z][A-Z].*|:/.test(text) || /^InProgress$/i.test(text) ? undefined : text;
}

/**
 * Sends a write, or asks once about an operation that an earlier call began. Long operations are data
 * (architecture.md, rules of the house): nothing waits here.
 */
export async function startOrPoll<Body>(
  input:
    | { readonly begin: () => Promise<Started<Body>> }
    | { readonly clients: Clients; readonly family: PollerFamily; readonly operation: string },
): Promise<OperationStep<Body>> {
  if ('begin' in input) {
    const begun = await call(async () => {
      const started = await input.begin();
      if ('poller' in started) await started.poller.submitted();
      return started;
    });
    if (!begun.ok) return { kind: 'failed', failure: begun.failure };
    return 'body' in begun.value ? { kind: 'done', body: begun.value.body } : stepOf(begun.value.poller, begun.last);
  }
  const polled = await call(async () => {
    const { poller } = await restore(input.clients, input.family, input.operation);
    await poller.poll();
    return { poller: poller as PollerPart<Body> };
  });
  return polled.ok ? stepOf(polled.value.poller, polled.last) : failedPoll(polled);
}

function failedPoll(polled: CallResult<unknown> & { readonly ok: false }): OperationStep<never> {
  const { failure } = polled;
  if (failure.asynchronous) return { kind: 'failed', failure };
  if (failure.status === 404 || failure.status === 410) return { kind: 'forgotten' };
  // Network and compute report a failed operation with status 200; a few answer with the error itself on the poll URL.
  const conflict = failure.status !== undefined && [400, 403, 409].includes(failure.status);
  return conflict ? { kind: 'failed', failure } : { kind: 'unreachable', failure };
}
