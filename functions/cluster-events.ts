import { app } from '@azure/functions';
import { readEvents } from '#services/events.ts';
import { nameInRoute, noCluster } from './cluster-route.ts';
import { guarded, json } from './http.ts';
import { application } from './runtime.ts';

/** `GET /api/clusters/{name}/events?after=cursor&wait=20&limit=100`: newest first; with `wait` a long poll. */
app.http('clusterEvents', {
  route: 'api/clusters/{name}/events',
  methods: ['GET'],
  authLevel: 'function',
  handler: guarded(async (request) => {
    const { store } = application();
    const name = nameInRoute(request);
    if ((await store.clusters.head(name)) === undefined) throw noCluster(name);
    const number = (key: string, fallback: number) => {
      const value = Number(request.query.get(key) ?? fallback);
      return Number.isFinite(value) && value >= 0 ? value : fallback;
    };
    const after = request.query.get('after') ?? undefined;
    const limit = Math.min(Math.max(1, Math.floor(number('limit', 100))), 1000);
    return json(200, await readEvents(store, name, { after, waitSeconds: number('wait', 0), limit }));
  }),
});
