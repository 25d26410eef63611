import { AsyncLocalStorage } from 'node:async_hooks';
import type { PipelinePolicy, PipelineResponse } from '@azure/core-rest-pipeline';
import { BudgetDeferral } from './budget.ts';
import { type AzureFailure, deferredFailure, type Exchange, failureOf, transportFailure } from '../errors/failure.ts';

/** Result of one call to Azure: the SDK's value, or the failure with everything Azure said about it. */
export type CallResult<Value> =
  | { readonly ok: true; readonly value: Value; readonly last: Exchange | undefined }
  | { readonly ok: false; readonly failure: AzureFailure; readonly last: Exchange | undefined };

interface Scope {
  last: Exchange | undefined;
}

const scopes = new AsyncLocalStorage<Scope>();

const keptHeaders = [
  'retry-after',
  'x-ms-correlation-request-id',
  'x-ms-request-id',
  'x-ms-error-code',
  'x-ms-copy-source-error-code',
  'x-ms-copy-source-status-code',
  'x-ms-ratelimit-remaining-subscription-writes',
  'etag',
];

function isOperationStatus(response: PipelineResponse): boolean {
  return /\/(operations|operationstatuses|operationresults|asyncoperations)\//i.test(response.request.url);
}

/** Path only: operation URLs carry a signature in their query. */
function pathOf(url: string): string {
  const query = url.indexOf('?');
  return (query === -1 ? url : url.slice(0, query)).replace(/^https?:\/\/[^/]+/, '');
}

/** Remembers an answer for the running `call`. */
export function recordExchange(response: PipelineResponse): void {
  const scope = scopes.getStore();
  if (scope === undefined) return;
  const headers: Record<string, string> = {};
  for (const name of keptHeaders) {
    const value = response.headers.get(name);
    if (value !== undefined) headers[name] = value;
  }
  const keepBody = response.status >= 400 || isOperationStatus(response);
  scope.last = {
    method: response.request.method,
    path: pathOf(response.request.url),
    status: response.status,
    headers,
    body: keepBody ? (response.bodyAsText ?? undefined) : undefined,
  };
}

/**
 * Pipeline policy that remembers the last answer of the running `call`: the SDKs drop `details` and `additionalInfo` of
 * synchronous errors, and codes and details of failed operations (azure-behaviour.md, How errors surface).
 */
export const capturePolicy: PipelinePolicy = {
  name: 'capstanCapture',
  async sendRequest(request, next) {
    const response = await next(request);
    recordExchange(response);
    return response;
  },
};

/**
 * Runs one call of an SDK and turns whatever happens into a value.
 *
 * The value must not be a poller (pollers are thenable and would be waited for): wrap it in an object.
 */
export async function call<Value>(run: () => Promise<Value>): Promise<CallResult<Value>> {
  const scope: Scope = { last: undefined };
  try {
    const value = await scopes.run(scope, run);
    return { ok: true, value, last: scope.last };
  } catch (error) {
    if (error instanceof BudgetDeferral) {
      return { ok: false, failure: deferredFailure(error.retryAfter), last: undefined };
    }
    const failure =
      scope.last !== undefined && describesFailure(scope.last) && !isBrokenConnection(error)
        ? failureOf(scope.last, Date.now())
        : transportFailure(error);
    return { ok: false, failure, last: scope.last };
  }
}

/** A connection that broke after an earlier answer of the same call (a token challenge, a page of a list). */
function isBrokenConnection(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? error.code : undefined;
  return error.name === 'AbortError' || (typeof code === 'string' && /^(E[A-Z]+|REQUEST_SEND_ERROR)$/.test(code));
}

function describesFailure(exchange: Exchange): boolean {
  return exchange.status >= 400 || /"status"\s*:\s*"(failed|canceled)"/i.test(exchange.body ?? '');
}
