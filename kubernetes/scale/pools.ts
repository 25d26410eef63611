import { wellKnown } from '#domain/cluster-api/names.ts';
import type { ObservedAzure } from '#domain/cluster-api/cluster.ts';
import { numberField, referenceOf } from '#domain/cluster-api/object.ts';
import type { KubernetesObject } from '#domain/cluster-api/object.ts';
import { ownerReferences } from '#domain/cluster-api/owners.ts';
import { machineDeployment, shardBounds, shardHealthCheck, shardTemplates } from '#domain/cluster-api/pools.ts';
import { azureJsonSecret } from '#domain/cluster-api/secrets.ts';
import type { ClusterPlan, PlannedPool, PlannedShard } from '#domain/plan/types.ts';
import { failed, wait } from '#domain/outcome.ts';
import type { Outcome } from '#domain/outcome.ts';
import type { KubernetesClient } from '../client/client.ts';
import { errorOutcome, registered } from '../client/errors.ts';
import { clearFailedMachines, readMachines } from './machines.ts';
import { markLateNodes, markNodes } from './node-marks.ts';
import { applyOwned, uidOf } from './owned.ts';
import { isObserved, machineOutcome, pausedOutcome } from './progress.ts';
import type { ScaleState } from './progress.ts';
import { ensureTemplate, pruneTemplates } from './templates.ts';

const codes = { refused: 'CAP-5101', conflict: 'CAP-5102' } as const;

/** One pool's part in one zone. */
export interface ShardContext {
  readonly client: KubernetesClient;
  readonly plan: ClusterPlan;
  readonly observed: ObservedAzure;
  readonly pool: PlannedPool;
  readonly shard: PlannedShard;
}

/**
 * Brings the MachineDeployment of one pool in one zone to what the plan says, with its templates, and looks once how far
 * its machines are; the cluster's own controllers make, replace and remove them. The health check is put in place when
 * all are ready: before that a machine that does not come is reported with its cause, not replaced again and again.
 */
export async function scaleShard(
  context: ShardContext,
  state: ScaleState = {},
): Promise<Outcome<{ readonly replicas: number }>> {
  const { client, plan, pool, shard } = context;
  const name = shard.machineDeployment;
  try {
    const cluster = await client.get(ownerReferences(plan).cluster);
    if (cluster?.metadata.uid === undefined) {
      return failed(registered('CAP-5302', plan.name, 'the Cluster is gone'));
    }
    const selector = `${wellKnown.deploymentName}=${name}`;
    const reference = { ...referenceOf(wantedDeployment(context, 0)) };
    const uids = new Map([uidOf(cluster)]);
    if (state.begun !== true) await clearFailedMachines(client, plan, selector);
    const deployment =
      state.begun === true
        ? await client.get(reference)
        : await ensureShard(context, await client.get(reference), uids);
    if (deployment === undefined) return wait(5, { sentence: `${name} is made again` });
    const replicas = numberField(deployment, 'spec', 'replicas') ?? shard.replicas;
    const machines = await readMachines(client, plan, selector);
    const outcome = machineOutcome(machines, replicas, { replicas }, state, `the machines of ${name}`);
    if (outcome.status !== 'done') return pausedOutcome([cluster, deployment], outcome, state);
    if (!isSettled(deployment, replicas)) {
      const settling = wait(5, { sentence: `${name} settles` });
      return pausedOutcome([cluster, deployment], settling, state);
    }
    await markLateNodes(context, deployment);
    await applyOwned(context, shardHealthCheck(plan, pool, shard), uids);
    await prune(context, deployment);
    return outcome;
  } catch (error) {
    return errorOutcome(error, name, codes);
  }
}

function isSettled(deployment: KubernetesObject, replicas: number): boolean {
  if (!isObserved(deployment)) return false;
  const upToDate = numberField(deployment, 'status', 'upToDateReplicas');
  return upToDate === undefined || upToDate === replicas;
}

function wantedDeployment(context: ShardContext, replicas: number): KubernetesObject {
  const { plan, pool, shard } = context;
  const name = shard.machineDeployment;
  return machineDeployment(plan, pool, shard, { machine: name, bootstrap: name }, replicas);
}

/**
 * Templates, then the MachineDeployment that refers to them, so that an interruption before the last repeats
 * everything. The size is, with an autoscaler, whatever it decided, kept in its bounds.
 */
async function ensureShard(
  context: ShardContext,
  existing: KubernetesObject | undefined,
  uids: Map<string, string>,
): Promise<KubernetesObject> {
  const { plan, observed, pool, shard } = context;
  const [machineTemplate, bootstrapTemplate] = shardTemplates(plan, pool, shard);
  const machine = await ensureTemplate(context, machineTemplate, uids);
  uids.set(...uidOf(machine));
  // The secret belongs to the first template: CAPZ makes the same one, under the same owner, a moment later.
  if (machine.metadata.name === shard.machineDeployment)
    await applyOwned(
      context,
      azureJsonSecret(plan, observed.identityClientId, 'worker', shard.machineDeployment),
      uids,
    );
  if (existing !== undefined) await markNodes(context, existing);
  const bootstrap = await ensureTemplate(context, bootstrapTemplate, uids);
  const live = existing === undefined ? undefined : numberField(existing, 'spec', 'replicas');
  const bounds = shardBounds(plan, pool, shard);
  const replicas =
    bounds === undefined || live === undefined ? shard.replicas : Math.min(Math.max(live, bounds.min), bounds.max);
  const templates = { machine: machine.metadata.name, bootstrap: bootstrap.metadata.name };
  return applyOwned(context, machineDeployment(plan, pool, shard, templates, replicas), uids);
}

async function prune(context: ShardContext, deployment: KubernetesObject): Promise<void> {
  const { plan, pool, shard } = context;
  const name = shard.machineDeployment;
  const spec = deployment['spec'] as {
    template?: {
      spec?: { infrastructureRef?: { name?: string }; bootstrap?: { configRef?: { name?: string } } };
    };
  };
  const inUse = {
    AzureMachineTemplate: spec.template?.spec?.infrastructureRef?.name ?? name,
    KubeadmConfigTemplate: spec.template?.spec?.bootstrap?.configRef?.name ?? name,
  };
  const [machine, bootstrap] = shardTemplates(plan, pool, shard);
  await pruneTemplates(context, name, machine, [name, inUse.AzureMachineTemplate]);
  await pruneTemplates(context, name, bootstrap, [name, inUse.KubeadmConfigTemplate]);
}
