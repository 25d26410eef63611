import { randomUUID } from 'node:crypto';
import { app } from '@azure/functions';
import * as df from 'durable-functions';
import { startAction } from '#services/actions.ts';
import { checkCluster } from '#services/check.ts';
import { nameInRoute } from './cluster-route.ts';
import { guarded, json, notFound, problem, requireOperator } from './http.ts';
import { application, dependenciesOf } from './runtime.ts';

/**
 * `POST /api/clusters/{name}/actions/{action}`: `renew-certificates` starts an operation (202), `reconcile` looks at
 * once and answers what it found (200).
 */
app.http('clusterAction', {
  route: 'api/clusters/{name}/actions/{action}',
  methods: ['POST'],
  authLevel: 'function',
  extraInputs: [df.input.durableClient()],
  handler: guarded(async (request, context) => {
    requireOperator(request, application().config.platformAuthentication);
    const name = nameInRoute(request);
    const dependencies = dependenciesOf(context);
    const { action = '' } = request.params;
    if (action === 'reconcile') return json(200, await checkCluster(dependencies, name));
    if (action !== 'renew-certificates')
      return notFound(`action ${action}: there are reconcile and renew-certificates`);
    const requestId = request.headers.get('x-request-id') ?? randomUUID();
    const record = await startAction(dependencies, requestId, name, 'renew');
    return record.error === undefined
      ? json(202, record, { location: `/api/operations/${record.operationId ?? ''}` })
      : problem(record.error);
  }),
});
