import type { JsonObject } from './json.ts';

/** Paths of the scale subresource inside an object, e.g. `.spec.replicas`. */
export interface ScalePaths {
  readonly spec: string;
  readonly status: string;
  readonly selector: string | undefined;
}

/** One served version of one resource. */
export interface ResourceKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly listKind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly hasStatus: boolean;
  readonly scale: ScalePaths | undefined;
  /** Whether `metadata.generation` is kept for this kind. */
  readonly hasGeneration: boolean;
  /** Version in which objects are stored. */
  readonly storageVersion: string;
  /** Of custom resources: the structural schema, columns and warning of this version. */
  readonly custom: CustomVersion | undefined;
}

/** What a CustomResourceDefinition says of one version. */
export interface CustomVersion {
  readonly schema: JsonObject;
  readonly columns: readonly JsonObject[];
  readonly deprecationWarning: string | undefined;
}

/** `v1` or `apps/v1`. */
export function apiVersionOf(kind: Pick<ResourceKind, 'group' | 'version'>): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
}

/** Name of the storage bucket of a resource: all versions of it share one. */
export function bucketOf(kind: Pick<ResourceKind, 'group' | 'plural'>): string {
  return `${kind.group}/${kind.plural}`;
}

/** Splits `apps/v1` into group and version; the legacy group is ''. */
export function splitApiVersion(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.indexOf('/');
  if (slash < 0) return { group: '', version: apiVersion };
  return { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

const DEFAULT_SCALE: ScalePaths = { spec: '.spec.replicas', status: '.status.replicas', selector: undefined };

/*
 * One line per built-in kind: apiVersion Kind plural shortNames categories flags.
 * Flags: n namespaced, s status subresource, g generation, c scale subresource. '-' stands for none.
 */
const BUILT_IN = `
v1 Namespace namespaces ns - s
v1 Node nodes no - s
v1 PersistentVolume persistentvolumes pv - s
v1 PersistentVolumeClaim persistentvolumeclaims pvc - ns
v1 Pod pods po all ns
v1 Service services svc all ns
v1 Endpoints endpoints ep - n
v1 Secret secrets - - n
v1 ConfigMap configmaps cm - n
v1 ServiceAccount serviceaccounts sa - n
v1 Event events ev - n
v1 ResourceQuota resourcequotas quota - ns
v1 LimitRange limitranges limits - n
apps/v1 Deployment deployments deploy all nsgc
apps/v1 DaemonSet daemonsets ds all nsg
apps/v1 ReplicaSet replicasets rs all nsgc
apps/v1 StatefulSet statefulsets sts all nsgc
apps/v1 ControllerRevision controllerrevisions - - n
batch/v1 Job jobs - all nsg
batch/v1 CronJob cronjobs cj all nsg
rbac.authorization.k8s.io/v1 ClusterRole clusterroles - - -
rbac.authorization.k8s.io/v1 ClusterRoleBinding clusterrolebindings - - -
rbac.authorization.k8s.io/v1 Role roles - - n
rbac.authorization.k8s.io/v1 RoleBinding rolebindings - - n
storage.k8s.io/v1 StorageClass storageclasses sc - -
storage.k8s.io/v1 CSIDriver csidrivers - - -
storage.k8s.io/v1 CSINode csinodes - - -
storage.k8s.io/v1 VolumeAttachment volumeattachments - - s
scheduling.k8s.io/v1 PriorityClass priorityclasses pc - -
coordination.k8s.io/v1 Lease leases - - n
discovery.k8s.io/v1 EndpointSlice endpointslices - - n
policy/v1 PodDisruptionBudget poddisruptionbudgets pdb - nsg
autoscaling/v2 HorizontalPodAutoscaler horizontalpodautoscalers hpa all ns
networking.k8s.io/v1 Ingress ingresses ing - nsg
networking.k8s.io/v1 IngressClass ingressclasses - - g
networking.k8s.io/v1 NetworkPolicy networkpolicies netpol - ng
certificates.k8s.io/v1 CertificateSigningRequest certificatesigningrequests csr - s
admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration validatingwebhookconfigurations - api-extensions g
admissionregistration.k8s.io/v1 MutatingWebhookConfiguration mutatingwebhookconfigurations - api-extensions g
apiextensions.k8s.io/v1 CustomResourceDefinition customresourcedefinitions crd,crds api-extensions sg
apiregistration.k8s.io/v1 APIService apiservices - api-extensions s
`;

/** Every kind that the server has without a CustomResourceDefinition. */
export const BUILT_IN_KINDS: readonly ResourceKind[] = BUILT_IN.trim().split('\n').map(parseLine);

function parseLine(line: string): ResourceKind {
  const [apiVersion = '', kind = '', plural = '', shortNames = '-', categories = '-', flags = '-'] = line.split(' ');
  const { group, version } = splitApiVersion(apiVersion);
  return {
    group,
    version,
    kind,
    listKind: `${kind}List`,
    plural,
    singular: kind.toLowerCase(),
    shortNames: shortNames === '-' ? [] : shortNames.split(','),
    categories: categories === '-' ? [] : categories.split(','),
    namespaced: flags.includes('n'),
    hasStatus: flags.includes('s'),
    hasGeneration: flags.includes('g'),
    scale: flags.includes('c') ? DEFAULT_SCALE : undefined,
    storageVersion: version,
    custom: undefined,
  };
}
