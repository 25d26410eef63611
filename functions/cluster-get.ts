import { app } from '@azure/functions';
import { readStatus } from '#services/status.ts';
import { nameInRoute, noCluster } from './cluster-route.ts';
import { guarded, json } from './http.ts';
import { application } from './runtime.ts';

/** `GET /api/clusters/{name}`: the status document. */
app.http('clusterGet', {
  route: 'api/clusters/{name}',
  methods: ['GET'],
  authLevel: 'function',
  handler: guarded(async (request) => {
    const { store, config } = application();
    const name = nameInRoute(request);
    const status = await readStatus(store, name, config.timeScale);
    if (status === undefined) throw noCluster(name);
    return json(200, status);
  }),
});
