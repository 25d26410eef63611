import { app } from '@azure/functions';
import { requestError } from '#domain/spec/parse.ts';
import { issueKubeconfig } from '#services/kubeconfig.ts';
import { nameInRoute } from './cluster-route.ts';
import { guarded, problem, requireOperator } from './http.ts';
import { application } from './runtime.ts';

/** `GET /api/clusters/{name}/kubeconfig?role=admin|viewer|user&hours=8`: issued for this call, never stored. */
app.http('clusterKubeconfig', {
  route: 'api/clusters/{name}/kubeconfig',
  methods: ['GET'],
  authLevel: 'function',
  handler: guarded(async (request) => {
    const { config, store } = application();
    requireOperator(request, config.platformAuthentication);
    const name = nameInRoute(request);
    const role = request.query.get('role') ?? 'admin';
    const hours = Number(request.query.get('hours') ?? 8);
    if (role !== 'admin' && role !== 'viewer' && role !== 'user') {
      return problem(requestError([{ path: 'role', message: 'must be admin, viewer or user', code: 'CAP-1001' }]));
    }
    if (!(hours > 0 && hours <= 720)) {
      return problem(requestError([{ path: 'hours', message: 'must be between 0 and 720', code: 'CAP-1001' }]));
    }
    const kubeconfig = await issueKubeconfig(config, store, { name, role, hours });
    return {
      status: 200,
      headers: {
        'content-type': 'application/yaml',
        'cache-control': 'no-store',
        'content-disposition': `attachment; filename="${name}.kubeconfig"`,
      },
      body: kubeconfig.reveal(),
    };
  }),
});
