import { app } from '@azure/functions';
import { readOperation } from '#services/cancel.ts';
import { guarded, json, notFound } from './http.ts';
import { application } from './runtime.ts';

/** `GET /api/operations/{id}`: 200 with the state of the operation, running or ended. */
app.http('operationGet', {
  route: 'api/operations/{id}',
  methods: ['GET'],
  authLevel: 'function',
  handler: guarded(async (request) => {
    const id = request.params['id'] ?? '';
    const operation = await readOperation(application().store, id);
    if (operation === undefined) return notFound(`operation ${id}`);
    return json(200, operation, operation.state === 'finished' ? {} : { 'retry-after': '5' });
  }),
});
