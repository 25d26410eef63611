import { app } from '@azure/functions';
import * as df from 'durable-functions';
import { sweepOperations } from '#services/sweep.ts';
import { dependenciesOf } from './runtime.ts';

/** Timer: starts operations that were recorded but never started, ends the lost ones. */
app.timer('sweepOperations', {
  schedule: process.env['CAPSTAN_SWEEP_SCHEDULE'] ?? '0 * * * * *',
  extraInputs: [df.input.durableClient()],
  handler: async (_timer, context) => {
    const result = await sweepOperations(dependenciesOf(context), Date.now());
    for (const name of result.started) context.log(`started the recorded operation of cluster ${name}`);
    for (const name of result.ended) context.warn(`ended the lost operation of cluster ${name}`);
  },
});
