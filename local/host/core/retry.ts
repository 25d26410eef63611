/** Retry policies of functions (host-recordings/README.md, Queue and Timer). */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RegisteredFunction } from './function-app.ts';
import type { InvocationInput, Invoker } from './invocation.ts';
import type { RetryOptions } from './protocol.ts';

/** Wait before the given retry (1 is the first), in milliseconds. */
export function retryDelay(options: RetryOptions, retry: number): number {
  const seconds = (value: { readonly seconds?: number } | undefined): number => (value?.seconds ?? 0) * 1000;
  const exponential = options.retryStrategy === 'exponentialBackoff' || options.retryStrategy === 0;
  if (!exponential) return seconds(options.delayInterval);
  return Math.min(seconds(options.minimumInterval) * 2 ** (retry - 1), seconds(options.maximumInterval));
}

/**
 * Runs a function with its retry policy; true when a try succeeded. All tries share one invocation id; a policy with a
 * negative count retries without end. The failure of the last try has been logged.
 */
export async function invokeWithRetry(
  invoker: Invoker,
  fn: RegisteredFunction,
  input: InvocationInput,
  stopped: () => boolean,
): Promise<boolean> {
  const policy = fn.metadata.retryOptions;
  const invocationId = randomUUID();
  const maxRetryCount = policy?.maxRetryCount ?? 0;
  let failure: { message: string; stackTrace: string; source: string } | undefined;
  for (let retryCount = 0; ; retryCount++) {
    const retryContext = policy ? { retryCount, maxRetryCount, ...(failure ? { exception: failure } : {}) } : null;
    try {
      await invoker.invoke(fn, { ...input, invocationId, retryContext });
      return true;
    } catch (error) {
      if (!policy || (maxRetryCount >= 0 && retryCount >= maxRetryCount) || stopped()) return false;
      const shown = error instanceof Error ? error : new Error(String(error));
      failure = { message: shown.message, stackTrace: shown.stack ?? '', source: '' };
      await sleep(retryDelay(policy, retryCount + 1));
    }
  }
}
