import type { Kube } from '../objects.ts';
import { minorOf } from './bootstrap-data.ts';
import type { ClusterObject, MachineSetObject } from './kinds.ts';
import { CONTROL_PLANE } from './kinds.ts';

/** Annotation of a MachineSet that leaves checks out, by name or `All`. */
const SKIP = 'machineset.cluster.x-k8s.io/skip-preflight-checks';

/** Minor versions that a kubelet may be behind its API server (Kubernetes documentation, "Version skew policy"). */
const LARGEST_SKEW = 3;

/**
 * Why a MachineSet makes no machine now: its control plane is being upgraded, or its version does not go with the
 * control plane's. kubeadm joins only a control plane of its own minor version (Cluster API book, "MachineSet preflight
 * checks"). Undefined when nothing is in the way.
 */
export function machineSetPreflight(kube: Kube, cluster: ClusterObject, set: MachineSetObject): string | undefined {
  const skipped = (set.metadata.annotations?.[SKIP] ?? '').split(',');
  const runs = (check: string): boolean => !skipped.includes('All') && !skipped.includes(check);
  const reference = cluster.spec?.controlPlaneRef;
  const controlPlane =
    reference === undefined ? undefined : kube.get(CONTROL_PLANE, cluster.metadata.namespace ?? '', reference.name);
  const version = controlPlane?.spec?.version;
  if (controlPlane === undefined || version === undefined) return undefined;
  const reported = controlPlane.status?.version;
  if (runs('ControlPlaneIsStable')) {
    const name = `KubeadmControlPlane ${cluster.metadata.namespace ?? ''}/${controlPlane.metadata.name}`;
    if (reported === undefined) return `${name} is provisioning ("ControlPlaneIsStable" preflight check failed)`;
    if (reported !== version)
      return `${name} is upgrading from ${reported} to ${version} ("ControlPlaneIsStable" preflight check failed)`;
  }
  const wanted = set.spec?.template.spec.version;
  if (wanted === undefined) return undefined;
  const behind = minorOf(version) - minorOf(wanted);
  const versions = `MachineSet version (${wanted.slice(1)}) and ControlPlane version (${version.slice(1)})`;
  if (runs('KubernetesVersionSkew') && (behind < 0 || behind > LARGEST_SKEW)) {
    const why = behind < 0 ? 'higher than' : `more than ${LARGEST_SKEW} minor versions older than`;
    return `${versions} do not conform to the kubernetes version skew policy as MachineSet version is ${why} the ControlPlane version ("KubernetesVersionSkew" preflight check failed)`;
  }
  if (runs('KubeadmVersionSkew') && behind !== 0)
    return `${versions} do not conform to kubeadm version skew policy as kubeadm only supports joining with the same major+minor version as the control plane ("KubeadmVersionSkew" preflight check failed)`;
  return undefined;
}
