import { armId } from '#domain/names/names.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import type { BootProgress } from './progress.ts';

/** How long a first machine may take from its creation, in Azure seconds: kubeadm's own wait is 20 minutes. */
export const bootLimitSeconds = 1800;

/** What is known when the first machine does not come up. */
export interface BootSituation {
  readonly progress: BootProgress;
  /** Azure seconds since the machine was created. */
  readonly elapsedSeconds: number;
  /** How often this machine was replaced already. */
  readonly replacements: number;
  /** The API server answered once, or the hand-over has begun: the machine holds the cluster's state. */
  readonly holdsState: boolean;
  /** It failed in an operation before this one: whoever applied again may have corrected what it failed on. */
  readonly inherited?: boolean;
}

/** What to do about a first machine that boots. */
export type BootDecision =
  | { readonly next: 'wait' }
  /** Delete `firstMachineResources`, then run the control-plane step again: it makes the machine anew, with the same keys. */
  | { readonly next: 'replace'; readonly because: string }
  | BootEnd;

/** It is given up. */
export interface BootEnd {
  readonly next: 'fail';
  readonly because: string;
  /** Another operation may make the machine anew. */
  readonly mayBeReplaced: boolean;
}

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
 * that the failure is not one that the same user data meets again (of an earlier operation's machine it may). The data disk goes with the machine: a half-made
 * etcd on it would be taken for an existing member.
 */
export function decideBoot(situation: BootSituation): BootDecision {
  const { progress, elapsedSeconds, replacements, holdsState } = situation;
  const late = elapsedSeconds > bootLimitSeconds;
  if (progress.state === 'booting' && !late) {
    return { next: 'wait' };
  }
  const because =
    progress.state === 'failed'
      ? `${progress.phase}: ${progress.reason}`
      : `${progress.phase}: nothing new for ${Math.round(elapsedSeconds / 60)} minutes, last "${progress.last}"`;
  const hopeless =
    situation.inherited !== true &&
    progress.state === 'failed' &&
    willRepeat.some((pattern) => pattern.test(progress.reason));
  return holdsState || replacements > 0 || hopeless
    ? { next: 'fail', because, mayBeReplaced: !holdsState }
    : { next: 'replace', because };
}

/** What goes with a first machine that is made anew, in this order: disks are held by their machine. */
export function firstMachineResources(plan: ClusterPlan): readonly RemovedResource[] {
  const { subscriptionId, resourceGroup } = plan.azure;
  const name = plan.controlPlane.machineName;
  const compute = (type: string, own: string) => armId(subscriptionId, resourceGroup, `Microsoft.Compute/${type}`, own);
  return [
    { kind: 'virtualMachine', id: compute('virtualMachines', name) },
    { kind: 'disk', id: compute('disks', `${name}_OSDisk`) },
    { kind: 'disk', id: compute('disks', `${name}_etcddisk`) },
  ];
}
