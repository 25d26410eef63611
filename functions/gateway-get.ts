import { app } from '@azure/functions';
import { readGateway } from '#services/gateways.ts';
import { gatewayInRoute } from './gateway-route.ts';
import { guarded, json } from './http.ts';
import { application } from './runtime.ts';

/** `GET /api/gateways/{name}`: a stored private gateway. */
app.http('gatewayGet', {
  route: 'api/gateways/{name}',
  methods: ['GET'],
  authLevel: 'function',
  handler: guarded(async (request) => json(200, await readGateway(application().store, gatewayInRoute(request)))),
});
