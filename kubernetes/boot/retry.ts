import { armId } from '#domain/names/names.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import type { BootProgress } from './progress.ts';

/** How long a first machine may take from its creation, in Azure seconds: kubeadm's own wait is 20 minutes. */
export const bootLimitSeconds = 1800;

/** What is known when the first machine does not come up. */
export interface BootSituation {
  readonly plan: ClusterPlan;
  readonly progress: BootProgress;
  /** Azure seconds since the machine was created. */
  readonly elapsedSeconds: number;
  /** How often this machine was replaced already. */
  readonly replacements: number;
  /** The API server answered once, or the hand-over has begun: the machine holds the cluster's state. */
  readonly holdsState: boolean;
}

/** What to do about a first machine that boots. */
export type BootDecision =
  | { readonly next: 'wait' }
  /** Delete these, in this order, then run the control-plane step again: it makes the machine anew, with the same keys. */
  | { readonly next: 'replace'; readonly because: string; readonly remove: readonly RemovedResource[] }
  | { readonly next: 'fail'; readonly because: string };

export interface RemovedResource {
  readonly kind: 'virtualMachine' | 'disk';
  readonly id: string;
}

/** Failures that a fresh machine would meet again: the user data, the image's kubeadm, the size. */
const willRepeat: readonly RegExp[] = [
  /invalid user-data|yaml blob|Failed to run module/i,
  /number of available CPUs|system RAM|kubelet version|swap is|unsupported|unknown (field|command|flag)|could not interpret|not found in \$?PATH|command not found/i,
];

/**
 * Decides over a first machine that has not come up: one clean retry on a fresh virtual machine where that is safe.
 * Safe means that the machine never answered as an API server, so nothing but its own disks is lost; and useful means
 * that the failure is not one that the same user data meets again. The data disk goes with the machine: a half-made
 * etcd on it would be taken for an existing member.
 */
export function decideBoot(situation: BootSituation): BootDecision {
  const { plan, progress, elapsedSeconds, replacements, holdsState } = situation;
  const late = elapsedSeconds > bootLimitSeconds;
  if (progress.state === 'booting' && !late) {
    return { next: 'wait' };
  }
  const because =
    progress.state === 'failed'
      ? `${progress.phase}: ${progress.reason}`
      : `${progress.phase}: nothing new for ${Math.round(elapsedSeconds / 60)} minutes, last "${progress.last}"`;
  const hopeless = progress.state === 'failed' && willRepeat.some((pattern) => pattern.test(progress.reason));
  if (holdsState || replacements > 0 || hopeless) {
    return { next: 'fail', because };
  }
  const { subscriptionId, resourceGroup } = plan.azure;
  const name = plan.controlPlane.machineName;
  const disk = (suffix: string): RemovedResource => ({
    kind: 'disk',
    id: armId(subscriptionId, resourceGroup, 'Microsoft.Compute/disks', `${name}_${suffix}`),
  });
  const machine = armId(subscriptionId, resourceGroup, 'Microsoft.Compute/virtualMachines', name);
  return {
    next: 'replace',
    because,
    remove: [{ kind: 'virtualMachine', id: machine }, disk('OSDisk'), disk('etcddisk')],
  };
}
