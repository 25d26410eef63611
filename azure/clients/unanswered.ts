import { type AzureFailure, deferredCode } from '../errors/failure.ts';
import { BudgetDeferral } from './budget.ts';

/**
 * What to throw when a question to Azure had no usable answer, for the back-off of whoever asked: a call that was not sent
 * for want of room within Azure's limits is no failure, and its deferral says when to come back.
 *
 * @param what the sentence without its end, for instance `the group platform cannot be listed`
 */
export function unanswered(what: string, failure: Pick<AzureFailure, 'status' | 'code' | 'retryAfter'>): Error {
  if (failure.code === deferredCode) return new BudgetDeferral(failure.retryAfter ?? 1);
  return new Error(`${what}: ${failure.status} ${failure.code}`);
}
