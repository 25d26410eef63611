import { isTrue, setConditions } from '../conditions.ts';
import type { ConditionUpdate } from '../conditions.ts';
import type { ControllerContext } from '../context.ts';
import { CONFIG_MAP } from '../kinds.ts';
import type { Key, Kube } from '../objects.ts';
import { controllerOf, messageOf, withOwner } from '../objects.ts';
import type { Outcome, Reconciler } from '../runtime.ts';
import { adoptSecrets, ensureKubeconfig, generateMissing, lookupCertificates } from './certificates.ts';
import { createMachine, nextName } from './clone.ts';
import {
  clusterNameOf,
  clusterOf,
  dropFinalizer,
  ensureFinalizer,
  ofCluster,
  reachWorkload,
  settlePaused,
} from './common.ts';
import type { Remote } from './common.ts';
import type { ClusterObject, ControlPlaneObject, MachineObject } from './kinds.ts';
import { CLUSTER, CONTROL_PLANE, LABEL, MACHINE } from './kinds.ts';
import { countMachines } from './machine.ts';
import { remediateControlPlane } from './remediation.ts';
import { desiredConfig, outdatedReason } from './up-to-date.ts';

const FINALIZER = 'kubeadm.controlplane.cluster.x-k8s.io';
const PREFLIGHT_SECONDS = 15;

/** Everything that one reconcile of a control plane looks at. */
interface State {
  readonly context: ControllerContext;
  readonly kube: Kube;
  readonly cluster: ClusterObject;
  readonly controlPlane: ControlPlaneObject;
  readonly machines: readonly MachineObject[];
  readonly outdated: ReadonlyMap<string, string>;
  readonly remote: Remote;
  readonly certificates: { readonly ok: boolean; readonly message: string };
}

/**
 * KubeadmControlPlane: certificates, kubeconfig, adoption of Machines, one by one scaling, rollout of what differs. It does
 * what the real one does when a bundle is wrong: a new CA without secrets, a new first machine without Machines, a rollout
 * on any difference (cluster-api-pivot.md §2b).
 */
export function createControlPlaneController(context: ControllerContext, kube: Kube): Reconciler {
  const { clock } = context.azure;
  const toOwner = (object: { metadata: { namespace?: string } }, name: string | undefined): Key[] => {
    const cluster = name === undefined ? undefined : kube.get(CLUSTER, object.metadata.namespace ?? '', name);
    const reference = cluster?.spec?.controlPlaneRef;
    return reference === undefined ? [] : [{ namespace: object.metadata.namespace ?? '', name: reference.name }];
  };
  return {
    name: 'kubeadmcontrolplane',
    watches: [
      { kind: CONTROL_PLANE },
      {
        kind: CLUSTER,
        map: (cluster) => [...ofCluster(cluster, kube.list(CONTROL_PLANE)), ...toOwner(cluster, cluster.metadata.name)],
      },
      { kind: MACHINE, map: (machine) => toOwner(machine, clusterNameOf(machine)) },
    ],
    reconcile: async (key) => {
      let controlPlane = kube.get(CONTROL_PLANE, key.namespace, key.name);
      if (controlPlane?.spec === undefined) return undefined;
      const owner = controlPlane.metadata.ownerReferences?.find((reference) => reference.kind === 'Cluster');
      const cluster = owner === undefined ? undefined : clusterOf(kube, controlPlane, owner.name);
      if (cluster === undefined || settlePaused(kube, clock.now(), cluster, controlPlane)) return undefined;
      if (controlPlane.metadata.deletionTimestamp !== undefined) return remove(kube, controlPlane);
      controlPlane = ensureFinalizer(kube, controlPlane, FINALIZER);
      return settle(context, kube, cluster, controlPlane);
    },
    failed: (key, error) => {
      const controlPlane = kube.get(CONTROL_PLANE, key.namespace, key.name);
      if (controlPlane !== undefined) kube.event(controlPlane, 'Warning', 'ControlPlaneUnhealthy', messageOf(error));
    },
  };
}

async function settle(
  context: ControllerContext,
  kube: Kube,
  cluster: ClusterObject,
  given: ControlPlaneObject,
): Promise<Outcome | undefined> {
  const controlPlane = given;
  if (cluster.status?.initialization?.infrastructureProvisioned !== true) return undefined;
  const certificates = await ensureCertificates(kube, cluster, controlPlane);
  if ((cluster.spec?.controlPlaneEndpoint?.host ?? '') === '') return undefined;
  const lookup = lookupCertificates(kube, cluster);
  if (lookup.ok) {
    adoptSecrets(kube, cluster, controlPlane);
    await ensureKubeconfig(kube, cluster, controlPlane, lookup.certificates.ca);
  }
  const machines = adoptMachines(kube, cluster, controlPlane);
  const remote = reachWorkload(context, kube, cluster);
  const outdated = new Map<string, string>();
  for (const machine of machines) {
    const reason = outdatedReason(kube, controlPlane, machine, context.azure.clock.now());
    if (reason !== undefined) outdated.set(machine.metadata.name, reason);
  }
  const state: State = { context, kube, cluster, controlPlane, machines, outdated, remote, certificates };
  markMachines(state);
  const removed = lookup.ok
    ? remediateControlPlane(kube, controlPlane, ownMachines(kube, cluster, controlPlane), context.azure.clock.now())
    : undefined;
  const outcome = lookup.ok && removed === undefined ? act(state) : { requeueAfter: PREFLIGHT_SECONDS };
  report({ ...state, machines: ownMachines(kube, cluster, controlPlane) }, outcome);
  return outcome.requeueAfter === undefined ? undefined : { requeueAfter: outcome.requeueAfter };
}

async function ensureCertificates(
  kube: Kube,
  cluster: ClusterObject,
  controlPlane: ControlPlaneObject,
): Promise<{ ok: boolean; message: string }> {
  const found = lookupCertificates(kube, cluster);
  if (found.ok) return { ok: true, message: '' };
  const initialized = controlPlane.status?.initialization?.controlPlaneInitialized === true;
  if (initialized || found.missing.length === 0) return { ok: false, message: found.message };
  const created = await generateMissing(kube, cluster, controlPlane);
  const message = `Generated new certificate authorities because the control plane is not initialized and these Secrets were missing: ${created.join(', ')}`;
  kube.event(controlPlane, 'Warning', 'CertificatesGenerated', message);
  return { ok: true, message };
}

function isControlPlaneMachine(machine: MachineObject, cluster: ClusterObject): boolean {
  return (
    clusterNameOf(machine) === cluster.metadata.name && machine.metadata.labels?.[LABEL.controlPlane] !== undefined
  );
}

function ownMachines(kube: Kube, cluster: ClusterObject, controlPlane: ControlPlaneObject): MachineObject[] {
  return kube
    .list(MACHINE, cluster.metadata.namespace ?? '')
    .filter(
      (machine) => isControlPlaneMachine(machine, cluster) && controllerOf(machine)?.uid === controlPlane.metadata.uid,
    );
}

/** Control-plane Machines without a controller are adopted; a mix of owned and foreign ones is refused. */
function adoptMachines(kube: Kube, cluster: ClusterObject, controlPlane: ControlPlaneObject): MachineObject[] {
  const all = kube
    .list(MACHINE, cluster.metadata.namespace ?? '')
    .filter((machine) => isControlPlaneMachine(machine, cluster));
  const foreign = all.filter((machine) => {
    const owner = controllerOf(machine);
    return owner !== undefined && owner.uid !== controlPlane.metadata.uid;
  });
  if (foreign.length > 0) {
    throw new Error(
      `control plane is partially owned: Machines ${foreign.map((machine) => machine.metadata.name).join(', ')} have another controller`,
    );
  }
  for (const machine of all.filter(
    (candidate) => controllerOf(candidate) === undefined && candidate.metadata.deletionTimestamp === undefined,
  )) {
    if (machine.spec?.bootstrap.configRef?.kind !== 'KubeadmConfig')
      throw new Error(
        `unable to adopt Machine ${machine.metadata.name}: its bootstrap configuration is not a KubeadmConfig`,
      );
    const owners = withOwner(machine, controlPlane, true);
    if (owners !== undefined) kube.patch(machine, { metadata: { ownerReferences: owners } });
  }
  return ownMachines(kube, cluster, controlPlane);
}

function markMachines({ context, kube, machines, outdated, remote }: State): void {
  const now = context.azure.clock.now();
  for (const machine of machines) {
    const reason = outdated.get(machine.metadata.name);
    const healthy = remote.ok && isTrue(machine.status?.conditions, 'NodeReady');
    const components = [
      'APIServerPodHealthy',
      'ControllerManagerPodHealthy',
      'SchedulerPodHealthy',
      'EtcdPodHealthy',
      'EtcdMemberHealthy',
    ];
    const updates: ConditionUpdate[] = [
      reason === undefined
        ? { type: 'UpToDate', status: true, reason: 'UpToDate' }
        : { type: 'UpToDate', status: false, reason: 'NotUpToDate', message: `* ${reason}` },
      ...components.map<ConditionUpdate>((type) =>
        healthy
          ? {
              type,
              status: true,
              reason: type.startsWith('Etcd') && type.endsWith('MemberHealthy') ? 'Healthy' : 'Running',
            }
          : {
              type,
              status: 'Unknown',
              reason: 'InspectionFailed',
              message: remote.ok ? 'Waiting for the Node to be ready' : remote.message,
            },
      ),
    ];
    kube.patchStatus(machine, { conditions: setConditions(machine.status?.conditions, updates, now) });
  }
}

interface Action {
  readonly requeueAfter?: number;
  readonly scalingUp?: string;
  readonly scalingDown?: string;
  readonly rolling?: string;
}

/** The one change of this reconcile: first machine, rollout, scale up, or scale down. */
function act(state: State): Action {
  const { kube, controlPlane, machines, outdated } = state;
  const wanted = controlPlane.spec?.replicas ?? 1;
  const live = machines.filter((machine) => machine.metadata.deletionTimestamp === undefined);
  if (live.length === 0 && machines.length === 0) {
    if (wanted === 0) return {};
    kube.event(controlPlane, 'Normal', 'CreatingInitMachine', 'No control plane Machine exists: creating a first one');
    return scaleUp(state, 'init');
  }
  const stale = live.filter((machine) => outdated.has(machine.metadata.name));
  if (stale.length > 0) {
    const reasons = stale
      .map((machine) => `${machine.metadata.name}: ${outdated.get(machine.metadata.name) ?? ''}`)
      .join('; ');
    kube.event(controlPlane, 'Normal', 'RollingOut', `Rolling ${stale.length} Machines: ${reasons}`);
    const grows = live.length <= wanted;
    // The machine that goes may be the one that is in the way: it is left out of the checks.
    const victim = grows ? undefined : victimOf(state, stale);
    const blocked = preflight(state, victim);
    if (blocked !== undefined) return { requeueAfter: PREFLIGHT_SECONDS, rolling: `${reasons}. ${blocked}` };
    return { ...(grows ? scaleUp(state, 'join') : scaleDown(state, victim)), rolling: reasons };
  }
  if (live.length < wanted) {
    const blocked = preflight(state);
    return blocked === undefined
      ? { ...scaleUp(state, 'join'), scalingUp: '' }
      : { requeueAfter: PREFLIGHT_SECONDS, scalingUp: blocked };
  }
  if (live.length > wanted) {
    const victim = victimOf(state, live);
    const blocked = preflight(state, victim);
    return blocked === undefined
      ? { ...scaleDown(state, victim), scalingDown: '' }
      : { requeueAfter: PREFLIGHT_SECONDS, scalingDown: blocked };
  }
  return {};
}

/** What keeps the control plane from changing now; undefined when nothing does. */
function preflight({ machines: all, remote }: State, excluded?: MachineObject): string | undefined {
  if (!remote.ok) return remote.message;
  const machines = all.filter((machine) => machine.metadata.name !== excluded?.metadata.name);
  const deleting = machines.find((machine) => machine.metadata.deletionTimestamp !== undefined);
  if (deleting !== undefined) return `Waiting for Machine ${deleting.metadata.name} to be deleted`;
  const failed = machines.find((machine) => machine.status?.phase === 'Failed');
  if (failed !== undefined)
    return `Machine ${failed.metadata.name} failed: ${failed.status?.conditions?.find((condition) => condition.type === 'InfrastructureReady')?.message ?? ''}`;
  const waiting = machines.find((machine) => machine.status?.nodeRef === undefined);
  if (waiting !== undefined) return `Waiting for Machine ${waiting.metadata.name} to have a Node`;
  const unhealthy = machines.find((machine) => !isTrue(machine.status?.conditions, 'NodeReady'));
  return unhealthy === undefined
    ? undefined
    : `Waiting for control plane components of Machine ${unhealthy.metadata.name} to be healthy`;
}

/**
 * Failure domain with the fewest up-to-date machines, then with the fewest of all, then the first by name; undefined in
 * regions without zones.
 */
function nextFailureDomain({ cluster, machines, outdated }: State): string | undefined {
  const domains = (cluster.status?.failureDomains ?? [])
    .filter((domain) => domain.controlPlane === true)
    .map((domain) => domain.name);
  const load = (name: string, among: readonly MachineObject[]): number =>
    among.filter((machine) => machine.spec?.failureDomain === name).length;
  const fresh = machines.filter(
    (machine) => !outdated.has(machine.metadata.name) && machine.metadata.deletionTimestamp === undefined,
  );
  return domains.toSorted(
    (left, right) =>
      load(left, fresh) - load(right, fresh) || load(left, machines) - load(right, machines) || (left < right ? -1 : 1),
  )[0];
}

function scaleUp(state: State, command: 'init' | 'join'): Action {
  const { context, kube, cluster, controlPlane, machines } = state;
  const spec = controlPlane.spec;
  if (spec === undefined) return {};
  const namespace = controlPlane.metadata.namespace ?? '';
  const name = nextName(kube, controlPlane.metadata.name, namespace, context.seed, machines.length);
  const failureDomain = nextFailureDomain(state);
  createMachine(kube, {
    cluster,
    owner: controlPlane,
    name,
    labels: {
      ...spec.machineTemplate.metadata?.labels,
      [LABEL.controlPlane]: '',
      [LABEL.controlPlaneName]: controlPlane.metadata.name,
    },
    annotations: { ...spec.machineTemplate.metadata?.annotations },
    version: spec.version,
    failureDomain,
    template: spec.machineTemplate.spec.infrastructureRef,
    bootstrap: desiredConfig(controlPlane, command),
    bootstrapAnnotations: {},
  });
  kube.event(
    controlPlane,
    'Normal',
    'SuccessfulCreate',
    `Created Machine ${name}${failureDomain === undefined ? '' : ` in failure domain ${failureDomain}`}`,
  );
  return { requeueAfter: PREFLIGHT_SECONDS };
}

/** Machines that never joined or are not healthy first; then the oldest of the domain with most candidates. */
function victimOf({ machines }: State, candidates: readonly MachineObject[]): MachineObject | undefined {
  const load = (machine: MachineObject, among: readonly MachineObject[]): number =>
    among.filter((other) => other.spec?.failureDomain === machine.spec?.failureDomain).length;
  const healthy = (machine: MachineObject): number => Number(isTrue(machine.status?.conditions, 'NodeReady'));
  return candidates.toSorted(
    (left, right) =>
      healthy(left) - healthy(right) ||
      load(right, candidates) - load(left, candidates) ||
      load(right, machines) - load(left, machines) ||
      (left.metadata.creationTimestamp ?? '').localeCompare(right.metadata.creationTimestamp ?? ''),
  )[0];
}

function scaleDown({ kube, controlPlane }: State, victim: MachineObject | undefined): Action {
  if (victim === undefined) return {};
  kube.remove(victim);
  kube.event(controlPlane, 'Normal', 'SuccessfulDelete', `Deleted Machine ${victim.metadata.name}`);
  return { requeueAfter: PREFLIGHT_SECONDS };
}

function report(state: State, action: Action): void {
  const { context, kube, cluster, controlPlane, machines, outdated, remote, certificates } = state;
  const now = context.azure.clock.now();
  const wanted = controlPlane.spec?.replicas ?? 1;
  const hasConfig = remote.ok && kube.get(CONFIG_MAP, 'kube-system', 'kubeadm-config') !== undefined;
  const initialized = controlPlane.status?.initialization?.controlPlaneInitialized === true || hasConfig;
  const counts = countMachines(machines, (machine) => !outdated.has(machine.metadata.name));
  const available = initialized && remote.ok && counts.availableReplicas >= 1;
  const unready = machines.find((machine) => !isTrue(machine.status?.conditions, 'Ready'));
  const flag = (type: string, message: string | undefined, onReason: string): ConditionUpdate =>
    message === undefined
      ? { type, status: false, reason: `Not${onReason}` }
      : { type, status: true, reason: onReason, message };
  const updates: ConditionUpdate[] = [
    {
      type: 'CertificatesAvailable',
      status: certificates.ok,
      reason: certificates.ok ? 'Available' : 'InternalError',
      message: certificates.message,
    },
    initialized
      ? { type: 'Initialized', status: true, reason: 'Initialized' }
      : { type: 'Initialized', status: false, reason: 'NotInitialized', message: remote.ok ? '' : remote.message },
    available
      ? { type: 'Available', status: true, reason: 'Available' }
      : {
          type: 'Available',
          status: false,
          reason: 'NotAvailable',
          message: remote.ok ? 'Waiting for a healthy control plane Machine' : remote.message,
        },
    unready === undefined
      ? { type: 'MachinesReady', status: true, reason: machines.length === 0 ? 'NoReplicas' : 'Ready' }
      : {
          type: 'MachinesReady',
          status: false,
          reason: 'NotReady',
          message: `* Machine ${unready.metadata.name}: ${unready.status?.conditions?.find((condition) => condition.type === 'Ready')?.message ?? ''}`,
        },
    outdated.size === 0
      ? { type: 'MachinesUpToDate', status: true, reason: machines.length === 0 ? 'NoReplicas' : 'UpToDate' }
      : {
          type: 'MachinesUpToDate',
          status: false,
          reason: 'NotUpToDate',
          message: [...outdated].map(([name, reason]) => `* Machine ${name}: ${reason}`).join('\n'),
        },
    flag('RollingOut', action.rolling, 'RollingOut'),
    flag('ScalingUp', action.scalingUp, 'ScalingUp'),
    flag('ScalingDown', action.scalingDown, 'ScalingDown'),
    {
      type: 'EtcdClusterHealthy',
      status: remote.ok && counts.readyReplicas > 0 ? true : 'Unknown',
      reason: remote.ok ? 'Healthy' : 'InspectionFailed',
    },
    {
      type: 'ControlPlaneComponentsHealthy',
      status: remote.ok && counts.readyReplicas > 0 ? true : 'Unknown',
      reason: remote.ok ? 'Healthy' : 'InspectionFailed',
    },
    { type: 'Deleting', status: false, reason: 'NotDeleting' },
  ];
  kube.patchStatus(controlPlane, {
    observedGeneration: controlPlane.metadata.generation ?? 1,
    selector: `${LABEL.cluster}=${cluster.metadata.name},${LABEL.controlPlane}`,
    ...counts,
    ...(counts.replicas === 0 || controlPlane.spec === undefined ? {} : { version: lowestVersion(machines) }),
    ...(initialized ? { initialization: { controlPlaneInitialized: true } } : {}),
    conditions: setConditions(controlPlane.status?.conditions, updates, now),
    deprecated: {
      v1beta1: {
        readyReplicas: counts.readyReplicas,
        updatedReplicas: counts.upToDateReplicas,
        unavailableReplicas: Math.max(0, wanted - counts.readyReplicas),
      },
    },
  });
}

/** `status.version` is the lowest version that a machine of the control plane runs. */
function lowestVersion(machines: readonly MachineObject[]): string | undefined {
  return machines
    .flatMap((machine) => machine.spec?.version ?? [])
    .toSorted((left, right) => left.localeCompare(right, 'en', { numeric: true }))[0];
}

function remove(kube: Kube, controlPlane: ControlPlaneObject): Outcome | undefined {
  const namespace = controlPlane.metadata.namespace ?? '';
  const machines = kube
    .list(MACHINE, namespace)
    .filter((machine) => controllerOf(machine)?.uid === controlPlane.metadata.uid);
  if (machines.length === 0) {
    dropFinalizer(kube, controlPlane, FINALIZER);
    return undefined;
  }
  machines
    .filter((machine) => machine.metadata.deletionTimestamp === undefined)
    .forEach((machine) => kube.remove(machine));
  return { requeueAfter: 5 };
}
