import type { KubeObject } from '../../contract.ts';
import { setConditions } from '../conditions.ts';
import type { ConditionUpdate } from '../conditions.ts';
import { isTrue } from '../conditions.ts';
import type { ControllerContext } from '../context.ts';
import type { Kind, Kube } from '../objects.ts';
import { keyOf, withOwner } from '../objects.ts';
import type { Outcome, Reconciler } from '../runtime.ts';
import { clusterNameOf, dropFinalizer, ensureFinalizer, reachWorkload, settlePaused } from './common.ts';
import type { ClusterObject, ContractReference, ControlPlaneObject, InfrastructureCluster } from './kinds.ts';
import { AZURE_CLUSTER, CLUSTER, CONTROL_PLANE, LABEL, MACHINE, MACHINE_DEPLOYMENT } from './kinds.ts';

const FINALIZER = 'cluster.cluster.x-k8s.io';
const PROBE_SECONDS = 10;
const KNOWN: readonly Kind[] = [AZURE_CLUSTER, CONTROL_PLANE];

function resolve<T extends KubeObject>(
  kube: Kube,
  namespace: string,
  reference: ContractReference | undefined,
): T | undefined {
  const kind = KNOWN.find((candidate) => candidate.kind === reference?.kind);
  if (reference === undefined || kind === undefined) return undefined;
  return kube.get(kind, namespace, reference.name) as T | undefined;
}

/** Cluster: adopts its infrastructure and control plane objects, and tells what they say. */
export function createClusterController(context: ControllerContext, kube: Kube): Reconciler {
  const { clock } = context.azure;
  const toCluster = (object: KubeObject) => {
    const name = clusterNameOf(object);
    return name === undefined ? [] : [{ namespace: object.metadata.namespace ?? '', name }];
  };
  return {
    name: 'cluster',
    watches: [
      { kind: CLUSTER },
      { kind: AZURE_CLUSTER, map: (object) => [...toCluster(object), ...referrers(kube, object)] },
      { kind: CONTROL_PLANE, map: (object) => [...toCluster(object), ...referrers(kube, object)] },
      { kind: MACHINE_DEPLOYMENT, map: toCluster },
      { kind: MACHINE, map: toCluster },
    ],
    reconcile: (key) => {
      let cluster = kube.get(CLUSTER, key.namespace, key.name);
      if (cluster === undefined) return undefined;
      if (settlePaused(kube, clock.now(), cluster, cluster)) return undefined;
      if (cluster.metadata.deletionTimestamp !== undefined) return remove(kube, cluster);
      cluster = ensureFinalizer(kube, cluster, FINALIZER);
      const infrastructure = adopt<InfrastructureCluster>(kube, cluster, cluster.spec?.infrastructureRef);
      const controlPlane = adopt<ControlPlaneObject>(kube, cluster, cluster.spec?.controlPlaneRef);
      if (infrastructure?.status?.ready === true && (cluster.spec?.controlPlaneEndpoint?.host ?? '') === '') {
        cluster = kube.patch(cluster, {
          spec: { controlPlaneEndpoint: infrastructure.spec?.controlPlaneEndpoint ?? {} },
        });
      }
      return report(context, kube, cluster, infrastructure, controlPlane);
    },
  };
}

function referrers(kube: Kube, object: KubeObject): { namespace: string; name: string }[] {
  return kube
    .list(CLUSTER, object.metadata.namespace ?? '')
    .filter(({ spec }) =>
      [spec?.infrastructureRef, spec?.controlPlaneRef].some(
        (ref) => ref?.kind === object.kind && ref.name === object.metadata.name,
      ),
    )
    .map(keyOf);
}

/** Sets the controlling owner reference and the cluster label on a referenced object. */
function adopt<T extends KubeObject>(
  kube: Kube,
  cluster: ClusterObject,
  reference: ContractReference | undefined,
): T | undefined {
  const object = resolve<T>(kube, cluster.metadata.namespace ?? '', reference);
  if (object === undefined) return undefined;
  const owners = withOwner(object, cluster, true);
  return kube.patch(object, {
    metadata: {
      labels: { [LABEL.cluster]: cluster.metadata.name },
      ...(owners === undefined ? {} : { ownerReferences: owners }),
    },
  });
}

interface Counts {
  desiredReplicas: number;
  replicas: number;
  readyReplicas: number;
  availableReplicas: number;
  upToDateReplicas: number;
}

function countsOf(objects: readonly { spec?: { replicas?: number }; status?: Partial<Counts> }[]): Counts {
  const sum = (
    read: (object: { spec?: { replicas?: number }; status?: Partial<Counts> }) => number | undefined,
  ): number => objects.reduce((total, object) => total + (read(object) ?? 0), 0);
  return {
    desiredReplicas: sum((object) => object.spec?.replicas),
    replicas: sum((object) => object.status?.replicas),
    readyReplicas: sum((object) => object.status?.readyReplicas),
    availableReplicas: sum((object) => object.status?.availableReplicas),
    upToDateReplicas: sum((object) => object.status?.upToDateReplicas),
  };
}

function infrastructureCondition(
  cluster: ClusterObject,
  infrastructure: InfrastructureCluster | undefined,
): ConditionUpdate {
  const type = 'InfrastructureReady';
  if (infrastructure === undefined) {
    const message = `${cluster.spec?.infrastructureRef?.kind ?? 'Infrastructure'} does not exist`;
    return { type, status: false, reason: 'ObjectDoesNotExist', message };
  }
  if (infrastructure.status?.ready === true) return { type, status: true, reason: 'Ready' };
  const ready = infrastructure.status?.conditions?.find((condition) => condition.type === 'Ready');
  return { type, status: false, reason: 'NotReady', message: ready?.message ?? '' };
}

function report(
  context: ControllerContext,
  kube: Kube,
  cluster: ClusterObject,
  infrastructure: InfrastructureCluster | undefined,
  controlPlane: ControlPlaneObject | undefined,
): Outcome | undefined {
  const { clock } = context.azure;
  const provisioned =
    cluster.status?.initialization?.infrastructureProvisioned === true || infrastructure?.status?.ready === true;
  const initialized =
    cluster.status?.initialization?.controlPlaneInitialized === true ||
    controlPlane?.status?.initialization?.controlPlaneInitialized === true;
  const remote = provisioned ? reachWorkload(context, kube, cluster) : undefined;
  const workers = kube
    .list(MACHINE_DEPLOYMENT, cluster.metadata.namespace ?? '')
    .filter((object) => object.spec?.clusterName === cluster.metadata.name);
  const domains = Object.entries(infrastructure?.status?.failureDomains ?? {}).map(([name, domain]) => ({
    name,
    controlPlane: domain.controlPlane === true,
  }));
  const controlPlaneAvailable = isTrue(controlPlane?.status?.conditions, 'Available');
  const workersAvailable = workers.every((object) => isTrue(object.status?.conditions, 'Available'));
  const updates: ConditionUpdate[] = [
    infrastructureCondition(cluster, infrastructure),
    initialized
      ? { type: 'ControlPlaneInitialized', status: true, reason: 'Initialized' }
      : {
          type: 'ControlPlaneInitialized',
          status: false,
          reason: 'NotInitialized',
          message: 'Control plane not yet initialized',
        },
    {
      type: 'ControlPlaneAvailable',
      status: controlPlaneAvailable,
      reason: controlPlaneAvailable ? 'Available' : 'NotAvailable',
    },
    {
      type: 'WorkersAvailable',
      status: workersAvailable,
      reason: workers.length === 0 ? 'NoWorkers' : workersAvailable ? 'Available' : 'NotAvailable',
    },
    ...(remote === undefined
      ? []
      : [
          remote.ok
            ? { type: 'RemoteConnectionProbe', status: true, reason: 'ProbeSucceeded' }
            : { type: 'RemoteConnectionProbe', status: false, reason: 'ProbeFailed', message: remote.message },
        ]),
  ];
  const available = provisioned && controlPlaneAvailable && workersAvailable && remote?.ok === true;
  updates.push({ type: 'Available', status: available, reason: available ? 'Available' : 'NotAvailable' });
  kube.patchStatus(cluster, {
    observedGeneration: cluster.metadata.generation ?? 1,
    phase: provisioned ? 'Provisioned' : 'Provisioning',
    conditions: setConditions(cluster.status?.conditions, updates, clock.now()),
    ...(provisioned || initialized
      ? {
          initialization: {
            ...(provisioned ? { infrastructureProvisioned: true } : {}),
            ...(initialized ? { controlPlaneInitialized: true } : {}),
          },
        }
      : {}),
    ...(domains.length === 0 ? {} : { failureDomains: domains }),
    ...(controlPlane === undefined ? {} : { controlPlane: countsOf([controlPlane]) }),
    workers: countsOf(workers),
  });
  return remote?.ok === false ? { requeueAfter: PROBE_SECONDS } : undefined;
}

/** Workers first, then the control plane, then the infrastructure (Cluster API book, "Cluster deletion"). */
function remove(kube: Kube, cluster: ClusterObject): Outcome | undefined {
  const namespace = cluster.metadata.namespace ?? '';
  kube.patchStatus(cluster, { phase: 'Deleting' });
  const workers = kube
    .list(MACHINE_DEPLOYMENT, namespace)
    .filter((object) => object.spec?.clusterName === cluster.metadata.name);
  const machines = kube.list(MACHINE, namespace).filter((object) => object.spec?.clusterName === cluster.metadata.name);
  const workerMachines = machines.filter((machine) => machine.metadata.labels?.[LABEL.controlPlane] === undefined);
  const controlPlane = resolve(kube, namespace, cluster.spec?.controlPlaneRef);
  const infrastructure = resolve(kube, namespace, cluster.spec?.infrastructureRef);
  const stages: KubeObject[][] = [
    [...workers, ...workerMachines],
    controlPlane === undefined ? [] : [controlPlane],
    machines,
    infrastructure === undefined ? [] : [infrastructure],
  ];
  const stage = stages.find((objects) => objects.length > 0);
  if (stage === undefined) {
    dropFinalizer(kube, cluster, FINALIZER);
    return undefined;
  }
  stage.filter((object) => object.metadata.deletionTimestamp === undefined).forEach((object) => kube.remove(object));
  return { requeueAfter: 5 };
}
