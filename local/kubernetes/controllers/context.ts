import type { AzureForMachines, BootedMachine } from '#local/azure/machines.ts';
import type { SimulatedApi } from '../contract.ts';
import { isTrue } from './conditions.ts';
import { DEPLOYMENT } from './kinds.ts';
import type { Kube } from './objects.ts';
import { createKube } from './objects.ts';

/** The machines that make up one cluster, as the simulated hypervisor knows them. */
export interface ClusterMachines {
  /** The machine that registered under this node name, once it was started. */
  readonly byNode: (nodeName: string) => BootedMachine | undefined;
  /** False once the machine is deleted in Azure. */
  readonly exists: (nodeName: string) => boolean;
  readonly isRunning: (nodeName: string) => boolean;
  /** Running machines that serve the API. */
  readonly controlPlane: () => readonly BootedMachine[];
  /** True when a local port is an API endpoint of this cluster. */
  readonly ownsPort: (port: number) => boolean;
  /** PEM of the CA that signed the serving certificates. */
  readonly caCertificate: string;
}

/** What every scripted controller of one cluster is given. */
export interface ControllerContext {
  readonly api: SimulatedApi;
  readonly azure: AzureForMachines;
  readonly machines: ClusterMachines;
  /** Makes generated names repeatable. */
  readonly seed: string;
}

/** The typed client of one controller, under its service account's name. */
export function kubeFor(context: ControllerContext, component: string, serviceAccount: string): Kube {
  const raw = context.api.client(`system:serviceaccount:${serviceAccount}`, ['system:masters', 'system:authenticated']);
  return createKube(raw, { component, now: () => context.azure.clock.now() });
}

/** True while a Deployment says that it is Available. */
export function isDeploymentAvailable(kube: Kube, namespace: string, name: string): boolean {
  const deployment = kube.get(DEPLOYMENT, namespace, name);
  if (deployment === undefined || deployment.metadata.deletionTimestamp !== undefined) return false;
  return isTrue(deployment.status?.conditions, 'Available') && (deployment.status?.readyReplicas ?? 0) > 0;
}
