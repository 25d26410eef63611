import type { Clock } from '#local/azure/clock.ts';
import { isTrue, setConditions } from '../conditions.ts';
import type { ConditionUpdate } from '../conditions.ts';
import type { ClusterMachines } from '../context.ts';
import type { NodeObject, PodObject, Taint } from '../kinds.ts';
import { NODE, POD } from '../kinds.ts';
import type { Kube } from '../objects.ts';
import { controllerOf } from '../objects.ts';
import type { Outcome, Reconciler } from '../runtime.ts';
import { isReadyPod } from './pods.ts';

/** DaemonSets that install a network plugin on their node. */
const NETWORK_PLUGINS = /^(calico-node|azure-cni|azure-cns|azure-npm|cilium|kube-flannel(-ds)?|antrea-agent)/;
/** `node-monitor-grace-period` of the controller manager. */
const GRACE_SECONDS = 50;
const PRESSURES = ['MemoryPressure', 'DiskPressure', 'PIDPressure'];

function isNetworkPod(pod: PodObject): boolean {
  const owner = controllerOf(pod);
  return owner?.kind === 'DaemonSet' && NETWORK_PLUGINS.test(owner.name);
}

/** Kubelet heartbeat and node lifecycle controller: the Ready condition and the taints that follow from it. */
export function createNodeLifecycle(kube: Kube, clock: Clock, machines: ClusterMachines): Reconciler {
  const stoppedAt = new Map<string, number>();
  return {
    name: 'node-lifecycle-controller',
    followsMachines: true,
    watches: [
      { kind: NODE },
      {
        kind: POD,
        map: (pod) => (isNetworkPod(pod) ? [{ namespace: '', name: (pod as PodObject).spec?.nodeName ?? '' }] : []),
      },
    ],
    reconcile: (key) => {
      const node = kube.get(NODE, '', key.name);
      if (node === undefined) return undefined;
      if (machines.isRunning(key.name)) {
        stoppedAt.delete(key.name);
        return settle(kube, clock, node, heartbeat(kube, node));
      }
      const since = stoppedAt.get(key.name) ?? clock.now();
      stoppedAt.set(key.name, since);
      const left = GRACE_SECONDS - ((clock.now() - since) / 1000) * clock.timeScale;
      if (left > 0.01) return { requeueAfter: left };
      const unknown = ['Ready', ...PRESSURES].map<ConditionUpdate>((type) => ({
        type,
        status: 'Unknown',
        reason: 'NodeStatusUnknown',
        message: 'Kubelet stopped posting node status.',
      }));
      return settle(kube, clock, node, unknown);
    },
  };
}

function heartbeat(kube: Kube, node: NodeObject): ConditionUpdate[] {
  const isOurs = (pod: PodObject): boolean =>
    pod.spec?.nodeName === node.metadata.name && isNetworkPod(pod) && isReadyPod(pod);
  const hasNetwork = kube.list(POD, undefined, undefined, isOurs).length > 0;
  return [
    ...PRESSURES.map<ConditionUpdate>((type) => ({
      type,
      status: false,
      reason: `KubeletHasNo${type}`,
      message: 'kubelet has sufficient resources',
    })),
    hasNetwork
      ? { type: 'Ready', status: true, reason: 'KubeletReady', message: 'kubelet is posting ready status' }
      : {
          type: 'Ready',
          status: false,
          reason: 'KubeletNotReady',
          message:
            'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized',
        },
  ];
}

function settle(kube: Kube, clock: Clock, node: NodeObject, updates: readonly ConditionUpdate[]): Outcome | undefined {
  const conditions = setConditions(node.status?.conditions, updates, clock.now());
  const updated = kube.patchStatus(node, { conditions });
  const ready = conditions.find((condition) => condition.type === 'Ready');
  const wanted: Taint[] = [];
  if (ready?.status === 'False') wanted.push({ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' });
  if (ready?.status === 'Unknown') wanted.push({ key: 'node.kubernetes.io/unreachable', effect: 'NoSchedule' });
  const managed = new Set(['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']);
  const taints = [...(node.spec?.taints ?? []).filter((taint) => !managed.has(taint.key)), ...wanted];
  kube.patch(updated, { spec: { taints: taints.length === 0 ? null : taints } });
  if (ready?.status === 'Unknown') markPodsNotReady(kube, clock, node);
  if (isTrue(conditions, 'Ready') && !isTrue(node.status?.conditions, 'Ready')) {
    kube.event(node, 'Normal', 'NodeReady', `Node ${node.metadata.name} status is now: NodeReady`);
  }
  return undefined;
}

/** Pods of a silent node stop being ready; those of a deleted node are removed by the pod garbage collector. */
function markPodsNotReady(kube: Kube, clock: Clock, node: NodeObject): void {
  for (const pod of kube
    .list(POD)
    .filter((candidate) => candidate.spec?.nodeName === node.metadata.name && isReadyPod(candidate))) {
    const update: ConditionUpdate = {
      type: 'Ready',
      status: false,
      reason: 'NodeNotReady',
      message: `Node ${node.metadata.name} stopped answering`,
    };
    kube.patchStatus(pod, { conditions: setConditions(pod.status?.conditions, [update], clock.now()) });
  }
}

/** Pod garbage collector: pods bound to a node that is gone are removed. */
export function createPodCollector(kube: Kube): Reconciler {
  return {
    name: 'pod-garbage-collector',
    watches: [{ kind: NODE }],
    reconcile: (key) => {
      if (kube.get(NODE, '', key.name) !== undefined) return undefined;
      kube
        .list(POD)
        .filter((pod) => pod.spec?.nodeName === key.name)
        .forEach((pod) => kube.remove(pod));
      return undefined;
    },
  };
}
