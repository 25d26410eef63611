import type { ControllerContext } from './context.ts';
import { ANNOTATION, KUBEADM_CONFIG_TEMPLATE, LABEL, MACHINE, MACHINE_DEPLOYMENT } from './cluster-api/kinds.ts';
import type { MachineSetObject } from './cluster-api/kinds.ts';
import type { NodeObject, PodObject, Taint } from './kinds.ts';
import { NODE, POD } from './kinds.ts';
import type { HostedControllers } from './manager.ts';
import type { Kube } from './objects.ts';
import { controllerOf } from './objects.ts';
import type { Outcome, Reconciler } from './runtime.ts';
import { placePod } from './workloads/scheduling.ts';

const MIN = 'cluster.x-k8s.io/cluster-api-autoscaler-node-group-min-size';
const MAX = 'cluster.x-k8s.io/cluster-api-autoscaler-node-group-max-size';
/** `--scale-down-unneeded-time`. */
const UNNEEDED_SECONDS = 600;

interface Group {
  readonly deployment: MachineSetObject;
  readonly replicas: number;
  readonly min: number;
  readonly max: number;
}

/**
 * The cluster autoscaler with its Cluster API provider, where its Deployment runs: a pod that no node takes lets the
 * smallest group that could take it grow by one; a node with nothing but daemons for ten minutes goes. Bounds are the
 * annotations on the MachineDeployment; a group without both is left alone.
 */
export function createAutoscaler(context: ControllerContext): HostedControllers {
  return {
    namespace: 'kube-system',
    deployment: 'cluster-autoscaler',
    create: (kube) => [autoscaler(context, kube)],
  };
}

function autoscaler(context: ControllerContext, kube: Kube): Reconciler {
  const { clock } = context.azure;
  const emptySince = new Map<string, number>();
  const self = () => [{ namespace: '', name: 'cluster-autoscaler' }];
  return {
    name: 'cluster-autoscaler',
    watches: [
      { kind: POD, map: self },
      { kind: NODE, map: self },
      { kind: MACHINE_DEPLOYMENT, map: self },
    ],
    reconcile: () => {
      const groups = groupsOf(kube);
      for (const pod of kube.list(POD).filter(isUnschedulable)) if (grow(kube, groups, pod)) return undefined;
      return shrink(kube, groups, emptySince, clock);
    },
  };
}

function groupsOf(kube: Kube): Group[] {
  return kube.list(MACHINE_DEPLOYMENT).flatMap((deployment) => {
    const bound = (name: string): number => Number(deployment.metadata.annotations?.[name] ?? Number.NaN);
    const [min, max] = [bound(MIN), bound(MAX)];
    return Number.isNaN(min) || Number.isNaN(max) || deployment.metadata.deletionTimestamp !== undefined
      ? []
      : [{ deployment, replicas: deployment.spec?.replicas ?? 1, min, max }];
  });
}

function isUnschedulable(pod: PodObject): boolean {
  return (
    pod.metadata.deletionTimestamp === undefined &&
    (pod.spec?.nodeName ?? '') === '' &&
    pod.status?.conditions?.some((condition) => condition.reason === 'Unschedulable') === true
  );
}

/** True when a group was asked to grow, or is growing already, for the pod. */
function grow(kube: Kube, groups: readonly Group[], pod: PodObject): boolean {
  const fitting = groups
    .filter((group) => placePod(pod.spec ?? {}, [sampleNode(kube, group)]).feasible.length > 0)
    .toSorted((left, right) => left.replicas - right.replicas);
  if (fitting.some((group) => (group.deployment.status?.readyReplicas ?? 0) < group.replicas)) return true;
  const chosen = fitting.find((group) => group.replicas < group.max);
  if (chosen === undefined) return false;
  kube.patch(chosen.deployment, { spec: { replicas: chosen.replicas + 1 } });
  kube.event(
    pod,
    'Normal',
    'TriggeredScaleUp',
    `pod triggered scale-up: [{MachineDeployment/${chosen.deployment.metadata.namespace ?? ''}/${chosen.deployment.metadata.name} ${chosen.replicas}->${chosen.replicas + 1} (max: ${chosen.max})}]`,
  );
  return true;
}

/** A node as the group would make it: labels and taints of its kubeadm template. */
function sampleNode(kube: Kube, { deployment }: Group): NodeObject {
  const reference = deployment.spec?.template.spec.bootstrap.configRef?.name ?? '';
  const template = kube.get(KUBEADM_CONFIG_TEMPLATE, deployment.metadata.namespace ?? '', reference);
  const registration = (template?.spec?.template.spec.joinConfiguration?.['nodeRegistration'] ?? {}) as {
    kubeletExtraArgs?: { name: string; value?: string }[];
    taints?: Taint[];
  };
  const text = registration.kubeletExtraArgs?.find((argument) => argument.name === 'node-labels')?.value ?? '';
  const labels = Object.fromEntries(
    text
      .split(',')
      .filter((pair) => pair.includes('='))
      .map((pair) => pair.split('=') as [string, string]),
  );
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'sample', labels },
    spec: { taints: registration.taints ?? [] },
  };
}

function shrink(
  kube: Kube,
  groups: readonly Group[],
  emptySince: Map<string, number>,
  clock: ControllerContext['azure']['clock'],
): Outcome | undefined {
  let next: number | undefined;
  for (const { deployment, replicas, min } of groups) {
    if (replicas <= min || (deployment.status?.readyReplicas ?? 0) < replicas) continue;
    for (const machine of kube
      .list(MACHINE, deployment.metadata.namespace ?? '')
      .filter((candidate) => candidate.metadata.labels?.[LABEL.deployment] === deployment.metadata.name)) {
      const node = machine.status?.nodeRef?.name ?? '';
      if (node === '' || !isEmpty(kube, node)) {
        emptySince.delete(node);
        continue;
      }
      const since = emptySince.get(node) ?? clock.now();
      emptySince.set(node, since);
      const left = UNNEEDED_SECONDS - ((clock.now() - since) / 1000) * clock.timeScale;
      if (left > 0.01) {
        next = Math.min(next ?? left, left);
        continue;
      }
      emptySince.delete(node);
      kube.patch(machine, { metadata: { annotations: { [ANNOTATION.deleteMachine]: 'yes' } } });
      kube.patch(deployment, { spec: { replicas: replicas - 1 } });
      return { requeueAfter: 10 };
    }
  }
  return next === undefined ? undefined : { requeueAfter: next };
}

/** Nothing but daemons and finished pods. */
function isEmpty(kube: Kube, node: string): boolean {
  return !kube
    .list(POD)
    .some(
      (pod) =>
        pod.spec?.nodeName === node &&
        pod.status?.phase !== 'Succeeded' &&
        pod.status?.phase !== 'Failed' &&
        controllerOf(pod)?.kind !== 'DaemonSet',
    );
}
