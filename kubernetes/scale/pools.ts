import { wellKnown } from '#domain/cluster-api/names.ts';
import type { ObservedAzure } from '#domain/cluster-api/cluster.ts';
import { numberField, ownerReference, referenceKey, referenceOf } from '#domain/cluster-api/object.ts';
import type { KubernetesObject } from '#domain/cluster-api/object.ts';
import { ownerReferences, ownershipOf } from '#domain/cluster-api/owners.ts';
import { shardBounds, shardDocuments, shardHealthCheck } from '#domain/cluster-api/pools.ts';
import { azureJsonSecret } from '#domain/cluster-api/secrets.ts';
import type { ClusterPlan, PlannedPool, PlannedShard } from '#domain/plan/types.ts';
import { failed } from '#domain/outcome.ts';
import type { Outcome } from '#domain/outcome.ts';
import type { KubernetesClient } from '../client/client.ts';
import { errorOutcome, registered } from '../client/errors.ts';
import { readMachines } from './machines.ts';
import { machineOutcome } from './progress.ts';
import type { ScaleState } from './progress.ts';

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
 * Creates the MachineDeployment of one pool in one zone with its templates, or patches its replica count, and looks
 * once how far its machines are. The health check is put in place when all are ready: before that a machine that does
 * not come is reported with its cause, not replaced again and again.
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
    const replicas = await ensureShard(context, cluster);
    const machines = await readMachines(client, plan, `${wellKnown.deploymentName}=${name}`);
    const outcome = machineOutcome(machines, replicas, { replicas }, state, `the machines of ${name}`);
    if (outcome.status === 'done') {
      await applyOwned(context, shardHealthCheck(plan, pool, shard), new Map([uidOf(cluster)]));
    }
    return outcome;
  } catch (error) {
    return errorOutcome(error, name, codes);
  }
}

/** Returns how many machines the shard must have: with an autoscaler whatever it decided, kept in its bounds. */
async function ensureShard(context: ShardContext, cluster: KubernetesObject): Promise<number> {
  const { client, plan, observed, pool, shard } = context;
  const documents = shardDocuments(plan, pool, shard);
  const deployment = documents.find((document) => document.kind === 'MachineDeployment');
  const existing = deployment === undefined ? undefined : await client.get(referenceOf(deployment));
  if (existing !== undefined) {
    const live = numberField(existing, 'spec', 'replicas') ?? shard.replicas;
    const bounds = shardBounds(plan, pool, shard);
    const wanted = bounds === undefined ? shard.replicas : Math.min(Math.max(live, bounds.min), bounds.max);
    const annotations = changedAnnotations(existing, deployment);
    if (live !== wanted || annotations !== undefined) {
      await client.mergePatch(referenceOf(existing), {
        spec: { replicas: wanted },
        ...(annotations === undefined ? {} : { metadata: { annotations } }),
      });
    }
    return wanted;
  }
  const uids = new Map([uidOf(cluster)]);
  const secret = azureJsonSecret(plan, observed.identityClientId, 'worker', shard.machineDeployment);
  const [template, ...rest] = documents;
  // The secret belongs to the template: CAPZ makes the same one, under the same owner, a moment later. The
  // MachineDeployment comes last, so that an interruption before it repeats everything.
  for (const document of [...(template === undefined ? [] : [template]), secret, ...rest]) {
    uids.set(...uidOf(await applyOwned(context, document, uids)));
  }
  return shard.replicas;
}

/** Autoscaler bounds that differ from the wanted ones; null removes one. */
function changedAnnotations(
  existing: KubernetesObject,
  wanted: KubernetesObject | undefined,
): Readonly<Record<string, string | null>> | undefined {
  const changed = [wellKnown.autoscalerMin, wellKnown.autoscalerMax].flatMap((name) => {
    const value = wanted?.metadata.annotations?.[name];
    return value === existing.metadata.annotations?.[name] ? [] : [[name, value ?? null] as const];
  });
  return changed.length === 0 ? undefined : Object.fromEntries(changed);
}

/** Applies a document with the owner it has by Cluster API's table, as far as the owner's uid is known. */
async function applyOwned(
  context: ShardContext,
  document: KubernetesObject,
  uids: ReadonlyMap<string, string>,
): Promise<KubernetesObject> {
  const ownership = ownershipOf(context.plan, referenceOf(document));
  const uid = ownership === undefined ? undefined : uids.get(referenceKey(ownership.owner));
  const owners =
    ownership === undefined || uid === undefined
      ? {}
      : { ownerReferences: [ownerReference(ownership.owner, uid, { controller: ownership.controller })] };
  return context.client.apply({ ...document, metadata: { ...document.metadata, ...owners } }, { force: true });
}

function uidOf(object: KubernetesObject): readonly [string, string] {
  return [referenceKey(referenceOf(object)), object.metadata.uid ?? ''];
}
