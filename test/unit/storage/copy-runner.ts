import { createInterface } from 'node:readline';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { seededClientId } from '#local/simulator/compose.ts';
import { connect } from '../../../azure/clients/clients.ts';
import { createCopy } from '../../../azure/storage/copy.ts';

/**
 * Copies in a process of its own, to be killed: one line for the plan and one for each finished slice; goes on when a
 * line comes in. Arguments: gateway, plan of the cluster as JSON.
 */
const [gatewayUrl = '', planText = ''] = process.argv.slice(2);
const plan = JSON.parse(planText) as ClusterPlan;
const engine = createCopy(connect({ environment: 'public', gatewayUrl, managedIdentityClientId: seededClientId }));
const commands = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

const planned = await engine.plan(plan);
if (planned.status !== 'done') throw new Error(JSON.stringify(planned));
const copy = planned.value;
process.stdout.write(`planned ${copy.slices.length}\n`);
for (const slice of copy.slices) {
  await commands.next();
  const done = await engine.slice(plan, copy, slice);
  if (done.status !== 'done') throw new Error(JSON.stringify(done));
  process.stdout.write(`slice ${slice.index}\n`);
}
