import { app } from '@azure/functions';
import { CapstanFailure } from '#domain/errors/error.ts';
import { parseGatewayText } from '#domain/storage/gateway-text.ts';
import { saveGateway } from '#services/gateways.ts';
import { gatewayInRoute } from './gateway-route.ts';
import { bodyText, guarded, json, requireOperator } from './http.ts';
import { application } from './runtime.ts';

/** `PUT /api/gateways/{name}`: stores a private gateway, new or changed. Nodes will trust its certificates. */
app.http('gatewayApply', {
  route: 'api/gateways/{name}',
  methods: ['PUT'],
  authLevel: 'function',
  handler: guarded(async (request) => {
    const { config, store } = application();
    requireOperator(request, config.platformAuthentication);
    const name = gatewayInRoute(request);
    const parsed = parseGatewayText(await bodyText(request));
    if ('error' in parsed) throw new CapstanFailure(parsed.error);
    return json(200, await saveGateway(store, name, parsed.gateway));
  }),
});
