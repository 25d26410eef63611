import type { StoragePipelineOptions } from '@azure/storage-blob';
import type { HttpClient } from '@azure/core-rest-pipeline';
import { recordExchange } from '../clients/capture.ts';
import { load } from '../clients/lazy.ts';

type LegacyClient = NonNullable<StoragePipelineOptions['httpClient']>;
type LegacyRequest = Parameters<LegacyClient['sendRequest']>[0];
type LegacyResponse = Awaited<ReturnType<LegacyClient['sendRequest']>>;

/** A redirect would carry a bearer token or a SAS to a place nobody checked. */
class RedirectRefused extends Error {
  readonly code = 'RedirectRefused';

  constructor(status: number) {
    super(`the server answered ${status} with a redirect, which is not followed`);
    this.name = 'RedirectRefused';
  }
}

/**
 * Makes an HTTP client usable for the storage SDK, which still expects the older interface (azure-behaviour.md §1,
 * Production URLs), and notes every answer for the error classification.
 */
export async function blobHttpClient(client: HttpClient): Promise<LegacyClient> {
  const { createHttpHeaders, createPipelineRequest } = await load(() => import('@azure/core-rest-pipeline'));
  return {
    async sendRequest(legacy: LegacyRequest): Promise<LegacyResponse> {
      const request = createPipelineRequest({
        url: legacy.url,
        method: legacy.method,
        headers: createHttpHeaders(legacy.headers.toJson({ preserveCase: true })),
        timeout: legacy.timeout,
        withCredentials: false,
        requestId: legacy.requestId,
        ...(legacy.body === undefined ? {} : { body: legacy.body }),
        ...(legacy.abortSignal === undefined ? {} : { abortSignal: legacy.abortSignal }),
        ...(legacy.streamResponseStatusCodes === undefined
          ? {}
          : { streamResponseStatusCodes: legacy.streamResponseStatusCodes }),
      });
      const response = await client.sendRequest(request);
      if (response.status >= 300 && response.status < 400 && response.status !== 304) {
        throw new RedirectRefused(response.status);
      }
      recordExchange(response);
      const headers = { toJson: (options?: { preserveCase?: boolean }) => response.headers.toJSON(options) };
      // The SDK's adapter reads only `toJson` of the headers and hands the request back unchanged.
      return { ...response, request: legacy, headers } as unknown as LegacyResponse;
    },
  };
}
