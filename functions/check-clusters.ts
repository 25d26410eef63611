import { app } from '@azure/functions';
import * as df from 'durable-functions';
import { checkClusters } from '#services/check-all.ts';
import { dependenciesOf } from './runtime.ts';

/** Timer: compares record, Azure and cluster of every cluster that rests. */
app.timer('checkClusters', {
  schedule: process.env['CAPSTAN_CHECK_SCHEDULE'] ?? '0 */15 * * * *',
  extraInputs: [df.input.durableClient()],
  handler: async (_timer, context) => {
    const { checked, found, failed } = await checkClusters(dependenciesOf(context));
    context.log(`checked ${checked} clusters, ${found.length} with findings`);
    if (failed.length > 0) context.warn(`could not check ${failed.join(', ')}`);
  },
});
