import { app } from '@azure/functions';
import { json } from './http.ts';
import { openApiDocument } from './openapi-document.ts';

/** `GET /api/openapi.json`. */
app.http('openapi', {
  route: 'api/openapi.json',
  methods: ['GET'],
  authLevel: 'function',
  handler: () => json(200, openApiDocument()),
});
