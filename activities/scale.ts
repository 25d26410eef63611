import { proxyEnvironment } from '#domain/kubeadm/proxy.ts';
import { done, type Outcome, wait } from '#domain/outcome.ts';
import type { ScaleState } from '#kubernetes/scale/progress.ts';
import { rolloutAfter } from './changes.ts';
import { defineActivity } from './define.ts';
import { ensureManagedAddOn } from './managed.ts';
import { planAsBuilt } from './record.ts';
import { observeNodes, withCluster } from './kubernetes.ts';

defineActivity('scaleControlPlane', async (work, input) => {
  const { scaleControlPlane } = await import('#kubernetes/scale/control-plane.ts');
  const { ensureViewerAccess } = await import('#kubernetes/scale/access.ts');
  const plan = await planAsBuilt(work);
  return withCluster(work, async ({ client, keys }) => {
    const access = await ensureViewerAccess(client);
    if (access.status !== 'done') return access;
    const after = await rolloutAfter(work);
    const outcome = await scaleControlPlane(
      { client, plan, ...(after === undefined ? {} : { rolloutAfter: after }) },
      input.state,
    );
    await observeNodes(work, client, true);
    if (outcome.status === 'done' && work.head.operation.kind === 'renew') {
      const { renewKubeconfig } = await import('#kubernetes/scale/kubeconfig.ts');
      await renewKubeconfig({ client, plan }, keys.certificateAuthority, Date.now());
    }
    return outcome.status === 'done'
      ? done({}, `${plan.controlPlane.replicas} of ${plan.controlPlane.replicas} ready`)
      : outcome;
  });
});

/** One pool: its MachineDeployments, one per zone, grow side by side; one call looks at each of them once. */
defineActivity('ensureWorkerPool', async (work, input) => {
  const { scaleShard } = await import('#kubernetes/scale/pools.ts');
  const plan = await planAsBuilt(work);
  const pool = plan.pools.find((candidate) => candidate.name === input.pool);
  if (pool === undefined) throw new Error(`the plan has no pool ${input.pool}`);
  return withCluster(work, async ({ client, observed }) => {
    const states: Record<string, unknown> = {};
    const waits: Extract<Outcome, { status: 'wait' }>[] = [];
    for (const shard of pool.shards) {
      const before = input.state?.[shard.machineDeployment] as ScaleState | undefined;
      const outcome = await scaleShard({ client, plan, observed, pool, shard }, before);
      if (outcome.status === 'wait') {
        waits.push(outcome);
        if (outcome.state !== undefined) states[shard.machineDeployment] = outcome.state;
      } else if (outcome.status !== 'done') return outcome;
    }
    const nodes = await observeNodes(work, client, true);
    const ready = nodes.filter((node) => node.pool === pool.name && node.ready).length;
    const sentence = `${pool.name}: ${ready} of ${pool.replicas} ready`;
    if (waits.length === 0) return done({ nodes: pool.replicas }, sentence);
    const reason = waits.map((outcome) => outcome.sentence).find((text) => text !== undefined);
    return wait(Math.min(...waits.map((outcome) => outcome.retryAfter)), {
      state: states,
      sentence: reason === undefined ? sentence : `${sentence} · ${reason}`,
      progress: { done: ready, total: pool.replicas, unit: 'nodes' },
    });
  });
});

defineActivity('ensureAddOn', async (work, input) => {
  const { installAddOn } = await import('#kubernetes/scale/add-ons.ts');
  if (work.head.kind === 'ManagedCluster') return ensureManagedAddOn(work, input.addOn);
  const plan = await planAsBuilt(work);
  const addOn = plan.addOns.find((candidate) => candidate.name === input.addOn);
  if (addOn === undefined) throw new Error(`the plan has no add-on ${input.addOn}`);
  const outcome = await withCluster(work, ({ client }) =>
    installAddOn(client, addOn, { proxy: proxyEnvironment(plan), plan }),
  );
  return outcome.status === 'done' ? done({}, addOn.name) : outcome;
});
