import { app } from '@azure/functions';
import { readStatus } from '#services/status.ts';
import { guarded, json, notFound } from './http.ts';
import { application } from './runtime.ts';

/** `GET /api/clusters/{name}`: the status document. */
app.http('clusterGet', {
  route: 'api/clusters/{name}',
  methods: ['GET'],
  authLevel: 'function',
  handler: guarded(async (request) => {
    const { store, config } = application();
    const name = request.params['name'] ?? '';
    const status = isClusterName(name) ? await readStatus(store, name, config.timeScale) : undefined;
    return status === undefined ? notFound(`cluster ${name}`) : json(200, status);
  }),
});

/** Names that cannot be a cluster's never reach a query. */
export function isClusterName(name: string): boolean {
  return /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name) && name.length <= 44;
}
