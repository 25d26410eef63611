import { stringify } from 'yaml';
import type { ClusterPlan } from '../plan/types.ts';
import { minorVersion } from './config.ts';
import type { Argument, KubeadmConfigSpec, NodeRegistration } from './types.ts';

/**
 * `/run/kubeadm/kubeadm.yaml` of CP-A: ClusterConfiguration and InitConfiguration, kubeadm v1beta4 from Kubernetes
 * 1.31 on, v1beta3 below (cluster-api-pivot.md §3). What Cluster API keeps in the Cluster (name, endpoint, networks,
 * version) is added here exactly as its bootstrap controller adds it.
 */
export function kubeadmDocuments(plan: ClusterPlan, spec: KubeadmConfigSpec): string {
  const version = minorVersion(plan.kubernetesVersion) >= 31 ? 'v1beta4' : 'v1beta3';
  const documents = [clusterConfiguration(plan, spec, version), initConfiguration(spec, version)];
  return documents.map((document) => `---\n${stringify(document, { lineWidth: 0, singleQuote: true })}`).join('');
}

type KubeadmVersion = 'v1beta3' | 'v1beta4';

function clusterConfiguration(
  plan: ClusterPlan,
  spec: KubeadmConfigSpec,
  version: KubeadmVersion,
): Record<string, unknown> {
  const configured = spec.clusterConfiguration;
  if (configured === undefined) {
    throw new RangeError('the first control-plane machine needs a clusterConfiguration');
  }
  const { network } = plan;
  const wait = spec.initConfiguration?.timeouts.controlPlaneComponentHealthCheckSeconds;
  const apiServer = {
    ...configured.apiServer,
    ...(version === 'v1beta3' && wait !== undefined ? { timeoutForControlPlane: duration(wait) } : {}),
  };
  return {
    apiVersion: `kubeadm.k8s.io/${version}`,
    kind: 'ClusterConfiguration',
    clusterName: plan.name,
    kubernetesVersion: plan.kubernetesVersion,
    controlPlaneEndpoint: `${network.api.host}:${network.api.port}`,
    networking: { dnsDomain: 'cluster.local', podSubnet: network.podCidr, serviceSubnet: network.serviceCidr },
    ...(Object.keys(apiServer).length === 0 ? {} : { apiServer }),
    controllerManager: { extraArgs: flags(configured.controllerManager.extraArgs, version) },
    etcd: {
      local: { dataDir: configured.etcd.local.dataDir, extraArgs: flags(configured.etcd.local.extraArgs, version) },
    },
    ...(configured.featureGates === undefined ? {} : { featureGates: configured.featureGates }),
  };
}

function initConfiguration(spec: KubeadmConfigSpec, version: KubeadmVersion): Record<string, unknown> {
  const configured = spec.initConfiguration;
  if (configured === undefined) {
    throw new RangeError('the first control-plane machine needs an initConfiguration');
  }
  return {
    apiVersion: `kubeadm.k8s.io/${version}`,
    kind: 'InitConfiguration',
    nodeRegistration: registration(configured.nodeRegistration, version),
    ...(version === 'v1beta4'
      ? {
          timeouts: {
            controlPlaneComponentHealthCheck: duration(configured.timeouts.controlPlaneComponentHealthCheckSeconds),
          },
        }
      : {}),
  };
}

function registration(node: NodeRegistration, version: KubeadmVersion): Record<string, unknown> {
  return {
    name: node.name,
    imagePullPolicy: node.imagePullPolicy,
    kubeletExtraArgs: flags(node.kubeletExtraArgs, version),
    ...(node.taints === undefined ? {} : { taints: node.taints }),
  };
}

/** v1beta4 keeps flags as a list, v1beta3 as a map. */
function flags(args: readonly Argument[], version: KubeadmVersion): readonly Argument[] | Record<string, string> {
  return version === 'v1beta4' ? args : Object.fromEntries(args.map(({ name, value }) => [name, value]));
}

/** Go's duration text, as kubeadm reads it. */
function duration(seconds: number): string {
  return `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
