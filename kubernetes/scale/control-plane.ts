import { wellKnown } from '#domain/cluster-api/names.ts';
import { numberField, ownerReference, referenceOf } from '#domain/cluster-api/object.ts';
import { ownerReferences } from '#domain/cluster-api/owners.ts';
import { controlPlaneHealthCheck } from '#domain/cluster-api/pools.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { failed, wait } from '#domain/outcome.ts';
import type { Outcome } from '#domain/outcome.ts';
import type { KubernetesClient } from '../client/client.ts';
import { errorOutcome, registered } from '../client/errors.ts';
import { readMachines } from './machines.ts';
import { machineOutcome } from './progress.ts';
import type { ScaleState } from './progress.ts';

const codes = { refused: 'CAP-5101' } as const;

/**
 * Brings the control plane to `plan.controlPlane.replicas` (or `replicas`) and looks once how far it is. The
 * controller adds one machine at a time. When all are ready, the health check is put in place.
 */
export async function scaleControlPlane(
  context: { readonly client: KubernetesClient; readonly plan: ClusterPlan; readonly replicas?: number },
  state: ScaleState = {},
): Promise<Outcome<{ readonly replicas: number }>> {
  const { client, plan } = context;
  const wanted = context.replicas ?? plan.controlPlane.replicas;
  const owners = ownerReferences(plan);
  try {
    const controlPlane = await client.get(owners.controlPlane);
    const cluster = await client.get(owners.cluster);
    if (controlPlane === undefined || cluster?.metadata.uid === undefined) {
      return failed(registered('CAP-5302', owners.controlPlane.name, 'the KubeadmControlPlane or the Cluster is gone'));
    }
    if (numberField(controlPlane, 'spec', 'replicas') !== wanted) {
      await client.mergePatch(owners.controlPlane, { spec: { replicas: wanted } });
    }
    const machines = await readMachines(client, plan, wellKnown.controlPlane);
    const outcome = machineOutcome(machines, wanted, { replicas: wanted }, state, 'the next machine');
    if (outcome.status !== 'done') {
      return outcome;
    }
    if (numberField(controlPlane, 'status', 'upToDateReplicas') !== wanted) {
      return wait(5, { sentence: `${wanted} of ${wanted} ready · the control plane settles` });
    }
    const check = controlPlaneHealthCheck(plan);
    const owner = ownerReference(referenceOf(cluster), cluster.metadata.uid, { controller: false });
    await client.apply({ ...check, metadata: { ...check.metadata, ownerReferences: [owner] } }, { force: true });
    return outcome;
  } catch (error) {
    return errorOutcome(error, owners.controlPlane.name, codes);
  }
}
