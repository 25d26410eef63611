import { app } from '@azure/functions';
import { parseClusterText, requestError } from '#domain/spec/parse.ts';
import { planDocument } from '#services/plan.ts';
import { bodyText, guarded, json, problem } from './http.ts';
import { application } from './runtime.ts';

/** `POST /api/clusters/{name}/plan`: what an apply of this document would do; nothing is written. */
app.http('clusterPlan', {
  route: 'api/clusters/{name}/plan',
  methods: ['POST'],
  authLevel: 'function',
  handler: guarded(async (request) => {
    const parsed = parseClusterText(await bodyText(request));
    if ('error' in parsed) return problem(parsed.error);
    const name = request.params['name'] ?? '';
    if (parsed.document.metadata.name !== name) {
      const message = `is ${parsed.document.metadata.name}, but the address says ${name}`;
      return problem(requestError([{ path: 'metadata.name', message, code: 'CAP-1001' }]));
    }
    const { config, store } = application();
    return json(200, await planDocument(config, store, parsed.document));
  }),
});
