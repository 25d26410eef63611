import type { Clock } from '#local/azure/clock.ts';
import { setConditions } from '../conditions.ts';
import type { ConditionUpdate } from '../conditions.ts';
import type { PodObject, WorkloadObject } from '../kinds.ts';
import { DEPLOYMENT, POD, REPLICA_SET } from '../kinds.ts';
import type { Kind, Kube } from '../objects.ts';
import { controllerOf, ownerReference } from '../objects.ts';
import type { Reconciler } from '../runtime.ts';
import {
  createPod,
  freeName,
  isActivePod,
  isReadyPod,
  podsOf,
  takenNames,
  templateHash,
  toController,
} from './pods.ts';

/** Deployments: one ReplicaSet per template, the new one first, the old ones drained once the new is ready. */
export function createDeployments(kube: Kube, clock: Clock): Reconciler {
  const stuckSince = new Map<string, number>();
  return {
    name: 'deployment-controller',
    watches: [{ kind: DEPLOYMENT }, { kind: REPLICA_SET, map: toController(DEPLOYMENT) }],
    reconcile: (key) => {
      const deployment = kube.get(DEPLOYMENT, key.namespace, key.name);
      if (deployment === undefined || deployment.metadata.deletionTimestamp !== undefined) return undefined;
      const wanted = deployment.spec?.replicas ?? 1;
      const current = ensureReplicaSet(kube, deployment, wanted);
      const others = kube
        .list(REPLICA_SET, key.namespace)
        .filter(
          (set) => controllerOf(set)?.uid === deployment.metadata.uid && set.metadata.name !== current.metadata.name,
        );
      const ready = current.status?.readyReplicas ?? 0;
      if (ready >= wanted) others.forEach((set) => kube.patch(set, { spec: { replicas: 0 } }));
      const sum = (read: (set: WorkloadObject) => number | undefined): number =>
        [current, ...others].reduce((total, set) => total + (read(set) ?? 0), 0);
      const available = sum((set) => set.status?.readyReplicas);
      const left = deadlineLeft(kube, clock, deployment, current, stuckSince);
      kube.patchStatus(deployment, {
        observedGeneration: deployment.metadata.generation ?? 1,
        replicas: sum((set) => set.status?.replicas),
        updatedReplicas: current.status?.replicas ?? 0,
        readyReplicas: available,
        availableReplicas: available,
        unavailableReplicas: Math.max(0, wanted - available),
        conditions: setConditions(
          deployment.status?.conditions,
          conditionsOf(kube, current, { wanted, ready, available, late: left === 0 }),
          clock.now(),
        ),
      });
      return left === undefined || left === 0 ? undefined : { requeueAfter: left };
    },
  };
}

function conditionsOf(
  kube: Kube,
  current: WorkloadObject,
  counts: { wanted: number; ready: number; available: number; late: boolean },
): ConditionUpdate[] {
  const name = current.metadata.name;
  const isAvailable =
    counts.available >= Math.max(1, Math.min(counts.wanted, Math.ceil(counts.wanted * 0.75))) || counts.wanted === 0;
  const reason = isAvailable ? '' : blockingReason(podsOf(kube, current));
  return [
    isAvailable
      ? {
          type: 'Available',
          status: true,
          reason: 'MinimumReplicasAvailable',
          message: 'Deployment has minimum availability.',
        }
      : {
          type: 'Available',
          status: false,
          reason: 'MinimumReplicasUnavailable',
          message: `Deployment does not have minimum availability.${reason === '' ? '' : ` ${reason}`}`,
        },
    counts.ready >= counts.wanted
      ? {
          type: 'Progressing',
          status: true,
          reason: 'NewReplicaSetAvailable',
          message: `ReplicaSet "${name}" has successfully progressed.`,
        }
      : counts.late
        ? {
            type: 'Progressing',
            status: false,
            reason: 'ProgressDeadlineExceeded',
            message: `ReplicaSet "${name}" has timed out progressing.${reason === '' ? '' : ` ${reason}`}`,
          }
        : {
            type: 'Progressing',
            status: true,
            reason: 'ReplicaSetUpdated',
            message: `ReplicaSet "${name}" is progressing.`,
          },
  ];
}

/** Kubernetes' default of progressDeadlineSeconds. */
const PROGRESS_SECONDS = 600;
/** Of this computer's time, where the default applies: simulated time runs faster than the work behind it, and being slow is no failure. */
const LEAST_WALL_SECONDS = 10;

/**
 * Azure seconds until the Deployment counts as stuck; 0 when it does, undefined while nothing holds it up. Only what
 * does not pass by itself counts: an image that cannot be pulled, a pod that no node takes.
 */
function deadlineLeft(
  kube: Kube,
  clock: Clock,
  deployment: WorkloadObject,
  current: WorkloadObject,
  stuckSince: Map<string, number>,
): number | undefined {
  const id = `${deployment.metadata.uid ?? ''}/${current.metadata.name}`;
  const isStuck = podsOf(kube, current).some((pod) =>
    (pod.status?.conditions ?? []).some(
      (condition) =>
        condition.status === 'False' &&
        (condition.reason === 'Unschedulable' || condition.message.startsWith('ImagePullBackOff')),
    ),
  );
  if (!isStuck) {
    stuckSince.delete(id);
    return undefined;
  }
  const since = stuckSince.get(id) ?? clock.now();
  stuckSince.set(id, since);
  const asked = deployment.spec?.progressDeadlineSeconds ?? PROGRESS_SECONDS;
  const deadline = asked === PROGRESS_SECONDS ? Math.max(asked, LEAST_WALL_SECONDS * clock.timeScale) : asked;
  return Math.max(0, deadline - ((clock.now() - since) / 1000) * clock.timeScale);
}

/** The first thing that keeps a pod of the set from running, as its conditions tell. */
function blockingReason(pods: readonly PodObject[]): string {
  for (const pod of pods) {
    const blocked = pod.status?.conditions?.find(
      (condition) => condition.status === 'False' && condition.message !== '',
    );
    if (blocked !== undefined) return `Pod ${pod.metadata.name}: ${blocked.message}`;
  }
  return '';
}

function ensureReplicaSet(kube: Kube, deployment: WorkloadObject, replicas: number): WorkloadObject {
  const hash = templateHash(deployment.spec?.template);
  const namespace = deployment.metadata.namespace ?? 'default';
  const name = `${deployment.metadata.name}-${hash}`;
  const existing = kube.get(REPLICA_SET, namespace, name);
  if (existing !== undefined) return kube.patch(existing, { spec: { replicas } });
  const labels = { ...deployment.spec?.template?.metadata?.labels, 'pod-template-hash': hash };
  return kube.create<WorkloadObject>({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name, namespace, labels, ownerReferences: [ownerReference(deployment, true)] },
    spec: {
      replicas,
      selector: { matchLabels: { ...deployment.spec?.selector?.matchLabels, 'pod-template-hash': hash } },
      template: { ...deployment.spec?.template, metadata: { ...deployment.spec?.template?.metadata, labels } },
    },
  });
}

/** ReplicaSets and StatefulSets keep their count of pods and report how many are ready. */
export function createReplicaController(kube: Kube, kind: Kind<WorkloadObject>): Reconciler {
  return {
    name: `${kind.kind.toLowerCase()}-controller`,
    watches: [{ kind }, { kind: POD, map: toController(kind) }],
    reconcile: (key) => {
      const set = kube.get(kind, key.namespace, key.name);
      if (set === undefined || set.metadata.deletionTimestamp !== undefined) return undefined;
      const wanted = set.spec?.replicas ?? 1;
      const owned = podsOf(kube, set);
      const active = owned.filter(isActivePod);
      const taken = takenNames(kube, key.namespace, active.length < wanted);
      for (let count = active.length; count < wanted; count += 1) {
        const name = kind.kind === 'StatefulSet' ? ordinalName(key.name, taken) : freeName(key.name, taken);
        taken.add(name);
        createPod(kube, set, set.spec?.template ?? {}, name);
      }
      const surplus = active.toSorted((left, right) => Number(isReadyPod(left)) - Number(isReadyPod(right)));
      surplus.slice(0, Math.max(0, active.length - wanted)).forEach((pod) => kube.remove(pod));
      const ready = active.filter(isReadyPod).length;
      kube.patchStatus(set, {
        observedGeneration: set.metadata.generation ?? 1,
        replicas: Math.min(wanted, active.length),
        readyReplicas: ready,
        availableReplicas: ready,
        ...(kind.kind === 'StatefulSet'
          ? { currentReplicas: active.length, updatedReplicas: active.length }
          : { fullyLabeledReplicas: active.length }),
      });
      return undefined;
    },
  };
}

function ordinalName(prefix: string, taken: ReadonlySet<string>): string {
  for (let index = 0; ; index += 1) if (!taken.has(`${prefix}-${index}`)) return `${prefix}-${index}`;
}
