import type { KubeObject } from '../../contract.ts';
import type { Condition } from '../kinds.ts';
import type { Json, Kind } from '../objects.ts';

/** Reference of the v1beta2 contract: no version, no namespace. */
export interface ContractReference {
  apiGroup: string;
  kind: string;
  name: string;
}

export interface ClusterObject extends KubeObject {
  spec?: {
    paused?: boolean;
    clusterNetwork?: { pods?: { cidrBlocks?: string[] }; services?: { cidrBlocks?: string[] }; serviceDomain?: string };
    controlPlaneEndpoint?: { host?: string; port?: number };
    controlPlaneRef?: ContractReference;
    infrastructureRef?: ContractReference;
  };
  status?: {
    conditions?: Condition[];
    phase?: string;
    initialization?: { infrastructureProvisioned?: boolean; controlPlaneInitialized?: boolean };
    failureDomains?: { name: string; controlPlane?: boolean }[];
  };
}

export interface MachineSpec {
  clusterName: string;
  version?: string;
  failureDomain?: string;
  providerID?: string;
  bootstrap: { dataSecretName?: string; configRef?: ContractReference };
  infrastructureRef: ContractReference;
}

export interface MachineObject extends KubeObject {
  spec?: MachineSpec;
  status?: {
    conditions?: Condition[];
    phase?: string;
    nodeRef?: { name: string };
    failureDomain?: string;
    certificatesExpiryDate?: string;
    initialization?: { bootstrapDataSecretCreated?: boolean; infrastructureProvisioned?: boolean };
  };
}

export interface Replicated {
  conditions?: Condition[];
  replicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  upToDateReplicas?: number;
}

export interface MachineSetObject extends KubeObject {
  spec?: {
    clusterName: string;
    replicas?: number;
    selector: { matchLabels?: Record<string, string> };
    template: {
      metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
      spec: MachineSpec;
    };
    rollout?: {
      strategy?: { type: string; rollingUpdate?: { maxSurge?: number | string; maxUnavailable?: number | string } };
    };
    deletion?: { order?: string };
    paused?: boolean;
  };
  status?: Replicated;
}

export interface KubeadmConfigSpec {
  clusterConfiguration?: Json;
  initConfiguration?: Json;
  joinConfiguration?: Json;
  files?: {
    path: string;
    content?: string;
    contentFrom?: { secret: { name: string; key: string } };
    owner?: string;
    permissions?: string;
    encoding?: string;
    append?: boolean;
  }[];
  preKubeadmCommands?: string[];
  postKubeadmCommands?: string[];
  bootCommands?: string[];
  users?: {
    name: string;
    sudo?: string;
    sshAuthorizedKeys?: string[];
    groups?: string;
    shell?: string;
    lockPassword?: boolean;
  }[];
  diskSetup?: {
    partitions?: { device: string; layout?: boolean; overwrite?: boolean; tableType?: string }[];
    filesystems?: {
      device: string;
      filesystem: string;
      label?: string;
      extraOpts?: string[];
      partition?: string;
      overwrite?: boolean;
    }[];
  };
  mounts?: string[][];
  ntp?: { enabled?: boolean; servers?: string[] };
  verbosity?: number;
}

export interface KubeadmConfigObject extends KubeObject {
  spec?: KubeadmConfigSpec;
  status?: { conditions?: Condition[]; dataSecretName?: string; initialization?: { dataSecretCreated?: boolean } };
}

export interface KubeadmConfigTemplateObject extends KubeObject {
  spec?: {
    template: {
      metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
      spec: KubeadmConfigSpec;
    };
  };
}

export interface ControlPlaneObject extends KubeObject {
  spec?: {
    replicas?: number;
    version: string;
    kubeadmConfigSpec?: KubeadmConfigSpec;
    machineTemplate: {
      metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
      spec: { infrastructureRef: ContractReference };
    };
    rollout?: {
      after?: string;
      before?: { certificatesExpiryDays?: number };
      strategy?: { type: string; rollingUpdate?: { maxSurge?: number | string } };
    };
  };
  status?: Replicated & { initialization?: { controlPlaneInitialized?: boolean }; version?: string };
}

export interface InfrastructureTemplate extends KubeObject {
  spec?: {
    template: { metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> }; spec: Json };
  };
}

export interface InfrastructureMachine extends KubeObject {
  spec?: Json & { providerID?: string; failureDomain?: string };
  status?: {
    ready?: boolean;
    conditions?: Condition[];
    addresses?: { type: string; address: string }[];
    failureReason?: string;
    failureMessage?: string;
  };
}

export interface InfrastructureCluster extends KubeObject {
  spec?: Json & { controlPlaneEndpoint?: { host?: string; port?: number } };
  status?: { ready?: boolean; conditions?: Condition[]; failureDomains?: Record<string, { controlPlane?: boolean }> };
}

export interface HealthCheckObject extends KubeObject {
  spec?: {
    clusterName: string;
    selector: { matchLabels?: Record<string, string> };
    checks?: {
      nodeStartupTimeoutSeconds?: number;
      unhealthyNodeConditions?: { type: string; status: string; timeoutSeconds: number }[];
    };
    remediation?: { triggerIf?: { unhealthyLessThanOrEqualTo?: number | string } };
  };
  status?: { conditions?: Condition[] };
}

const CORE = 'cluster.x-k8s.io/v1beta2';
export const CLUSTER: Kind<ClusterObject> = { apiVersion: CORE, kind: 'Cluster' };
export const MACHINE: Kind<MachineObject> = { apiVersion: CORE, kind: 'Machine' };
export const MACHINE_SET: Kind<MachineSetObject> = { apiVersion: CORE, kind: 'MachineSet' };
export const MACHINE_DEPLOYMENT: Kind<MachineSetObject> = { apiVersion: CORE, kind: 'MachineDeployment' };
export const HEALTH_CHECK: Kind<HealthCheckObject> = { apiVersion: CORE, kind: 'MachineHealthCheck' };
export const KUBEADM_CONFIG: Kind<KubeadmConfigObject> = {
  apiVersion: 'bootstrap.cluster.x-k8s.io/v1beta2',
  kind: 'KubeadmConfig',
};
export const KUBEADM_CONFIG_TEMPLATE: Kind<KubeadmConfigTemplateObject> = {
  apiVersion: 'bootstrap.cluster.x-k8s.io/v1beta2',
  kind: 'KubeadmConfigTemplate',
};
export const CONTROL_PLANE: Kind<ControlPlaneObject> = {
  apiVersion: 'controlplane.cluster.x-k8s.io/v1beta2',
  kind: 'KubeadmControlPlane',
};

const INFRASTRUCTURE = 'infrastructure.cluster.x-k8s.io/v1beta1';
export const AZURE_CLUSTER: Kind<InfrastructureCluster> = { apiVersion: INFRASTRUCTURE, kind: 'AzureCluster' };
export const AZURE_MACHINE: Kind<InfrastructureMachine> = { apiVersion: INFRASTRUCTURE, kind: 'AzureMachine' };
export const AZURE_MACHINE_TEMPLATE: Kind<InfrastructureTemplate> = {
  apiVersion: INFRASTRUCTURE,
  kind: 'AzureMachineTemplate',
};
export const AZURE_IDENTITY: Kind = { apiVersion: INFRASTRUCTURE, kind: 'AzureClusterIdentity' };

/** Machines are made with it (cluster-api machineset_controller.go, computeDesiredMachine): none goes without its parts. */
export const MACHINE_FINALIZER = 'machine.cluster.x-k8s.io';

export const LABEL = {
  cluster: 'cluster.x-k8s.io/cluster-name',
  controlPlane: 'cluster.x-k8s.io/control-plane',
  controlPlaneName: 'cluster.x-k8s.io/control-plane-name',
  deployment: 'cluster.x-k8s.io/deployment-name',
  set: 'cluster.x-k8s.io/set-name',
  templateHash: 'machine-template-hash',
} as const;
export const ANNOTATION = {
  paused: 'cluster.x-k8s.io/paused',
  clonedFromName: 'cluster.x-k8s.io/cloned-from-name',
  clonedFromGroupKind: 'cluster.x-k8s.io/cloned-from-groupkind',
  managedBy: 'cluster.x-k8s.io/managed-by',
  /** A MachineSet that shrinks takes machines with this annotation first. */
  deleteMachine: 'cluster.x-k8s.io/delete-machine',
} as const;
