import type { ControllerContext } from '../context.ts';
import { isDeploymentAvailable, kubeFor } from '../context.ts';
import type { HostedControllers } from '../manager.ts';
import { createClusterController } from './cluster.ts';
import { createControlPlaneController } from './control-plane.ts';
import { createHealthCheckController } from './health-check.ts';
import { createKubeadmConfigController } from './kubeadm-config.ts';
import { createMachineController } from './machine.ts';
import { createMachineDeploymentController, createMachineSetController } from './machine-set.ts';
import { reviewClusterApi } from './webhooks.ts';

const CORE = { namespace: 'capi-system', deployment: 'capi-controller-manager', service: 'capi-webhook-service' };
const BOOTSTRAP = {
  namespace: 'capi-kubeadm-bootstrap-system',
  deployment: 'capi-kubeadm-bootstrap-controller-manager',
  service: 'capi-kubeadm-bootstrap-webhook-service',
};
const CONTROL_PLANE = {
  namespace: 'capi-kubeadm-control-plane-system',
  deployment: 'capi-kubeadm-control-plane-controller-manager',
  service: 'capi-kubeadm-control-plane-webhook-service',
};

/** Cluster API core: Cluster, Machine, MachineSet, MachineDeployment, MachineHealthCheck. */
export function clusterApiControllers(context: ControllerContext): HostedControllers {
  return {
    ...CORE,
    create: (kube) => [
      createClusterController(context, kube),
      createMachineController(context, kube),
      createMachineSetController(context, kube),
      createMachineDeploymentController(context, kube),
      createHealthCheckController(context, kube),
    ],
  };
}

/** The kubeadm bootstrap provider. */
export function kubeadmBootstrapControllers(context: ControllerContext): HostedControllers {
  return { ...BOOTSTRAP, create: (kube) => [createKubeadmConfigController(context, kube)] };
}

/** The kubeadm control plane provider. */
export function kubeadmControlPlaneControllers(context: ControllerContext): HostedControllers {
  return { ...CONTROL_PLANE, create: (kube) => [createControlPlaneController(context, kube)] };
}

/** The webhook services of the three providers answer while their Deployments are Available. */
export function bindClusterApiWebhooks(context: ControllerContext): void {
  const kube = kubeFor(context, 'webhooks', 'kube-system:webhook-prober');
  for (const { namespace, deployment, service } of [CORE, BOOTSTRAP, CONTROL_PLANE]) {
    context.api.bindWebhook(
      { namespace, name: service },
      () => isDeploymentAvailable(kube, namespace, deployment),
      reviewClusterApi,
    );
  }
}
