import type { HttpClient, PipelineRequest, PipelineResponse } from '@azure/core-rest-pipeline';

/** An answer that takes longer is given up; AKS may think 15 s before its first one (azure-recordings/README.md). */
const requestTimeout = 60_000;

const loopback = /^(127(\.\d{1,3}){3}|localhost|\[::1\])$/;

/**
 * Checks the address of the gateway that stands in for Azure: plain http on a loopback address, nothing else, so that
 * tokens never leave the machine.
 *
 * @throws Error that says what is wrong with the setting
 */
export function checkGateway(gatewayUrl: string): URL {
  const url = new URL(gatewayUrl);
  if (url.protocol !== 'http:' || !loopback.test(url.hostname) || url.pathname !== '/') {
    throw new Error(`CAPSTAN_AZURE_GATEWAY must be http://127.0.0.1:<port> (a loopback address), not ${url.origin}`);
  }
  return url;
}

/**
 * An HTTP client for the Azure SDKs that sends every request to the gateway and keeps the production host name in the
 * Host header, so that SDKs, operation URLs and tokens stay as they are in Azure.
 *
 * The request itself is not changed: the last read of a long operation uses its URL again (azure-behaviour.md, Options needed).
 *
 * @param gateway base URL of the gateway; undefined: straight to Azure
 */
export async function createHttpClient(gateway: URL | undefined): Promise<HttpClient> {
  const { createDefaultHttpClient, createHttpHeaders, createPipelineRequest } = await import(
    '@azure/core-rest-pipeline'
  );
  const direct = createDefaultHttpClient();
  if (gateway === undefined) {
    return {
      sendRequest(request) {
        if (request.timeout === 0) request.timeout = requestTimeout;
        return direct.sendRequest(request);
      },
    };
  }
  return {
    async sendRequest(request: PipelineRequest): Promise<PipelineResponse> {
      const url = new URL(request.url);
      const headers = createHttpHeaders(request.headers.toJSON({ preserveCase: true }));
      headers.set('Host', url.hostname);
      const rerouted = createPipelineRequest({
        ...request,
        url: `${gateway.origin}${url.pathname}${url.search}`,
        headers,
        timeout: request.timeout === 0 ? requestTimeout : request.timeout,
        allowInsecureConnection: true,
      });
      // A proxy of the machine is for the way to Azure, not for the gateway beside us.
      delete rerouted.agent;
      delete rerouted.proxySettings;
      const response = await direct.sendRequest(rerouted);
      response.request = request;
      return response;
    },
  };
}
