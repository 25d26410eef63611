import type { InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import { type CapstanError, CapstanFailure } from '#domain/errors/error.ts';
import { failed, type Outcome, wait } from '#domain/outcome.ts';
import type { Activities, ActivityInput, ActivityName, ActivityOutcome } from './contract.ts';
import { recordProgress } from './progress.ts';
import { type ActivityRuntime, runtime, type Work, workOf } from './runtime.ts';

/** The body of one activity. */
export type ActivityBody<Name extends ActivityName> = (
  work: Work,
  input: Activities[Name]['input'],
  context: InvocationContext,
) => Promise<ActivityOutcome<Name>>;

export interface ActivityOptions {
  /** Also runs when somebody asked to stop (reports and endings). */
  readonly evenWhenCancelled?: boolean;
}

/** Unexpected failures in a row after which a step is given up. */
const maxAttempts = 8;

/**
 * Registers one activity. Around every body: the record is read first (a stale operation and a cancelled one stop
 * here), progress is recorded, and whatever is thrown becomes an outcome: history never carries a stack.
 */
export function defineActivity<Name extends ActivityName>(
  name: Name,
  body: ActivityBody<Name>,
  options: ActivityOptions = {},
): void {
  df.app.activity(name, {
    handler: async (input: Activities[Name]['input'], context) => runActivity(runtime(), body, input, context, options),
  });
}

/** One call, apart from Durable. */
export async function runActivity<Name extends ActivityName>(
  base: ActivityRuntime,
  body: ActivityBody<Name>,
  input: Activities[Name]['input'],
  context: InvocationContext,
  options: ActivityOptions = {},
): Promise<Outcome<object>> {
  const common: ActivityInput = input;
  try {
    const row = await base.store.clusters.head(common.ref.name);
    const head = row?.value;
    if (head === undefined || head.uid !== common.ref.uid || head.operation.id !== common.ref.operationId)
      return { status: 'cancelled' };
    if (head.operation.cancel !== undefined && options.evenWhenCancelled !== true) return { status: 'cancelled' };
    const outcome: Outcome<object> = await body(workOf(base, common.ref, head), input, context);
    if (outcome.status === 'wait') await recordProgress(base.store, common, outcome);
    return outcome;
  } catch (error) {
    if (error instanceof CapstanFailure) return error.passing ? again(common, error.error) : failed(error.error);
    const deferred = deferral(error);
    if (deferred !== undefined)
      return wait(deferred, {
        ...(common.state === undefined ? {} : { state: common.state }),
        sentence: "waiting for room in Azure's rate limits",
      });
    return unexpected(common, error, context);
  }
}

/** Azure seconds until the ARM budget has room again, when that is what was thrown; no attempt is counted for it. */
function deferral(error: unknown): number | undefined {
  if (!(error instanceof Error) || error.name !== 'BudgetDeferral' || !('retryAfter' in error)) return undefined;
  return typeof error.retryAfter === 'number' ? error.retryAfter : undefined;
}

/** Tries again a few times, and then fails with what was the matter all the time. */
function again(input: ActivityInput, error: CapstanError): Outcome<object> {
  const attempt = Number(input.state?.['attempt'] ?? 0) + 1;
  if (attempt >= maxAttempts) return failed(error);
  return wait(Math.min(60, 2 ** attempt), {
    state: { ...input.state, attempt },
    sentence: `${error.message} Trying again`,
  });
}

/** Tries again a few times: most surprises are a dependency that is away for a moment. */
function unexpected(input: ActivityInput, error: unknown, context: InvocationContext): Outcome<object> {
  const attempt = Number(input.state?.['attempt'] ?? 0) + 1;
  const message = error instanceof Error ? `${error.name}: ${error.message.slice(0, 500)}` : 'unknown';
  context.error(
    `${context.functionName} of ${input.ref.name}, attempt ${attempt}: ${error instanceof Error ? (error.stack ?? message) : message}`,
  );
  if (attempt < maxAttempts) return wait(Math.min(60, 2 ** attempt), { state: { ...input.state, attempt } });
  const failure: CapstanError = {
    code: 'CAP-9001',
    message: `Capstan failed unexpectedly in the step ${input.step}`,
    where: context.functionName,
    cause: message,
  };
  return failed(failure);
}
