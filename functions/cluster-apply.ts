import { randomUUID } from 'node:crypto';
import { app } from '@azure/functions';
import * as df from 'durable-functions';
import { applyCluster } from '#services/apply.ts';
import { documentInBody } from './cluster-route.ts';
import { guarded, json, problem } from './http.ts';
import { dependenciesOf } from './runtime.ts';

/** `PUT /api/clusters/{name}`: 202 with the operation's Location. `x-request-id` makes the call idempotent. */
app.http('clusterApply', {
  route: 'api/clusters/{name}',
  methods: ['PUT'],
  authLevel: 'function',
  extraInputs: [df.input.durableClient()],
  handler: guarded(async (request, context) => {
    const document = await documentInBody(request);
    const requestId = request.headers.get('x-request-id') ?? randomUUID();
    const record = await applyCluster(dependenciesOf(context), requestId, document);
    if (record.error !== undefined) return problem(record.error);
    const location = `/api/operations/${record.operationId ?? ''}`;
    return json(record.outcome === 'unchanged' ? 200 : 202, record, { location });
  }),
});
