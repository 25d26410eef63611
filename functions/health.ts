import { app } from '@azure/functions';
import { json } from './http.ts';
import { application } from './runtime.ts';

/** `GET /api/health`: 200 when the configuration is right and the store answers; says nothing about clusters. */
app.http('health', {
  route: 'api/health',
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: async (_request, context) => {
    try {
      await application().store.clusters.head('health');
      return json(200, { status: 'healthy' });
    } catch (error) {
      context.error('health check failed', error);
      return json(503, { status: 'unhealthy', code: 'CAP-9007' });
    }
  },
});
