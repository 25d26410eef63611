import { app } from '@azure/functions';
import { versions } from '#domain/cluster-api/versions.ts';
import { supportedMinors } from '#domain/spec/checks.ts';
import { json } from './http.ts';

/** `GET /api/versions`: Kubernetes versions that can be asked for, and the releases that are installed. */
app.http('versionsGet', {
  route: 'api/versions',
  methods: ['GET'],
  authLevel: 'function',
  handler: () =>
    json(200, { kubernetes: { from: `v1.${supportedMinors.first}`, to: `v1.${supportedMinors.last}` }, ...versions }),
});
