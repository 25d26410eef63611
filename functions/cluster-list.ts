import { app } from '@azure/functions';
import { requestError } from '#domain/spec/parse.ts';
import { summaryOf } from '#services/status.ts';
import { guarded, json, problem } from './http.ts';
import { application } from './runtime.ts';

/** `GET /api/clusters?tag=department:finance`: all clusters, or those that carry every tag that is named. */
app.http('clusterList', {
  route: 'api/clusters',
  methods: ['GET'],
  authLevel: 'function',
  handler: guarded(async (request) => {
    // Repeated keys arrive as one value joined with commas (host-recordings/README.md §3).
    const wanted = (request.query.get('tag') ?? '').split(',').filter((tag) => tag !== '');
    const malformed = wanted.find((tag) => !tag.includes(':'));
    if (malformed !== undefined) {
      return problem(requestError([{ path: 'tag', message: `${malformed} is not key:value`, code: 'CAP-1001' }]));
    }
    const pairs = wanted.map((tag) => [tag.slice(0, tag.indexOf(':')), tag.slice(tag.indexOf(':') + 1)] as const);
    const items: object[] = [];
    for await (const { value: head } of application().store.clusters.heads()) {
      if (pairs.every(([key, value]) => head.tags[key] === value)) items.push(summaryOf(head));
    }
    return json(200, { items });
  }),
});
