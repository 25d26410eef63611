import { randomUUID } from 'node:crypto';
import { app } from '@azure/functions';
import * as df from 'durable-functions';
import { requestError } from '#domain/spec/parse.ts';
import { applyCluster } from '#services/apply.ts';
import { documentInBody } from './cluster-route.ts';
import { guarded, json, problem } from './http.ts';
import { dependenciesOf } from './runtime.ts';

/** `PUT /api/clusters/{name}?onConflict=queue|refuse`: 202 with the operation's Location, or the request's while it waits. `x-request-id` makes the call idempotent. */
app.http('clusterApply', {
  route: 'api/clusters/{name}',
  methods: ['PUT'],
  authLevel: 'function',
  extraInputs: [df.input.durableClient()],
  handler: guarded(async (request, context) => {
    const document = await documentInBody(request);
    const requestId = request.headers.get('x-request-id') ?? randomUUID();
    const onConflict = request.query.get('onConflict') ?? 'refuse';
    if (onConflict !== 'queue' && onConflict !== 'refuse')
      return problem(requestError([{ path: 'onConflict', message: 'must be queue or refuse', code: 'CAP-1001' }]));
    const record = await applyCluster(dependenciesOf(context), requestId, document, onConflict);
    if (record.error !== undefined) return problem(record.error);
    if (record.outcome === 'queued') return json(202, record, { location: `/api/requests/${requestId}` });
    const location = `/api/operations/${record.operationId ?? ''}`;
    return json(record.outcome === 'unchanged' ? 200 : 202, record, { location });
  }),
});
