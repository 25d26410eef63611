import { randomUUID } from 'node:crypto';
import { app } from '@azure/functions';
import * as df from 'durable-functions';
import { deleteClusterByName } from '#services/delete.ts';
import { nameInRoute } from './cluster-route.ts';
import { guarded, json, problem, requireOperator } from './http.ts';
import { application, dependenciesOf } from './runtime.ts';

/** `DELETE /api/clusters/{name}`: 202 with the operation's Location, also when repeated. */
app.http('clusterDelete', {
  route: 'api/clusters/{name}',
  methods: ['DELETE'],
  authLevel: 'function',
  extraInputs: [df.input.durableClient()],
  handler: guarded(async (request, context) => {
    requireOperator(request, application().config.platformAuthentication);
    const name = nameInRoute(request);
    const requestId = request.headers.get('x-request-id') ?? randomUUID();
    const record = await deleteClusterByName(dependenciesOf(context), requestId, name);
    if (record.error !== undefined) return problem(record.error);
    return json(202, record, { location: `/api/operations/${record.operationId ?? ''}` });
  }),
});
