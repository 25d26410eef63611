import type { AzureReply } from '#local/azure/service.ts';
import { answer, type Gateway, type GatewayServices } from '../../../../local/azure/gateway/gateway.ts';
import { createRequestLog } from '#local/azure/gateway/request-log.ts';
import { gatewayUrl, wire } from '../wire.ts';

/** Stands in for `local/azure/gateway/gateway.ts`: the same dispatch and log, without a listener. */
export type { Gateway, GatewayServices } from '../../../../local/azure/gateway/gateway.ts';

const loggedRequests = 100_000;

export async function createGateway(): Promise<Gateway> {
  const log = createRequestLog(loggedRequests, () => Date.now());
  const { promise, resolve } = Promise.withResolvers<GatewayServices>();
  wire.azure = async (request): Promise<AzureReply> => answer(request, await promise, log);
  return {
    port: Number(new URL(gatewayUrl).port),
    url: gatewayUrl,
    log,
    attach(services) {
      wire.resolve = (fqdn, port) => services.resolveLoadBalancer(fqdn, port);
      resolve(services);
    },
    authority: async () => Promise.reject(new Error('no TLS on virtual time')),
    async close() {
      wire.azure = undefined;
    },
  };
}
