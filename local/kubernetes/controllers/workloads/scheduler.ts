import type { Clock } from '#local/azure/clock.ts';
import { setConditions } from '../conditions.ts';
import type { NodeObject, PodObject } from '../kinds.ts';
import { NODE, POD } from '../kinds.ts';
import type { Kube } from '../objects.ts';
import { keyOf } from '../objects.ts';
import type { Reconciler } from '../runtime.ts';
import { placePod } from './scheduling.ts';

/** The default scheduler, reduced to what decides: taints, tolerations, node selector, node affinity, fewest pods first. */
export function createScheduler(kube: Kube, clock: Clock): Reconciler {
  return {
    name: 'default-scheduler',
    watches: [
      { kind: POD, map: (pod) => (isUnscheduled(pod) ? [keyOf(pod)] : []) },
      { kind: NODE, map: () => kube.list(POD, undefined, undefined, isUnscheduled).map(keyOf) },
    ],
    reconcile: (key) => {
      const pod = kube.get(POD, key.namespace, key.name);
      if (pod === undefined || !isUnscheduled(pod)) return undefined;
      const { feasible, message } = placePod(pod.spec ?? {}, kube.list(NODE));
      const node = leastLoaded(feasible, kube);
      if (node === undefined) {
        const conditions = setConditions(
          pod.status?.conditions,
          [{ type: 'PodScheduled', status: false, reason: 'Unschedulable', message }],
          clock.now(),
        );
        const isNews =
          pod.status?.conditions?.find((condition) => condition.type === 'PodScheduled')?.message !== message;
        kube.patchStatus(pod, { phase: 'Pending', conditions });
        if (isNews) kube.event(pod, 'Warning', 'FailedScheduling', message);
        return undefined;
      }
      const bound = kube.patch(pod, { spec: { nodeName: node.metadata.name } });
      const conditions = setConditions(
        pod.status?.conditions,
        [{ type: 'PodScheduled', status: true, reason: 'Scheduled' }],
        clock.now(),
      );
      kube.patchStatus(bound, { phase: 'Pending', conditions });
      kube.event(
        pod,
        'Normal',
        'Scheduled',
        `Successfully assigned ${key.namespace}/${key.name} to ${node.metadata.name}`,
      );
      return undefined;
    },
  };
}

function isUnscheduled(pod: PodObject): boolean {
  return (pod.spec?.nodeName ?? '') === '' && pod.metadata.deletionTimestamp === undefined;
}

function leastLoaded(nodes: readonly NodeObject[], kube: Kube): NodeObject | undefined {
  if (nodes.length < 2) return nodes[0];
  const load = new Map<string, number>();
  for (const pod of kube.list(POD)) {
    const name = pod.spec?.nodeName;
    if (name !== undefined) load.set(name, (load.get(name) ?? 0) + 1);
  }
  const loadOf = (node: NodeObject): number => load.get(node.metadata.name) ?? 0;
  return nodes.toSorted((left, right) => loadOf(left) - loadOf(right))[0];
}
