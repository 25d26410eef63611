import type { KubeObject } from '../../contract.ts';
import { isTrue, setConditions, timestamp } from '../conditions.ts';
import type { ConditionUpdate } from '../conditions.ts';
import type { ControllerContext } from '../context.ts';
import type { NodeObject } from '../kinds.ts';
import { NODE } from '../kinds.ts';
import type { Json, Kube } from '../objects.ts';
import { controllerOf, keyOf, withOwner } from '../objects.ts';
import type { Outcome, Reconciler } from '../runtime.ts';
import { drain } from './drain.ts';
import { clusterOf, dropFinalizer, ensureFinalizer, ofCluster, reachWorkload, settlePaused } from './common.ts';
import type { ClusterObject, InfrastructureMachine, KubeadmConfigObject, MachineObject } from './kinds.ts';
import { AZURE_MACHINE, CLUSTER, KUBEADM_CONFIG, LABEL, MACHINE, MACHINE_FINALIZER } from './kinds.ts';

const DRAIN_SECONDS = 10;
const NODE_RETRY_SECONDS = 10;

/** Machine: joins bootstrap data, infrastructure and Node; the Node is found by equality of the provider id. */
export function createMachineController(context: ControllerContext, kube: Kube): Reconciler {
  const { clock } = context.azure;
  const drained = new Map<string, number>();
  const referrers = (object: KubeObject) =>
    kube
      .list(MACHINE, object.metadata.namespace ?? '')
      .filter(
        ({ spec }) =>
          spec?.infrastructureRef.name === object.metadata.name ||
          spec?.bootstrap.configRef?.name === object.metadata.name,
      )
      .map(keyOf);
  return {
    name: 'machine',
    watches: [
      { kind: MACHINE },
      { kind: AZURE_MACHINE, map: referrers },
      { kind: KUBEADM_CONFIG, map: referrers },
      { kind: CLUSTER, map: (cluster) => ofCluster(cluster, kube.list(MACHINE)) },
      {
        kind: NODE,
        map: (node) =>
          kube
            .list(MACHINE)
            .filter((machine) => (machine.spec?.providerID ?? '') === (node as NodeObject).spec?.providerID)
            .map(keyOf),
      },
    ],
    reconcile: (key) => {
      let machine = kube.get(MACHINE, key.namespace, key.name);
      if (machine?.spec === undefined) return undefined;
      const cluster = clusterOf(kube, machine, machine.spec.clusterName);
      if (cluster === undefined || settlePaused(kube, clock.now(), cluster, machine)) return undefined;
      if (machine.metadata.deletionTimestamp !== undefined) return remove(context, kube, cluster, machine, drained);
      machine = ensureFinalizer(kube, machine, MACHINE_FINALIZER);
      const owners = controllerOf(machine) === undefined ? withOwner(machine, cluster, false) : undefined;
      machine = kube.patch(machine, {
        metadata: {
          labels: { [LABEL.cluster]: cluster.metadata.name },
          ...(owners === undefined ? {} : { ownerReferences: owners }),
        },
      });
      return settle(context, kube, cluster, machine);
    },
  };
}

function settle(
  context: ControllerContext,
  kube: Kube,
  cluster: ClusterObject,
  given: MachineObject,
): Outcome | undefined {
  let machine = given;
  const namespace = machine.metadata.namespace ?? '';
  const config =
    machine.spec?.bootstrap.configRef === undefined
      ? undefined
      : own(kube, machine, kube.get(KUBEADM_CONFIG, namespace, machine.spec.bootstrap.configRef.name));
  const infrastructure = own(
    kube,
    machine,
    kube.get(AZURE_MACHINE, namespace, machine.spec?.infrastructureRef.name ?? ''),
  );
  const dataSecretName = machine.spec?.bootstrap.dataSecretName ?? config?.status?.dataSecretName;
  if (dataSecretName !== undefined) machine = kube.patch(machine, { spec: { bootstrap: { dataSecretName } } });
  const provisioned = infrastructure?.status?.ready === true && (infrastructure.spec?.providerID ?? '') !== '';
  if (provisioned) {
    machine = kube.patch(machine, {
      spec: {
        providerID: infrastructure.spec?.providerID,
        ...(infrastructure.spec?.failureDomain === undefined || machine.spec?.failureDomain !== undefined
          ? {}
          : { failureDomain: infrastructure.spec.failureDomain }),
      },
    });
  }
  const remote = provisioned ? reachWorkload(context, kube, cluster) : undefined;
  const node =
    remote?.ok === true
      ? kube.list(NODE).find((candidate) => candidate.spec?.providerID === machine.spec?.providerID)
      : undefined;
  if (node !== undefined) labelNode(kube, cluster, machine, node);
  writeStatus(context, kube, machine, {
    config,
    infrastructure,
    node,
    dataSecretName,
    provisioned,
    remoteMessage: remote?.ok === false ? remote.message : undefined,
  });
  return provisioned && node === undefined ? { requeueAfter: NODE_RETRY_SECONDS } : undefined;
}

function own<T extends KubeObject>(kube: Kube, machine: MachineObject, object: T | undefined): T | undefined {
  if (object === undefined) return undefined;
  const owners = withOwner(object, machine, true);
  const kept = owners?.filter((owner) => owner.uid === machine.metadata.uid || owner.controller !== true);
  return kube.patch(object, {
    metadata: {
      labels: { [LABEL.cluster]: machine.spec?.clusterName ?? '' },
      ...(kept === undefined ? {} : { ownerReferences: kept }),
    },
  });
}

function labelNode(kube: Kube, cluster: ClusterObject, machine: MachineObject, node: NodeObject): void {
  const owner = controllerOf(machine);
  kube.patch(node, {
    metadata: {
      annotations: {
        'cluster.x-k8s.io/cluster-name': cluster.metadata.name,
        'cluster.x-k8s.io/cluster-namespace': cluster.metadata.namespace ?? '',
        'cluster.x-k8s.io/machine': machine.metadata.name,
        ...(owner === undefined
          ? {}
          : { 'cluster.x-k8s.io/owner-kind': owner.kind, 'cluster.x-k8s.io/owner-name': owner.name }),
      },
    },
  });
}

interface Observed {
  readonly config: KubeadmConfigObject | undefined;
  readonly infrastructure: InfrastructureMachine | undefined;
  readonly node: NodeObject | undefined;
  readonly dataSecretName: string | undefined;
  readonly provisioned: boolean;
  readonly remoteMessage: string | undefined;
}

function phaseOf(machine: MachineObject, seen: Observed): string {
  if (seen.infrastructure?.status?.failureReason !== undefined) return 'Failed';
  if (seen.node !== undefined || machine.status?.nodeRef !== undefined) return 'Running';
  if (seen.provisioned) return 'Provisioned';
  return seen.dataSecretName === undefined ? 'Pending' : 'Provisioning';
}

function infrastructureCondition(seen: Observed): ConditionUpdate {
  if (seen.infrastructure === undefined)
    return {
      type: 'InfrastructureReady',
      status: false,
      reason: 'ObjectDoesNotExist',
      message: 'AzureMachine does not exist',
    };
  const ready = seen.infrastructure.status?.conditions?.find((condition) => condition.type === 'Ready');
  const message = seen.infrastructure.status?.failureMessage ?? ready?.message ?? '';
  if (seen.provisioned) return { type: 'InfrastructureReady', status: true, reason: 'Ready' };
  return { type: 'InfrastructureReady', status: false, reason: ready?.reason ?? 'NotReady', message };
}

function nodeConditions(seen: Observed): ConditionUpdate[] {
  const { node } = seen;
  if (node === undefined) {
    const waiting = seen.provisioned
      ? 'Waiting for a Node with spec.providerID of the Machine to exist'
      : 'Waiting for the infrastructure to be ready';
    const message = seen.remoteMessage ?? waiting;
    const reason = seen.remoteMessage === undefined ? 'InspectionFailed' : 'ConnectionDown';
    return [
      { type: 'NodeReady', status: 'Unknown', reason, message },
      { type: 'NodeHealthy', status: 'Unknown', reason, message },
    ];
  }
  const ready = node.status?.conditions?.find((condition) => condition.type === 'Ready');
  const isReady = ready?.status === 'True';
  const message = isReady ? '' : `* Node.Ready: ${ready?.message ?? 'no condition yet'}`;
  return [
    { type: 'NodeReady', status: isReady, reason: isReady ? 'NodeReady' : 'NodeNotReady', message },
    { type: 'NodeHealthy', status: isReady, reason: isReady ? 'NodeHealthy' : 'NodeNotHealthy', message },
  ];
}

function writeStatus(context: ControllerContext, kube: Kube, machine: MachineObject, seen: Observed): void {
  const now = context.azure.clock.now();
  const bootstrapped = seen.dataSecretName !== undefined;
  const bootstrapMessage =
    seen.config?.status?.conditions?.find((condition) => condition.type === 'DataSecretAvailable')?.message ??
    'Waiting for bootstrap data';
  const nodes = nodeConditions(seen);
  const ready = bootstrapped && seen.provisioned && nodes.every((condition) => condition.status === true);
  const blocking = [infrastructureCondition(seen), ...nodes].find((condition) => condition.status !== true);
  const updates: ConditionUpdate[] = [
    bootstrapped
      ? { type: 'BootstrapConfigReady', status: true, reason: 'Ready' }
      : { type: 'BootstrapConfigReady', status: false, reason: 'NotReady', message: bootstrapMessage },
    infrastructureCondition(seen),
    ...nodes,
    { type: 'Deleting', status: false, reason: 'NotDeleting' },
    {
      type: 'Ready',
      status: ready,
      reason: ready ? 'Ready' : 'NotReady',
      message: ready ? '' : `* ${blocking?.type ?? 'BootstrapConfigReady'}: ${blocking?.message ?? bootstrapMessage}`,
    },
    { type: 'Available', status: ready, reason: ready ? 'Available' : 'NotReady' },
  ];
  const initialization: Json = {
    ...(bootstrapped ? { bootstrapDataSecretCreated: true } : {}),
    ...(seen.provisioned ? { infrastructureProvisioned: true } : {}),
  };
  const phase = phaseOf(machine, seen);
  kube.patchStatus(machine, {
    observedGeneration: machine.metadata.generation ?? 1,
    phase,
    ...(phase === machine.status?.phase ? {} : { lastUpdated: timestamp(now) }),
    conditions: setConditions(machine.status?.conditions, updates, now),
    ...(Object.keys(initialization).length === 0 ? {} : { initialization }),
    ...(seen.node === undefined
      ? {}
      : { nodeRef: { name: seen.node.metadata.name }, nodeInfo: seen.node.status?.nodeInfo ?? {} }),
    ...(seen.infrastructure?.status?.addresses === undefined
      ? {}
      : { addresses: seen.infrastructure.status.addresses }),
    ...(machine.spec?.failureDomain === undefined ? {} : { failureDomain: machine.spec.failureDomain }),
    ...certificatesExpiry(machine, seen),
    ...(seen.infrastructure?.status?.failureReason === undefined
      ? {}
      : {
          deprecated: {
            v1beta1: {
              failureReason: seen.infrastructure.status.failureReason,
              failureMessage: seen.infrastructure.status.failureMessage ?? 'unknown',
            },
          },
        }),
  });
}

/** kubeadm's certificates of a control-plane machine last a year from its making. */
function certificatesExpiry(machine: MachineObject, seen: Observed): Json {
  const known = machine.status?.certificatesExpiryDate;
  if (machine.metadata.labels?.[LABEL.controlPlane] === undefined || (seen.node === undefined && known === undefined))
    return {};
  const made = Date.parse(machine.metadata.creationTimestamp ?? '');
  return { certificatesExpiryDate: known ?? timestamp(made + 365 * 86_400_000) };
}

/** Drain, infrastructure, bootstrap configuration, Node, finalizer: the real order. */
function remove(
  context: ControllerContext,
  kube: Kube,
  cluster: ClusterObject,
  machine: MachineObject,
  drained: Map<string, number>,
): Outcome | undefined {
  const { clock } = context.azure;
  const namespace = machine.metadata.namespace ?? '';
  const id = machine.metadata.uid ?? machine.metadata.name;
  const update: ConditionUpdate = { type: 'Deleting', status: true, reason: 'DeletionTimestampSet' };
  const current = kube.patchStatus(machine, {
    phase: 'Deleting',
    conditions: setConditions(machine.status?.conditions, [update], clock.now()),
  });
  const node = machine.status?.nodeRef === undefined ? undefined : kube.get(NODE, '', machine.status.nodeRef.name);
  // The nodes of a Cluster that is being deleted are not drained.
  if (node !== undefined && !drained.has(id) && cluster.metadata.deletionTimestamp === undefined) {
    kube.patch(node, { spec: { unschedulable: true } });
    const held = drain(kube, node.metadata.name);
    if (held !== undefined) {
      const waiting: ConditionUpdate = { type: 'Deleting', status: true, reason: 'DrainingNode', message: held };
      kube.patchStatus(current, { conditions: setConditions(current.status?.conditions, [waiting], clock.now()) });
      return { requeueAfter: DRAIN_SECONDS };
    }
    drained.set(id, clock.now());
    return { requeueAfter: DRAIN_SECONDS };
  }
  for (const dependent of [
    kube.get(AZURE_MACHINE, namespace, machine.spec?.infrastructureRef.name ?? ''),
    kube.get(KUBEADM_CONFIG, namespace, machine.spec?.bootstrap.configRef?.name ?? ''),
  ]) {
    if (dependent === undefined) continue;
    if (dependent.metadata.deletionTimestamp === undefined) kube.remove(dependent);
    if (kube.get(dependent, namespace, dependent.metadata.name) !== undefined) return { requeueAfter: 5 };
  }
  if (node !== undefined) kube.remove(node);
  drained.delete(id);
  dropFinalizer(kube, current, MACHINE_FINALIZER);
  return undefined;
}

/** Ready, available and up to date counts of Machines, as their owners report them. */
export function countMachines(machines: readonly MachineObject[], isUpToDate: (machine: MachineObject) => boolean) {
  const ready = machines.filter((machine) => isTrue(machine.status?.conditions, 'Ready')).length;
  return {
    replicas: machines.length,
    readyReplicas: ready,
    availableReplicas: machines.filter((machine) => isTrue(machine.status?.conditions, 'Available')).length,
    upToDateReplicas: machines.filter(isUpToDate).length,
  };
}
