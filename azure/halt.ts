import type { CapstanError } from '#domain/errors/error.ts';
import { failed, type Outcome, wait } from '#domain/outcome.ts';
import { BudgetDeferral } from './clients/budget.ts';
import type { CallResult } from './clients/capture.ts';
import { classify } from './errors/classify.ts';
import { type AzureFailure, deferredFailure } from './errors/failure.ts';

/** Ends a sequence of reads early with an outcome; never leaves this room. */
export class Halt extends Error {
  readonly outcome: Outcome<never>;

  constructor(outcome: Outcome<never>) {
    super(outcome.status);
    this.name = 'Halt';
    this.outcome = outcome;
  }
}

/** Ends the sequence with a registered error. */
export function halt(error: CapstanError): never {
  throw new Halt(failed(error));
}

/** Ends the sequence with what the classification says about a failure. */
export function haltOn(failure: AzureFailure, where: string, doing: string): never {
  const verdict = classify(failure, { key: where, attempt: 0, where, doing });
  throw new Halt(
    verdict.kind === 'failed' ? failed(verdict.error) : wait(verdict.retryAfter, { sentence: verdict.reason }),
  );
}

/** The value of a call; a failure ends the sequence. */
export function need<Value>(result: CallResult<Value>, where: string, doing: string): Value {
  return result.ok ? result.value : haltOn(result.failure, where, doing);
}

/** The value of a read, or undefined when Azure answers 404; any other failure ends the sequence. */
export function found<Value>(result: CallResult<Value>, where: string, doing: string): Value | undefined {
  return !result.ok && result.failure.status === 404 ? undefined : need(result, where, doing);
}

/** Runs a sequence and turns an early end into its outcome. */
export async function untilHalted<Value extends object>(run: () => Promise<Value>): Promise<Outcome<Value>> {
  try {
    return { status: 'done', value: await run() };
  } catch (error) {
    if (error instanceof Halt) return error.outcome;
    if (error instanceof BudgetDeferral) return wait(error.retryAfter, { sentence: deferredFailure(0).message });
    throw error;
  }
}
