import type { CopySlice } from '#azure/index.ts';
import type { Outcome } from '#domain/outcome.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { connect } from '../../azure/clients/clients.ts';
import { createCopy } from '../../azure/storage/copy.ts';

/**
 * Copies one image in a process of its own, as the host's activities do, and prints what it cost. Arguments: gateway,
 * client id of the identity, plan of the cluster as JSON.
 */
const [gatewayUrl = '', managedIdentityClientId = '', planText = ''] = process.argv.slice(2);
const plan = JSON.parse(planText) as ClusterPlan;
/** Slices that the host runs at the same time. */
const sideBySide = 4;

/** The value of a step; what has to be waited for is called again. */
async function pursue<Value extends object>(call: () => Promise<Outcome<Value>>): Promise<Value> {
  for (let tries = 0; tries < 200; tries++) {
    const outcome = await call();
    if (outcome.status === 'done') return outcome.value;
    if (outcome.status !== 'wait') throw new Error(JSON.stringify(outcome));
    await new Promise((resolve) => setTimeout(resolve, Math.min(outcome.retryAfter, 1) * 1000));
  }
  throw new Error('the copy did not come to an end');
}

// The base is a host that has loaded the packages.
await import('@azure/storage-blob');
await import('@azure/identity');
await import('@azure/arm-storage');
const engine = createCopy(connect({ environment: 'public', gatewayUrl, managedIdentityClientId }));
const base = process.memoryUsage.rss();
let peak = base;
const sampler = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss());
}, 20);

const began = performance.now();
const copy = await pursue(() => engine.plan(plan));
const queue: CopySlice[] = [...copy.slices];
const worker = async (): Promise<void> => {
  for (let slice = queue.shift(); slice !== undefined; slice = queue.shift()) {
    const mine = slice;
    await pursue(() => engine.slice(plan, copy, mine));
  }
};
await Promise.all(Array.from({ length: sideBySide }, worker));
await pursue(() => engine.finish(plan, copy));
const seconds = (performance.now() - began) / 1000;
clearInterval(sampler);
process.stdout.write(
  JSON.stringify({ seconds, rssAboveBaseMiB: (Math.max(peak, process.memoryUsage.rss()) - base) / 1024 ** 2 }),
);
