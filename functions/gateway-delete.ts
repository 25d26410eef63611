import { app } from '@azure/functions';
import { removeGateway } from '#services/gateways.ts';
import { gatewayInRoute } from './gateway-route.ts';
import { guarded, requireOperator } from './http.ts';
import { application } from './runtime.ts';

/** `DELETE /api/gateways/{name}`: 204; refused while a cluster names it. */
app.http('gatewayDelete', {
  route: 'api/gateways/{name}',
  methods: ['DELETE'],
  authLevel: 'function',
  handler: guarded(async (request) => {
    const { config, store } = application();
    requireOperator(request, config.platformAuthentication);
    await removeGateway(store, gatewayInRoute(request));
    return { status: 204 };
  }),
});
