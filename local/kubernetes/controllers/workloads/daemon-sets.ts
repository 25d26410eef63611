import type { Clock } from '#local/azure/clock.ts';
import { setConditions } from '../conditions.ts';
import type { Toleration, WorkloadObject } from '../kinds.ts';
import { DAEMON_SET, JOB, NODE, POD } from '../kinds.ts';
import type { Kube } from '../objects.ts';
import { keyOf } from '../objects.ts';
import type { Reconciler } from '../runtime.ts';
import { createPod, freeName, isActivePod, isReadyPod, podsOf, takenNames, toController } from './pods.ts';
import { selectsNode, untoleratedTaint } from './scheduling.ts';

/** Tolerations that the DaemonSet controller adds to its pods (Kubernetes documentation, "Taints and tolerations"). */
const DAEMON_TOLERATIONS: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];

/** DaemonSets: one pod on every node that the template selects and tolerates. */
export function createDaemonSets(kube: Kube): Reconciler {
  return {
    name: 'daemonset-controller',
    watches: [
      { kind: DAEMON_SET },
      { kind: NODE, map: () => kube.list(DAEMON_SET).map(keyOf) },
      { kind: POD, map: toController(DAEMON_SET) },
    ],
    reconcile: (key) => {
      const set = kube.get(DAEMON_SET, key.namespace, key.name);
      if (set === undefined || set.metadata.deletionTimestamp !== undefined) return undefined;
      const template = set.spec?.template ?? {};
      const tolerations = [...(template.spec?.tolerations ?? []), ...DAEMON_TOLERATIONS];
      const eligible = kube
        .list(NODE)
        .filter((node) => untoleratedTaint(node, tolerations) === undefined && selectsNode(template.spec ?? {}, node))
        .map((node) => node.metadata.name);
      const pods = podsOf(kube, set).filter(isActivePod);
      const bare = eligible.filter((name) => !pods.some((pod) => pod.spec?.nodeName === name));
      const taken = takenNames(kube, key.namespace, bare.length > 0);
      for (const node of bare) {
        const name = freeName(key.name, taken);
        taken.add(name);
        createPod(kube, set, { ...template, spec: { ...template.spec, tolerations } }, name, node);
      }
      pods.filter((pod) => !eligible.includes(pod.spec?.nodeName ?? '')).forEach((pod) => kube.remove(pod));
      const ready = pods.filter((pod) => eligible.includes(pod.spec?.nodeName ?? '') && isReadyPod(pod)).length;
      kube.patchStatus(set, {
        observedGeneration: set.metadata.generation ?? 1,
        desiredNumberScheduled: eligible.length,
        currentNumberScheduled: eligible.length,
        updatedNumberScheduled: eligible.length,
        numberMisscheduled: 0,
        numberReady: ready,
        numberAvailable: ready,
        numberUnavailable: eligible.length - ready,
      });
      return undefined;
    },
  };
}

/** Jobs: run pods until the wanted number of them succeeded. */
export function createJobs(kube: Kube, clock: Clock): Reconciler {
  return {
    name: 'job-controller',
    watches: [{ kind: JOB }, { kind: POD, map: toController(JOB) }],
    reconcile: (key) => {
      const job: WorkloadObject | undefined = kube.get(JOB, key.namespace, key.name);
      if (job === undefined || job.metadata.deletionTimestamp !== undefined) return undefined;
      const wanted = job.spec?.completions ?? 1;
      const pods = podsOf(kube, job);
      const succeeded = pods.filter((pod) => pod.status?.phase === 'Succeeded').length;
      const active = pods.filter(isActivePod).length;
      const missing = Math.min(job.spec?.parallelism ?? 1, wanted - succeeded) - active;
      const taken = takenNames(kube, key.namespace, missing > 0);
      for (let count = 0; count < missing; count += 1) {
        const name = freeName(key.name, taken);
        taken.add(name);
        createPod(kube, job, job.spec?.template ?? {}, name);
      }
      const done = succeeded >= wanted;
      kube.patchStatus(job, {
        active,
        ready: pods.filter(isReadyPod).length,
        succeeded,
        ...(done
          ? {
              conditions: setConditions(
                job.status?.conditions,
                [{ type: 'Complete', status: true, reason: 'CompletionsReached' }],
                clock.now(),
              ),
            }
          : {}),
      });
      return undefined;
    },
  };
}
