import { app } from '@azure/functions';
import { planManaged } from '#services/managed-plan.ts';
import { planDocument } from '#services/plan.ts';
import { documentInBody } from './cluster-route.ts';
import { guarded, json } from './http.ts';
import { application } from './runtime.ts';

/** `POST /api/clusters/{name}/plan`: what an apply of this document would do; nothing is written. */
app.http('clusterPlan', {
  route: 'api/clusters/{name}/plan',
  methods: ['POST'],
  authLevel: 'function',
  handler: guarded(async (request) => {
    const document = await documentInBody(request);
    const { config, store } = application();
    const plan =
      document.kind === 'Cluster' ? planDocument(config, store, document) : planManaged(config, store, document);
    return json(200, await plan);
  }),
});
