import type { KubeObject } from '../contract.ts';
import type { Json, Kind } from './objects.ts';

/** A condition of the core API and of Cluster API's v1beta2 contract. */
export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
  lastTransitionTime: string;
  severity?: string;
  observedGeneration?: number;
}

export interface Taint {
  key: string;
  value?: string;
  effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
}

export interface Toleration {
  key?: string;
  operator?: 'Exists' | 'Equal';
  value?: string;
  effect?: string;
}

export interface NodeObject extends KubeObject {
  spec?: { providerID?: string; taints?: Taint[]; unschedulable?: boolean; podCIDR?: string };
  status?: { conditions?: Condition[]; addresses?: { type: string; address: string }[]; nodeInfo?: Json };
}

export interface NodeSelectorRequirement {
  key: string;
  operator: string;
  values?: string[];
}

export interface PodSpec {
  nodeName?: string;
  nodeSelector?: Record<string, string>;
  hostNetwork?: boolean;
  tolerations?: Toleration[];
  restartPolicy?: string;
  serviceAccountName?: string;
  affinity?: {
    nodeAffinity?: {
      requiredDuringSchedulingIgnoredDuringExecution?: {
        nodeSelectorTerms?: { matchExpressions?: NodeSelectorRequirement[] }[];
      };
    };
  };
  containers?: { name: string; image?: string }[];
  initContainers?: { name: string; image?: string }[];
  volumes?: {
    name: string;
    secret?: { secretName?: string; optional?: boolean };
    configMap?: { name?: string; optional?: boolean };
  }[];
}

export interface PodTemplate {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec?: PodSpec;
}

export interface PodObject extends KubeObject {
  spec?: PodSpec;
  status?: { phase?: string; conditions?: Condition[]; startTime?: string; podIP?: string };
}

export interface Selector {
  matchLabels?: Record<string, string>;
}

export interface WorkloadObject extends KubeObject {
  spec?: {
    replicas?: number;
    selector?: Selector;
    template?: PodTemplate;
    completions?: number;
    parallelism?: number;
    paused?: boolean;
    progressDeadlineSeconds?: number;
  };
  status?: {
    conditions?: Condition[];
    replicas?: number;
    readyReplicas?: number;
    availableReplicas?: number;
    observedGeneration?: number;
    succeeded?: number;
    desiredNumberScheduled?: number;
    numberReady?: number;
  };
}

export interface SecretObject extends KubeObject {
  type?: string;
  data?: Record<string, string>;
}

export interface NamespaceObject extends KubeObject {
  spec?: { finalizers?: string[] };
  status?: { phase?: string };
}

export interface ServiceObject extends KubeObject {
  spec?: {
    selector?: Record<string, string>;
    ports?: { name?: string; port: number; targetPort?: number | string; protocol?: string }[];
    clusterIP?: string;
  };
}

export const NODE: Kind<NodeObject> = { apiVersion: 'v1', kind: 'Node' };
export const POD: Kind<PodObject> = { apiVersion: 'v1', kind: 'Pod' };
export const SECRET: Kind<SecretObject> = { apiVersion: 'v1', kind: 'Secret' };
export const CONFIG_MAP: Kind = { apiVersion: 'v1', kind: 'ConfigMap' };
export const SERVICE: Kind<ServiceObject> = { apiVersion: 'v1', kind: 'Service' };
export const ENDPOINTS: Kind = { apiVersion: 'v1', kind: 'Endpoints' };
export const NAMESPACE: Kind<NamespaceObject> = { apiVersion: 'v1', kind: 'Namespace' };
export const SERVICE_ACCOUNT: Kind = { apiVersion: 'v1', kind: 'ServiceAccount' };
export const DEPLOYMENT: Kind<WorkloadObject> = { apiVersion: 'apps/v1', kind: 'Deployment' };
export const REPLICA_SET: Kind<WorkloadObject> = { apiVersion: 'apps/v1', kind: 'ReplicaSet' };
export const DAEMON_SET: Kind<WorkloadObject> = { apiVersion: 'apps/v1', kind: 'DaemonSet' };
export const STATEFUL_SET: Kind<WorkloadObject> = { apiVersion: 'apps/v1', kind: 'StatefulSet' };
export const JOB: Kind<WorkloadObject> = { apiVersion: 'batch/v1', kind: 'Job' };
export const CRD: Kind = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' };
export const VALIDATING_WEBHOOKS: Kind<WebhookConfiguration> = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingWebhookConfiguration',
};
export const MUTATING_WEBHOOKS: Kind<WebhookConfiguration> = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'MutatingWebhookConfiguration',
};

export interface WebhookConfiguration extends KubeObject {
  webhooks?: { name: string; clientConfig: { caBundle?: string; service?: { name: string; namespace: string } } }[];
}
