import { app } from '@azure/functions';
import { guarded, json, notFound } from './http.ts';
import { application } from './runtime.ts';

/** `GET /api/requests/{requestId}`: what became of a request, also of one that came over the queue. */
app.http('requestGet', {
  route: 'api/requests/{requestId}',
  methods: ['GET'],
  authLevel: 'function',
  handler: guarded(async (request) => {
    const requestId = request.params['requestId'] ?? '';
    const record = await application().store.requests.get(requestId);
    return record === undefined ? notFound(`request ${requestId}`) : json(200, record);
  }),
});
