import type { KubeObject } from '../../contract.ts';
import type { PodObject } from '../kinds.ts';
import { POD } from '../kinds.ts';
import type { Kind, Kube } from '../objects.ts';
import { controllerOf } from '../objects.ts';
import { isActivePod, isReadyPod } from '../workloads/pods.ts';

interface BudgetObject extends KubeObject {
  spec?: {
    minAvailable?: number | string;
    maxUnavailable?: number | string;
    selector?: { matchLabels?: Record<string, string> };
  };
}

const BUDGET: Kind<BudgetObject> = { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget' };

/**
 * Evicts the pods of a node, as the Machine controller drains it: DaemonSet and mirror pods stay, and a pod whose
 * disruption budget has no room is tried again later. Returns what is still in the way, or undefined when it is empty.
 */
export function drain(kube: Kube, node: string): string | undefined {
  const held: string[] = [];
  for (const pod of kube.list(POD).filter((candidate) => candidate.spec?.nodeName === node && isActivePod(candidate))) {
    if (
      controllerOf(pod)?.kind === 'DaemonSet' ||
      pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined
    )
      continue;
    if (hasRoom(kube, pod)) kube.remove(pod);
    else held.push(`${pod.metadata.namespace ?? ''}/${pod.metadata.name}`);
  }
  return held.length === 0
    ? undefined
    : `Drain not completed yet: Pods ${held.join(', ')}: cannot evict pod as it would violate the pod's disruption budget`;
}

function hasRoom(kube: Kube, pod: PodObject): boolean {
  const namespace = pod.metadata.namespace ?? '';
  return kube
    .list(BUDGET, namespace)
    .filter((budget) => selects(budget, pod))
    .every((budget) => {
      const all = kube.list(POD, namespace).filter((other) => selects(budget, other) && isActivePod(other));
      const ready = all.filter(isReadyPod).length;
      const count = (value: number | string): number =>
        typeof value === 'number' ? value : Math.ceil((Number.parseFloat(value) / 100) * all.length);
      const { minAvailable, maxUnavailable } = budget.spec ?? {};
      const needed = minAvailable === undefined ? all.length - count(maxUnavailable ?? 0) : count(minAvailable);
      return !isReadyPod(pod) || ready - 1 >= needed;
    });
}

function selects(budget: BudgetObject, pod: PodObject): boolean {
  const wanted = Object.entries(budget.spec?.selector?.matchLabels ?? {});
  return wanted.length > 0 && wanted.every(([name, value]) => pod.metadata.labels?.[name] === value);
}
