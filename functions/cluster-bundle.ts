import { app } from '@azure/functions';
import { exportClusterBundle } from '#services/bundle.ts';
import { nameInRoute } from './cluster-route.ts';
import { guarded, requireOperator } from './http.ts';
import { application } from './runtime.ts';

/** `GET /api/clusters/{name}/bundle`: the Cluster API documents and the journal, redacted; JSON or YAML by Accept. */
app.http('clusterBundle', {
  route: 'api/clusters/{name}/bundle',
  methods: ['GET'],
  authLevel: 'function',
  handler: guarded(async (request) => {
    const { config, store } = application();
    requireOperator(request, config.platformAuthentication);
    const name = nameInRoute(request);
    const bundle = await exportClusterBundle(store, name, request.headers.get('accept') ?? undefined);
    return {
      status: 200,
      headers: { 'content-type': bundle.contentType, 'cache-control': 'no-store' },
      body: bundle.text,
    };
  }),
});
