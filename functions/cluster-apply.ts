import { randomUUID } from 'node:crypto';
import { app } from '@azure/functions';
import * as df from 'durable-functions';
import { requestError, parseClusterText } from '#domain/spec/parse.ts';
import { applyCluster } from '#services/apply.ts';
import { bodyText, guarded, json, problem } from './http.ts';
import { dependenciesOf } from './runtime.ts';

/** `PUT /api/clusters/{name}`: 202 with the operation's Location. `x-request-id` makes the call idempotent. */
app.http('clusterApply', {
  route: 'api/clusters/{name}',
  methods: ['PUT'],
  authLevel: 'function',
  extraInputs: [df.input.durableClient()],
  handler: guarded(async (request, context) => {
    const parsed = parseClusterText(await bodyText(request));
    if ('error' in parsed) return problem(parsed.error);
    const name = request.params['name'] ?? '';
    if (parsed.document.metadata.name !== name) {
      const message = `is ${parsed.document.metadata.name}, but the address says ${name}`;
      return problem(requestError([{ path: 'metadata.name', message, code: 'CAP-1001' }]));
    }
    const requestId = request.headers.get('x-request-id') ?? randomUUID();
    const record = await applyCluster(dependenciesOf(context), requestId, parsed.document);
    if (record.error !== undefined) return problem(record.error);
    const location = `/api/operations/${record.operationId ?? ''}`;
    return json(record.outcome === 'unchanged' ? 200 : 202, record, { location });
  }),
});
