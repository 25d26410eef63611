import { app } from '@azure/functions';
import { guarded, json } from './http.ts';
import { application } from './runtime.ts';

/** `GET /api/gateways`: all private gateways, by name. */
app.http('gatewayList', {
  route: 'api/gateways',
  methods: ['GET'],
  authLevel: 'function',
  handler: guarded(async () => json(200, { items: await application().store.gateways.list() })),
});
