import { isTrue, setConditions } from '../conditions.ts';
import type { ConditionUpdate } from '../conditions.ts';
import type { Kube } from '../objects.ts';
import type { ControlPlaneObject, MachineObject } from './kinds.ts';

/**
 * The kubeadm control plane's remediation of Machines that a MachineHealthCheck has marked: one at a time, never the
 * last one, never while another is being deleted, and only while etcd keeps its quorum without it (Cluster API book,
 * "Control plane remediation"). Returns the Machine that was removed, if one was.
 */
export function remediateControlPlane(
  kube: Kube,
  controlPlane: ControlPlaneObject,
  machines: readonly MachineObject[],
  now: number,
): MachineObject | undefined {
  const victim = machines.find((machine) => machine.metadata.deletionTimestamp === undefined && isMarked(machine));
  if (victim === undefined) return undefined;
  const refusal = whyNot(controlPlane, machines, victim);
  const update: ConditionUpdate =
    refusal === undefined
      ? {
          type: 'OwnerRemediated',
          status: false,
          reason: 'MachineDeleting',
          message: 'Machine is deleted to be replaced',
        }
      : { type: 'OwnerRemediated', status: false, reason: refusal.reason, message: refusal.message };
  const current = kube.patchStatus(victim, { conditions: setConditions(victim.status?.conditions, [update], now) });
  if (refusal !== undefined) return undefined;
  kube.event(controlPlane, 'Normal', 'Remediating', `Deleting unhealthy Machine ${victim.metadata.name}`);
  kube.remove(current);
  return victim;
}

function isMarked(machine: MachineObject): boolean {
  return (machine.status?.conditions ?? []).some(
    (condition) => condition.type === 'OwnerRemediated' && condition.status === 'False',
  );
}

function whyNot(
  controlPlane: ControlPlaneObject,
  machines: readonly MachineObject[],
  victim: MachineObject,
): { readonly reason: string; readonly message: string } | undefined {
  if (controlPlane.status?.initialization?.controlPlaneInitialized !== true)
    return { reason: 'CannotBeRemediated', message: 'the control plane is not initialized' };
  if (machines.length <= 1)
    return { reason: 'CannotBeRemediated', message: 'there is no other control plane Machine: etcd would be lost' };
  const deleting = machines.find((machine) => machine.metadata.deletionTimestamp !== undefined);
  if (deleting !== undefined)
    return { reason: 'RemediationDeferred', message: `Machine ${deleting.metadata.name} is still being deleted` };
  const others = machines.filter((machine) => machine !== victim);
  const healthy = others.filter((machine) => isTrue(machine.status?.conditions, 'NodeReady')).length;
  const quorum = Math.floor(others.length / 2) + 1;
  return healthy >= quorum
    ? undefined
    : {
        reason: 'CannotBeRemediated',
        message: `etcd would lose its quorum: ${healthy} healthy members of ${others.length}, ${quorum} needed`,
      };
}
