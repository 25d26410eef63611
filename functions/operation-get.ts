import { app } from '@azure/functions';
import { isClusterName } from './cluster-get.ts';
import { guarded, json, notFound } from './http.ts';
import { application } from './runtime.ts';

/** `GET /api/operations/{id}`: 200 with the state of the operation; the newest one of its cluster. */
app.http('operationGet', {
  route: 'api/operations/{id}',
  methods: ['GET'],
  authLevel: 'function',
  handler: guarded(async (request) => {
    const id = request.params['id'] ?? '';
    // <cluster>-<first eight of the uid>-<count>
    const name = /^(.+)-[0-9a-f]{8}-\d+$/.exec(id)?.[1] ?? '';
    const row = isClusterName(name) ? await application().store.clusters.head(name) : undefined;
    if (row === undefined) return notFound(`operation ${id}`);
    const { value: head } = row;
    if (head.operation.id !== id)
      return notFound(`operation ${id}; the newest one of cluster ${name} is ${head.operation.id}`);
    return json(
      200,
      { ...head.operation, cluster: name, phase: head.phase },
      head.operation.state === 'finished' ? {} : { 'retry-after': '5' },
    );
  }),
});
