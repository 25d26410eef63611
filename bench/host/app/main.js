'use strict';
// Workloads of the host benchmark.
const { appendFileSync } = require('node:fs');
const { app } = require('@azure/functions');
const df = require('durable-functions');

df.app.activity('step', { handler: (input) => input });
df.app.activity('slowStep', {
  handler: async ({ n }) => {
    appendFileSync(process.env.BENCH_JOURNAL, `${n} ${Date.now()}\n`);
    await new Promise((resolve) => setTimeout(resolve, 25));
    return n;
  },
});
df.app.activity('stamp', { handler: () => Date.now() });
df.app.orchestration('oneStep', function* (context) {
  return yield context.df.callActivity('step', 1);
});
df.app.orchestration('fanOut', function* (context) {
  const results = yield context.df.Task.all(
    Array.from({ length: context.df.getInput() }, (_, n) => context.df.callActivity('step', n)),
  );
  return results.length;
});
df.app.orchestration('sequence', function* (context) {
  let last = 0;
  for (let n = 0; n < context.df.getInput(); n++) last = yield context.df.callActivity('step', n);
  return last;
});
df.app.orchestration('resume', function* (context) {
  for (let n = 0; n < 40; n++) yield context.df.callActivity('slowStep', { n });
});
df.app.orchestration('idle', function* (context) {
  yield context.df.waitForExternalEvent('never');
});
df.app.orchestration('queued', function* (context) {
  return yield context.df.callActivity('stamp', 1);
});
if (process.env.AzureWebJobsStorage)
  app.storageQueue('fromQueue', {
    queueName: 'bench',
    connection: 'AzureWebJobsStorage',
    extraInputs: [df.input.durableClient()],
    handler: async (message, context) => {
      await df.getClient(context).startNew('queued', { instanceId: message.id });
    },
  });
