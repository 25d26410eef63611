import { controlPlaneDocument, controlPlaneTemplateDocument } from '#domain/cluster-api/control-plane.ts';
import { apiVersions, documentNames, wellKnown } from '#domain/cluster-api/names.ts';
import { numberField } from '#domain/cluster-api/object.ts';
import type { KubernetesObject } from '#domain/cluster-api/object.ts';
import { ownerReferences } from '#domain/cluster-api/owners.ts';
import { controlPlaneHealthCheck } from '#domain/cluster-api/pools.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { isOlder } from '#domain/spec/diff.ts';
import { failed, wait } from '#domain/outcome.ts';
import type { Outcome } from '#domain/outcome.ts';
import type { KubernetesClient } from '../client/client.ts';
import { errorOutcome, registered } from '../client/errors.ts';
import { clearFailedMachines, readMachines } from './machines.ts';
import type { MachineView } from './machines.ts';
import { applyOwned, uidOf } from './owned.ts';
import { isObserved, machineOutcome, pausedOutcome } from './progress.ts';
import type { ScaleState } from './progress.ts';
import { ensureTemplate, pruneTemplates } from './templates.ts';

const codes = { refused: 'CAP-5101' } as const;

export interface ControlPlaneContext {
  readonly client: KubernetesClient;
  readonly plan: ClusterPlan;
  /** Other than the plan's. */
  readonly replicas?: number;
  /** Machines made before this moment (RFC 3339) are replaced, whatever they look like. */
  readonly rolloutAfter?: string;
}

/**
 * Brings the control plane to what the plan says (count, version, size, image, configuration) and looks once how far it
 * is. The cluster's own controller replaces and adds one machine at a time. When all are ready and up to date, the
 * health check is put in place and templates that nothing uses are removed.
 */
export async function scaleControlPlane(
  context: ControlPlaneContext,
  state: ScaleState = {},
): Promise<Outcome<{ readonly replicas: number }>> {
  const { client, plan } = context;
  const wanted = context.replicas ?? plan.controlPlane.replicas;
  const owners = ownerReferences(plan);
  try {
    const cluster = await client.get(owners.cluster);
    let controlPlane = await client.get(owners.controlPlane);
    if (controlPlane === undefined || cluster?.metadata.uid === undefined) {
      return failed(registered('CAP-5302', owners.controlPlane.name, 'the KubeadmControlPlane or the Cluster is gone'));
    }
    const uids = new Map([uidOf(cluster)]);
    if (state.begun !== true) {
      const newer = newerMachine(await readMachines(client, plan, wellKnown.controlPlane), plan.kubernetesVersion);
      if (newer !== undefined) return newer;
      await clearFailedMachines(client, plan, wellKnown.controlPlane);
      const template = await ensureTemplate(context, controlPlaneTemplateDocument(plan), uids);
      const change = {
        replicas: wanted,
        template: template.metadata.name,
        ...(context.rolloutAfter === undefined ? {} : { rolloutAfter: context.rolloutAfter }),
      };
      controlPlane = await applyOwned(context, controlPlaneDocument(plan, change), uids);
    }
    const machines = await readMachines(client, plan, wellKnown.controlPlane);
    const outcome = machineOutcome(machines, wanted, { replicas: wanted }, state, 'the next machine');
    if (outcome.status !== 'done') return pausedOutcome([cluster, controlPlane], outcome, state);
    if (!isObserved(controlPlane) || numberField(controlPlane, 'status', 'upToDateReplicas') !== wanted) {
      const settling = wait(5, { sentence: `${wanted} of ${wanted} ready · the control plane settles` });
      return pausedOutcome([cluster, controlPlane], settling, state);
    }
    await applyOwned(context, controlPlaneHealthCheck(plan), uids);
    await pruneTemplates(
      context,
      owners.controlPlane.name,
      { apiVersion: apiVersions.infrastructure, kind: 'AzureMachineTemplate' },
      [documentNames(plan).controlPlaneTemplate, templateOf(controlPlane)],
    );
    return outcome;
  } catch (error) {
    return errorOutcome(error, owners.controlPlane.name, codes);
  }
}

function templateOf(controlPlane: KubernetesObject): string {
  const spec = controlPlane['spec'] as { machineTemplate?: { spec?: { infrastructureRef?: { name?: string } } } };
  return spec.machineTemplate?.spec?.infrastructureRef?.name ?? '';
}

/** A control-plane machine that joined with a newer version keeps the cluster from going back: etcd would be lost. */
function newerMachine(machines: readonly MachineView[], version: string): Outcome<never> | undefined {
  const newer = machines.find(
    (machine) => machine.joined && machine.version !== undefined && isOlder(version, machine.version),
  );
  return newer === undefined
    ? undefined
    : failed(registered('CAP-6008', `Machine ${newer.name}`, `it runs ${newer.version}, and ${version} is asked for`));
}
