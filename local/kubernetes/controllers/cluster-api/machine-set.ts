import { isTrue, setConditions } from '../conditions.ts';
import type { ConditionUpdate } from '../conditions.ts';
import type { ControllerContext } from '../context.ts';
import type { Kube } from '../objects.ts';
import { controllerOf, messageOf, ownerReference, shortHash } from '../objects.ts';
import type { Outcome, Reconciler } from '../runtime.ts';
import { createMachine, nextName } from './clone.ts';
import { clusterOf, dropFinalizer, ensureFinalizer, ofCluster, settlePaused } from './common.ts';
import type { ClusterObject, MachineObject, MachineSetObject } from './kinds.ts';
import {
  ANNOTATION,
  CLUSTER,
  KUBEADM_CONFIG_TEMPLATE,
  LABEL,
  MACHINE,
  MACHINE_DEPLOYMENT,
  MACHINE_SET,
} from './kinds.ts';
import { countMachines } from './machine.ts';
import { machineSetPreflight } from './machine-set-preflight.ts';
import { nextStep, rolloutBounds } from './rollout.ts';

const SET_FINALIZER = 'cluster.x-k8s.io/machineset';
/** Requeue of a MachineSet whose preflight checks fail. */
const PREFLIGHT_SECONDS = 15;
const DEPLOYMENT_FINALIZER = 'cluster.x-k8s.io/machinedeployment';

function selectorText(set: MachineSetObject): string {
  return Object.entries(set.spec?.selector.matchLabels ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}

function machinesOf(kube: Kube, set: MachineSetObject): MachineObject[] {
  return kube
    .list(MACHINE, set.metadata.namespace ?? '')
    .filter((machine) => controllerOf(machine)?.uid === set.metadata.uid);
}

/** MachineSet: keeps its count of Machines, cloned from the bootstrap and infrastructure templates. */
export function createMachineSetController(context: ControllerContext, kube: Kube): Reconciler {
  const { clock } = context.azure;
  return {
    name: 'machineset',
    watches: [
      { kind: MACHINE_SET },
      {
        kind: MACHINE,
        map: (machine) => {
          const owner = controllerOf(machine);
          return owner?.kind === 'MachineSet'
            ? [{ namespace: machine.metadata.namespace ?? '', name: owner.name }]
            : [];
        },
      },
      { kind: CLUSTER, map: (cluster) => ofCluster(cluster, kube.list(MACHINE_SET)) },
      {
        kind: MACHINE_DEPLOYMENT,
        map: (deployment) =>
          setsOf(kube, deployment).map((set) => ({
            namespace: set.metadata.namespace ?? '',
            name: set.metadata.name,
          })),
      },
    ],
    reconcile: (key) => {
      let set = kube.get(MACHINE_SET, key.namespace, key.name);
      if (set?.spec === undefined) return undefined;
      const cluster = clusterOf(kube, set, set.spec.clusterName);
      if (cluster === undefined || settlePaused(kube, clock.now(), cluster, set)) return undefined;
      if (set.metadata.deletionTimestamp !== undefined)
        return removeChildren(kube, set, machinesOf(kube, set), SET_FINALIZER);
      set = ensureFinalizer(kube, set, SET_FINALIZER);
      if (cluster.status?.initialization?.infrastructureProvisioned !== true) return undefined;
      const machines = machinesOf(kube, set);
      const live = machines.filter((machine) => machine.metadata.deletionTimestamp === undefined);
      const wanted = set.spec?.replicas ?? 1;
      machines.forEach((machine) => propagateLabels(kube, set, machine));
      const blocked = live.length < wanted ? machineSetPreflight(kube, cluster, set) : undefined;
      if (blocked !== undefined) {
        kube.event(set, 'Warning', 'MachineSetPreflightCheckFailed', blocked);
        reportSet(context, kube, set, machinesOf(kube, set), blocked);
        return { requeueAfter: PREFLIGHT_SECONDS };
      }
      for (let count = live.length; count < wanted; count += 1)
        addMachine(context, kube, cluster, set, machines.length + count);
      victims(set, live)
        .slice(0, Math.max(0, live.length - wanted))
        .forEach((machine) => kube.remove(machine));
      reportSet(context, kube, set, machinesOf(kube, set));
      return undefined;
    },
    failed: (key, error) => {
      const set = kube.get(MACHINE_SET, key.namespace, key.name);
      if (set !== undefined) kube.event(set, 'Warning', 'FailedCreate', messageOf(error));
    },
  };
}

/** Machines that are marked for deletion go first, then unready ones, then the newest (or the oldest, when asked for). */
function victims(set: MachineSetObject, live: readonly MachineObject[]): MachineObject[] {
  const age = (machine: MachineObject): string =>
    `${machine.metadata.creationTimestamp ?? ''}/${machine.metadata.name}`;
  const isReady = (machine: MachineObject): number => Number(isTrue(machine.status?.conditions, 'Ready'));
  const isMarked = (machine: MachineObject): number =>
    Number(machine.metadata.annotations?.[ANNOTATION.deleteMachine] !== undefined);
  const direction = set.spec?.deletion?.order === 'Oldest' ? 1 : -1;
  return live.toSorted(
    (left, right) =>
      isMarked(right) - isMarked(left) ||
      isReady(left) - isReady(right) ||
      direction * age(left).localeCompare(age(right)),
  );
}

function addMachine(
  context: ControllerContext,
  kube: Kube,
  cluster: ClusterObject,
  set: MachineSetObject,
  attempt: number,
): void {
  const template = set.spec?.template;
  if (template === undefined) return;
  const namespace = set.metadata.namespace ?? '';
  const bootstrapName = template.spec.bootstrap.configRef?.name ?? '';
  const bootstrap = kube.get(KUBEADM_CONFIG_TEMPLATE, namespace, bootstrapName);
  if (bootstrap === undefined)
    throw new Error(
      `failed to clone bootstrap configuration: KubeadmConfigTemplate "${namespace}/${bootstrapName}" not found`,
    );
  const name = nextName(kube, set.metadata.name, namespace, context.seed, attempt);
  createMachine(kube, {
    cluster,
    owner: set,
    name,
    labels: { ...template.metadata?.labels, [LABEL.set]: set.metadata.name },
    annotations: { ...template.metadata?.annotations },
    version: template.spec.version,
    failureDomain: template.spec.failureDomain,
    template: template.spec.infrastructureRef,
    bootstrap: bootstrap.spec?.template.spec ?? {},
    bootstrapAnnotations: { ...bootstrap.spec?.template.metadata?.annotations },
  });
  kube.event(set, 'Normal', 'SuccessfulCreate', `Created Machine ${name}`);
}

/** Labels of the template reach machines in place: they are no reason for a rollout (Cluster API book, "In-place propagation"). */
function propagateLabels(kube: Kube, set: MachineSetObject, machine: MachineObject): void {
  if (machine.metadata.deletionTimestamp !== undefined) return;
  kube.patch(machine, { metadata: { labels: { ...set.spec?.template.metadata?.labels } } });
}

function machineConditions(
  machines: readonly MachineObject[],
  wanted: number,
  blocked: string | undefined,
): ConditionUpdate[] {
  const unready = machines.find((machine) => !isTrue(machine.status?.conditions, 'Ready'));
  const message =
    unready === undefined
      ? ''
      : `* Machine ${unready.metadata.name}: ${unready.status?.conditions?.find((condition) => condition.type === 'Ready')?.message ?? 'not ready'}`;
  return [
    {
      type: 'MachinesReady',
      status: unready === undefined,
      reason: unready === undefined ? 'Ready' : 'NotReady',
      message,
    },
    {
      type: 'ScalingUp',
      status: machines.length < wanted || unready !== undefined,
      reason: machines.length < wanted ? 'ScalingUp' : 'NotScalingUp',
      message: blocked ?? message,
    },
    {
      type: 'ScalingDown',
      status: machines.length > wanted,
      reason: machines.length > wanted ? 'ScalingDown' : 'NotScalingDown',
    },
    { type: 'Deleting', status: false, reason: 'NotDeleting' },
  ];
}

function reportSet(
  context: ControllerContext,
  kube: Kube,
  set: MachineSetObject,
  machines: readonly MachineObject[],
  blocked?: string,
): void {
  const now = context.azure.clock.now();
  const current = isCurrent(kube, set);
  const isUpToDate = (): boolean => current;
  for (const machine of machines) {
    const update: ConditionUpdate = current
      ? { type: 'UpToDate', status: true, reason: 'UpToDate' }
      : { type: 'UpToDate', status: false, reason: 'NotUpToDate', message: '* Another MachineSet is the current one' };
    kube.patchStatus(machine, { conditions: setConditions(machine.status?.conditions, [update], now) });
  }
  kube.patchStatus(set, {
    observedGeneration: set.metadata.generation ?? 1,
    selector: selectorText(set),
    ...countMachines(machines, isUpToDate),
    conditions: setConditions(
      set.status?.conditions,
      machineConditions(machines, set.spec?.replicas ?? 1, blocked),
      now,
    ),
  });
}

function removeChildren(
  kube: Kube,
  parent: MachineSetObject,
  children: readonly (MachineObject | MachineSetObject)[],
  finalizer: string,
): Outcome | undefined {
  if (children.length === 0) {
    dropFinalizer(kube, parent, finalizer);
    return undefined;
  }
  children.filter((child) => child.metadata.deletionTimestamp === undefined).forEach((child) => kube.remove(child));
  return { requeueAfter: 5 };
}

function setsOf(kube: Kube, deployment: MachineSetObject): MachineSetObject[] {
  return kube
    .list(MACHINE_SET, deployment.metadata.namespace ?? '')
    .filter((set) => controllerOf(set)?.uid === deployment.metadata.uid);
}

/** MachineDeployment: one MachineSet per template; a new template is rolled within maxSurge and maxUnavailable. */
export function createMachineDeploymentController(context: ControllerContext, kube: Kube): Reconciler {
  const { clock } = context.azure;
  return {
    name: 'machinedeployment',
    watches: [
      { kind: MACHINE_DEPLOYMENT },
      {
        kind: MACHINE_SET,
        map: (set) => {
          const owner = controllerOf(set);
          return owner?.kind === 'MachineDeployment'
            ? [{ namespace: set.metadata.namespace ?? '', name: owner.name }]
            : [];
        },
      },
      {
        kind: CLUSTER,
        map: (cluster) =>
          kube
            .list(MACHINE_DEPLOYMENT, cluster.metadata.namespace ?? '')
            .filter((deployment) => deployment.spec?.clusterName === cluster.metadata.name)
            .map((deployment) => ({ namespace: deployment.metadata.namespace ?? '', name: deployment.metadata.name })),
      },
    ],
    reconcile: (key) => {
      let deployment = kube.get(MACHINE_DEPLOYMENT, key.namespace, key.name);
      if (deployment?.spec === undefined) return undefined;
      const cluster = clusterOf(kube, deployment, deployment.spec.clusterName);
      if (cluster === undefined || settlePaused(kube, clock.now(), cluster, deployment)) return undefined;
      if (deployment.metadata.deletionTimestamp !== undefined)
        return removeChildren(kube, deployment, setsOf(kube, deployment), DEPLOYMENT_FINALIZER);
      deployment = ensureFinalizer(kube, deployment, DEPLOYMENT_FINALIZER);
      if (
        deployment.metadata.labels?.[LABEL.cluster] === undefined ||
        deployment.metadata.ownerReferences === undefined
      ) {
        const owners = deployment.metadata.ownerReferences ?? [ownerReference(cluster, false)];
        deployment = kube.patch(deployment, {
          metadata: { labels: { [LABEL.cluster]: cluster.metadata.name }, ownerReferences: owners },
        });
      }
      const current = ensureSet(kube, deployment);
      const old = setsOf(kube, deployment).filter((set) => set.metadata.name !== current.metadata.name);
      roll(kube, deployment, current, old);
      reportDeployment(context, kube, deployment, setsOf(kube, deployment), current.metadata.name);
      return undefined;
    },
  };
}

/** Name of the MachineSet of a MachineDeployment's present template; labels of the template are no part of it. */
function currentSet(deployment: MachineSetObject): { readonly name: string; readonly hash: string } {
  const { metadata: _labels, ...hashed } = deployment.spec?.template ?? { spec: undefined };
  const hash = shortHash(JSON.stringify(hashed), 5);
  return { name: `${deployment.metadata.name}-${hash}`, hash };
}

/** Whether new machines of its MachineDeployment would be made from this set. */
function isCurrent(kube: Kube, set: MachineSetObject): boolean {
  const owner = controllerOf(set);
  const deployment =
    owner?.kind === 'MachineDeployment'
      ? kube.get(MACHINE_DEPLOYMENT, set.metadata.namespace ?? '', owner.name)
      : undefined;
  return deployment === undefined || currentSet(deployment).name === set.metadata.name;
}

function ensureSet(kube: Kube, deployment: MachineSetObject): MachineSetObject {
  const template = deployment.spec?.template;
  const namespace = deployment.metadata.namespace ?? '';
  const { name, hash } = currentSet(deployment);
  const existing = kube.get(MACHINE_SET, namespace, name);
  const labels = {
    ...template?.metadata?.labels,
    [LABEL.cluster]: deployment.spec?.clusterName ?? '',
    [LABEL.deployment]: deployment.metadata.name,
    [LABEL.templateHash]: hash,
  };
  if (existing !== undefined) {
    const order = deployment.spec?.deletion;
    return kube.patch(existing, {
      spec: { template: { metadata: { labels } }, ...(order === undefined ? {} : { deletion: order }) },
    });
  }
  const isFirst = setsOf(kube, deployment).length === 0;
  return kube.create<MachineSetObject>({
    apiVersion: MACHINE_SET.apiVersion,
    kind: MACHINE_SET.kind,
    metadata: { name, namespace, labels, ownerReferences: [ownerReference(deployment, true)] },
    spec: {
      clusterName: deployment.spec?.clusterName ?? '',
      replicas: isFirst ? (deployment.spec?.replicas ?? 1) : 0,
      selector: { matchLabels: { ...deployment.spec?.selector.matchLabels, [LABEL.templateHash]: hash } },
      template: { metadata: { ...template?.metadata, labels }, spec: template?.spec ?? ({} as never) },
      ...(deployment.spec?.deletion === undefined ? {} : { deletion: deployment.spec.deletion }),
    },
  });
}

function roll(
  kube: Kube,
  deployment: MachineSetObject,
  current: MachineSetObject,
  old: readonly MachineSetObject[],
): void {
  const sum = (read: (set: MachineSetObject) => number | undefined): number =>
    old.reduce((total, set) => total + (read(set) ?? 0), 0);
  const size = current.spec?.replicas ?? 0;
  const step = nextStep(
    {
      wanted: deployment.spec?.replicas ?? 1,
      current: { replicas: size, ready: current.status?.readyReplicas ?? 0 },
      old: {
        replicas: sum((set) => set.spec?.replicas),
        ready: sum((set) => Math.min(set.spec?.replicas ?? 0, set.status?.readyReplicas ?? 0)),
      },
    },
    rolloutBounds(deployment),
  );
  if (step.grown !== size) kube.patch(current, { spec: { replicas: step.grown } });
  let left = step.shrink;
  for (const set of old) {
    const replicas = set.spec?.replicas ?? 0;
    const lost = Math.min(replicas, left);
    if (lost > 0) kube.patch(set, { spec: { replicas: replicas - lost } });
    left -= lost;
  }
  old
    .filter(
      (set) =>
        set.spec?.replicas === 0 && (set.status?.replicas ?? 0) === 0 && set.metadata.deletionTimestamp === undefined,
    )
    .forEach((set) => kube.remove(set));
}

function reportDeployment(
  context: ControllerContext,
  kube: Kube,
  deployment: MachineSetObject,
  sets: readonly MachineSetObject[],
  current: string,
): void {
  const now = context.azure.clock.now();
  const machines = sets.flatMap((set) => machinesOf(kube, set));
  const isCurrent = (machine: MachineObject): boolean => controllerOf(machine)?.name === current;
  const counts = countMachines(machines, isCurrent);
  const wanted = deployment.spec?.replicas ?? 1;
  const available = counts.availableReplicas >= wanted;
  const isRolling = sets.length > 1;
  const blocked = sets
    .flatMap((set) => set.status?.conditions ?? [])
    .find(
      (condition) => condition.type === 'ScalingUp' && condition.message.includes('preflight check failed'),
    )?.message;
  const conditions = machineConditions(machines, wanted, blocked);
  const blocking = conditions.find((condition) => condition.type === 'MachinesReady')?.message ?? '';
  const updates: ConditionUpdate[] = [
    ...conditions,
    available
      ? { type: 'Available', status: true, reason: 'Available' }
      : {
          type: 'Available',
          status: false,
          reason: 'NotAvailable',
          message: `${counts.availableReplicas} available replicas, at least ${wanted} required. ${blocking}`.trim(),
        },
    { type: 'RollingOut', status: isRolling, reason: isRolling ? 'RollingOut' : 'NotRollingOut' },
    {
      type: 'MachinesUpToDate',
      status: counts.upToDateReplicas === counts.replicas,
      reason: counts.upToDateReplicas === counts.replicas ? 'UpToDate' : 'NotUpToDate',
    },
  ];
  const settled = counts.replicas > wanted ? 'ScalingDown' : counts.readyReplicas < wanted ? 'ScalingUp' : 'Running';
  kube.patchStatus(deployment, {
    observedGeneration: deployment.metadata.generation ?? 1,
    selector: selectorText(deployment),
    ...counts,
    phase: machines.some((machine) => machine.status?.phase === 'Failed') ? 'Failed' : settled,
    conditions: setConditions(deployment.status?.conditions, updates, now),
  });
}
