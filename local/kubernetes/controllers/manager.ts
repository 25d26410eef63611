import { createAutoscaler } from './autoscaler.ts';
import { createCertManager } from './cert-manager.ts';
import { createCloudProvider } from './cloud-provider.ts';
import {
  bindClusterApiWebhooks,
  clusterApiControllers,
  kubeadmBootstrapControllers,
  kubeadmControlPlaneControllers,
} from './cluster-api/index.ts';
import { bindCapzWebhooks, capzControllers } from './capz/index.ts';
import { helmControllers } from './helm.ts';
import type { ControllerContext } from './context.ts';
import { isDeploymentAvailable, kubeFor } from './context.ts';
import { DEPLOYMENT, REPLICA_SET, STATEFUL_SET } from './kinds.ts';
import type { Kube } from './objects.ts';
import type { Reconciler, Running } from './runtime.ts';
import { startController } from './runtime.ts';
import { createDaemonSets, createJobs } from './workloads/daemon-sets.ts';
import { createDeployments, createReplicaController } from './workloads/deployments.ts';
import { createKubelet } from './workloads/kubelet.ts';
import { createEndpoints, createNamespaceDefaults } from './workloads/namespaces.ts';
import { createNodeLifecycle, createPodCollector } from './workloads/nodes.ts';
import { createScheduler } from './workloads/scheduler.ts';

/** All controllers of one cluster. */
export interface ControllerManager {
  /** A machine started, stopped or was deleted. */
  machineChanged(nodeName: string): void;
  stop(): void;
}

/** Controllers that live in a Deployment, and act only while it is Available. */
export interface HostedControllers {
  readonly namespace: string;
  readonly deployment: string;
  create(kube: Kube): readonly Reconciler[];
}

function builtIn(context: ControllerContext, kube: Kube): Reconciler[] {
  const { clock } = context.azure;
  const { machines } = context;
  return [
    createScheduler(kube, clock),
    createKubelet(kube, clock, machines.isRunning),
    createNodeLifecycle(kube, clock, machines),
    createPodCollector(kube),
    createDeployments(kube, clock),
    createReplicaController(kube, REPLICA_SET),
    createReplicaController(kube, STATEFUL_SET),
    createDaemonSets(kube),
    createJobs(kube, clock),
    createNamespaceDefaults(kube, machines.caCertificate),
    createEndpoints(kube),
  ];
}

/** Starts the controllers of a cluster: Kubernetes' own at once, the others as their Deployments become Available. */
export function startControllers(context: ControllerContext): ControllerManager {
  const { clock } = context.azure;
  const kube = kubeFor(context, 'kube-controller-manager', 'kube-system:controller-manager');
  const running = builtIn(context, kube).map((reconciler) => startController(reconciler, kube, clock));
  const hosted = [
    createCloudProvider(context),
    createCertManager(context),
    clusterApiControllers(context),
    kubeadmBootstrapControllers(context),
    kubeadmControlPlaneControllers(context),
    capzControllers(context),
    createAutoscaler(context),
    helmControllers(context),
  ];
  const active = new Map<HostedControllers, Running[]>();
  bindClusterApiWebhooks(context);
  bindCapzWebhooks(context);

  const settle = (group: HostedControllers): void => {
    const wanted = isDeploymentAvailable(kube, group.namespace, group.deployment);
    const current = active.get(group);
    if (wanted && current === undefined) {
      const own = kubeFor(context, group.deployment, `${group.namespace}:${group.deployment}`);
      active.set(
        group,
        group.create(own).map((reconciler) => startController(reconciler, own, clock)),
      );
    }
    if (!wanted && current !== undefined) {
      current.forEach((controller) => controller.stop());
      active.delete(group);
    }
  };
  const watcher = kube.raw.watch(DEPLOYMENT, (_type, object) =>
    hosted
      .filter((group) => group.deployment === object.metadata.name && group.namespace === object.metadata.namespace)
      .forEach(settle),
  );
  hosted.forEach(settle);

  return {
    machineChanged: (nodeName) => {
      const key = { namespace: '', name: nodeName };
      [...running, ...[...active.values()].flat()].forEach((controller) => controller.nodeChanged?.(key));
    },
    stop: () => {
      watcher.stop();
      [...running, ...[...active.values()].flat()].forEach((controller) => controller.stop());
      active.clear();
    },
  };
}
