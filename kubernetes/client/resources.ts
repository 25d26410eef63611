import { field, listField, textField } from '#domain/cluster-api/object.ts';
import type { ObjectReference } from '#domain/cluster-api/object.ts';

/** How a kind appears in paths. */
export interface ResourceKind {
  readonly plural: string;
  readonly namespaced: boolean;
}

/** Kinds that every API server has: known without a discovery request. */
const builtIn: Readonly<Record<string, Readonly<Record<string, ResourceKind>>>> = {
  v1: {
    ...namespaced([
      'ConfigMap',
      'Secret',
      'Service',
      'ServiceAccount',
      'Pod',
      'Event',
      'PersistentVolumeClaim',
      'LimitRange',
      'ResourceQuota',
    ]),
    Endpoints: { plural: 'endpoints', namespaced: true },
    ...clusterScoped(['Namespace', 'Node', 'PersistentVolume']),
  },
  'apps/v1': namespaced(['Deployment', 'DaemonSet', 'ReplicaSet', 'StatefulSet']),
  'batch/v1': namespaced(['Job', 'CronJob']),
  'rbac.authorization.k8s.io/v1': {
    ...namespaced(['Role', 'RoleBinding']),
    ...clusterScoped(['ClusterRole', 'ClusterRoleBinding']),
  },
  'apiextensions.k8s.io/v1': clusterScoped(['CustomResourceDefinition']),
  'admissionregistration.k8s.io/v1': clusterScoped(['ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration']),
  'cluster.x-k8s.io/v1beta2': namespaced([
    'Cluster',
    'Machine',
    'MachineSet',
    'MachineDeployment',
    'MachineHealthCheck',
  ]),
  'bootstrap.cluster.x-k8s.io/v1beta2': namespaced(['KubeadmConfig', 'KubeadmConfigTemplate']),
  'controlplane.cluster.x-k8s.io/v1beta2': namespaced(['KubeadmControlPlane']),
  'infrastructure.cluster.x-k8s.io/v1beta1': {
    ...namespaced(['AzureCluster', 'AzureMachine', 'AzureMachineTemplate']),
    AzureClusterIdentity: { plural: 'azureclusteridentities', namespaced: true },
  },
};

/** The plural of a kind that is known without asking. */
export function knownKind(apiVersion: string, kind: string): ResourceKind | undefined {
  return builtIn[apiVersion]?.[kind];
}

/** The kinds in the answer to `GET /apis/<group>/<version>`. */
export function discoveredKinds(resourceList: unknown): ReadonlyMap<string, ResourceKind> {
  const kinds = new Map<string, ResourceKind>();
  for (const item of listField(resourceList, 'resources')) {
    const plural = textField(item, 'name');
    const kind = textField(item, 'kind');
    if (plural !== undefined && kind !== undefined && !plural.includes('/')) {
      kinds.set(kind, { plural, namespaced: field(item, 'namespaced') === true });
    }
  }
  return kinds;
}

/** Path of a group and version. */
export function groupVersionPath(apiVersion: string): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

/** Path of a collection, or of one object when the reference has a name. */
export function resourcePath(
  kind: ResourceKind,
  reference: Omit<ObjectReference, 'name'> & { readonly name?: string },
): string {
  const scope =
    kind.namespaced && reference.namespace !== undefined
      ? `/namespaces/${encodeURIComponent(reference.namespace)}`
      : '';
  const name = reference.name === undefined ? '' : `/${encodeURIComponent(reference.name)}`;
  return `${groupVersionPath(reference.apiVersion)}${scope}/${kind.plural}${name}`;
}

function namespaced(kinds: readonly string[]): Record<string, ResourceKind> {
  return Object.fromEntries(kinds.map((kind) => [kind, { plural: plural(kind), namespaced: true }]));
}

function clusterScoped(kinds: readonly string[]): Record<string, ResourceKind> {
  return Object.fromEntries(kinds.map((kind) => [kind, { plural: plural(kind), namespaced: false }]));
}

function plural(kind: string): string {
  return `${kind.toLowerCase()}s`;
}
