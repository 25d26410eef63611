import { app } from '@azure/functions';
import { requestError } from '#domain/spec/parse.ts';
import { listStorageAccounts } from '#services/storage.ts';
import { guarded, json, problem } from './http.ts';
import { application } from './runtime.ts';

/** `GET /api/storage?subscriptionId=…&resourceGroup=…`: accounts and containers to choose from. No key is read. */
app.http('storageList', {
  route: 'api/storage',
  methods: ['GET'],
  authLevel: 'function',
  handler: guarded(async (request) => {
    const subscriptionId = request.query.get('subscriptionId') ?? '';
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(subscriptionId)) {
      return problem(
        requestError([{ path: 'subscriptionId', message: 'must be the id of a subscription', code: 'CAP-1001' }]),
      );
    }
    const resourceGroup = request.query.get('resourceGroup') ?? undefined;
    if (resourceGroup !== undefined && !/^[-\w.()]{1,90}$/.test(resourceGroup)) {
      return problem(
        requestError([{ path: 'resourceGroup', message: 'must be a resource group name', code: 'CAP-1001' }]),
      );
    }
    return json(200, await listStorageAccounts(application().config, subscriptionId, resourceGroup));
  }),
});
