/** One command-line flag of a component: v1beta2 of Cluster API and v1beta4 of kubeadm keep flags as lists. */
export interface Argument {
  readonly name: string;
  readonly value: string;
}

export interface NodeRegistration {
  readonly name: string;
  readonly imagePullPolicy: 'IfNotPresent' | 'Always' | 'Never';
  readonly kubeletExtraArgs: readonly Argument[];
  readonly taints?: readonly { readonly key: string; readonly value?: string; readonly effect: string }[];
}

export interface KubeadmFile {
  readonly path: string;
  readonly owner: string;
  readonly permissions: string;
  readonly content?: string;
  readonly encoding?: 'base64';
  readonly contentFrom?: { readonly secret: { readonly name: string; readonly key: string } };
}

interface Timeouts {
  readonly controlPlaneComponentHealthCheckSeconds: number;
}

/**
 * Cluster API's kubeadm configuration (bootstrap.cluster.x-k8s.io/v1beta2), restricted to the fields that Capstan
 * sets. One object of this type feeds the KubeadmControlPlane, CP-A's KubeadmConfig and CP-A's cloud-init, so that
 * the three cannot differ (cluster-api-pivot.md §2d, R3).
 */
export interface KubeadmConfigSpec {
  readonly format: 'cloud-config';
  readonly clusterConfiguration?: {
    readonly apiServer?: { readonly certSANs: readonly string[] };
    readonly controllerManager: { readonly extraArgs: readonly Argument[] };
    readonly etcd: { readonly local: { readonly dataDir: string; readonly extraArgs: readonly Argument[] } };
    readonly featureGates?: Readonly<Record<string, boolean>>;
  };
  readonly initConfiguration?: { readonly nodeRegistration: NodeRegistration; readonly timeouts: Timeouts };
  readonly joinConfiguration?: { readonly nodeRegistration: NodeRegistration; readonly timeouts?: Timeouts };
  readonly diskSetup?: {
    readonly partitions: readonly {
      readonly device: string;
      readonly layout: boolean;
      readonly overwrite: boolean;
      readonly tableType: 'gpt' | 'mbr';
    }[];
    readonly filesystems: readonly {
      readonly device: string;
      readonly filesystem: string;
      readonly label: string;
      readonly extraOpts?: readonly string[];
      readonly replaceFS?: string;
    }[];
  };
  readonly mounts?: readonly (readonly string[])[];
  readonly files: readonly KubeadmFile[];
  readonly users?: readonly {
    readonly name: string;
    readonly lockPassword: boolean;
    readonly shell: string;
    readonly sudo: string;
    readonly sshAuthorizedKeys: readonly string[];
  }[];
  readonly preKubeadmCommands?: readonly string[];
  readonly postKubeadmCommands?: readonly string[];
}
