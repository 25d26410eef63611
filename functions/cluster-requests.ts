import { app } from '@azure/functions';
import * as df from 'durable-functions';
import { receiveMessage } from '#services/receive.ts';
import { dependenciesOf } from './runtime.ts';

/**
 * Queue `cluster-requests`. A message that cannot be understood throws: the host delivers it again and, after
 * `maxDequeueCount`, sets it aside in `cluster-requests-poison`. The message body is read from the input alone:
 * its keys can hide the trigger metadata (host-recordings/README.md §3, Queue).
 */
app.storageQueue('clusterRequests', {
  queueName: 'cluster-requests',
  connection: 'AzureWebJobsStorage',
  extraInputs: [df.input.durableClient()],
  handler: async (message, context) => {
    const record = await receiveMessage(dependenciesOf(context), message);
    context.log(
      `request ${record.requestId}: ${record.outcome}${record.operationId === undefined ? '' : ` (operation ${record.operationId})`}`,
    );
  },
});
