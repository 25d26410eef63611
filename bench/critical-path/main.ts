import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { sampleDocument } from '#test/support/sample-plan.ts';
import { goVirtual } from '#test/support/virtual.ts';

/**
 * How long the sample cluster takes against the critical path of its plan: `npm run bench:critical-path -- [--count 3]`.
 * It runs on virtual time, so only Azure's and the cluster's own durations count, not those of this machine. Exits with
 * 1 when a run differs from its plan by more than 15 %, or makes 20 % more or fewer calls than planned.
 */
const { values } = parseArgs({ options: { count: { type: 'string', default: '3' } } });
const count = Number(values.count);
const tolerance = 0.15;
const callTolerance = 0.2;
/** Principal of the app in the simulated Azure. */
const app = '44444444-4444-4444-8444-444444444444';

const virtual = await goVirtual();
const { criticalPathSeconds, stepSeconds } = await import('#domain/plan/estimate.ts');
const { armCalls } = await import('#domain/plan/calls.ts');
const { stepDefinition } = await import('#domain/steps.ts');
type Plan = Parameters<typeof criticalPathSeconds>[0];

console.log(`${cpus()[0]?.model ?? 'cpu'}, ${cpus().length} cores; n = ${count}, virtual time`);
let worst = 0;
let worstCalls = 0;
for (let run = 0; run < count; run++) {
  const world = await virtual.createWorld(`critical path ${run}`);
  const began = virtual.now();
  await world.apply(sampleDocument());
  const { phase, head } = await world.settled('demo');
  const seconds = (virtual.now() - began) / 1000;
  if (phase !== 'Ready') throw new Error(`the cluster is ${phase}: ${JSON.stringify(head.operation.error)}`);
  const plan = await world.store.documents.getContent<Plan>(head.planSha ?? '');
  const planned = criticalPathSeconds(plan);
  const ratio = seconds / planned;
  worst = Math.max(worst, Math.abs(ratio - 1));
  console.log(`run ${run + 1}: ${seconds.toFixed(0)} s, planned ${planned} s, ${((ratio - 1) * 100).toFixed(1)} %`);
  const calls = world.requests().filter(({ service, caller }) => service === 'arm' && caller === app).length;
  const plannedCalls = armCalls(plan, new Set());
  worstCalls = Math.max(worstCalls, Math.abs(calls / plannedCalls - 1));
  console.log(`  ${calls} calls to Azure Resource Manager, planned ${plannedCalls}`);
  for (const { id, startedAt, endedAt } of (await world.store.clusters.rows('demo'))?.steps ?? []) {
    const took = (Date.parse(endedAt ?? '') - Date.parse(startedAt ?? '')) / 1000;
    const from = (Date.parse(startedAt ?? '') - began) / 1000;
    const title = stepDefinition(id).title.padEnd(24);
    console.log(
      `  ${title} from ${from.toFixed(0).padStart(4)} s · took ${took.toFixed(0).padStart(4)} s, planned ${String(stepSeconds(plan, id)).padStart(4)} s`,
    );
  }
  await world.close();
}
const ok = worst <= tolerance && worstCalls <= callTolerance;
console.log(
  `${ok ? 'within' : 'NOT within'} ${tolerance * 100} % of the planned critical path (worst ${(worst * 100).toFixed(1)} %), ${callTolerance * 100} % of the planned calls (worst ${(worstCalls * 100).toFixed(1)} %)`,
);
process.exit(ok ? 0 : 1);
