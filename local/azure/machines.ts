import type { Clock } from './clock.ts';

/** A virtual machine as the simulated hypervisor boots it. */
export interface BootedMachine {
  /** ARM resource id as stored. */
  readonly id: string;
  readonly name: string;
  readonly computerName: string;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly location: string;
  readonly zone: string | undefined;
  readonly vmSize: string;
  readonly cores: number;
  readonly memoryGiB: number;
  /** Decoded `osProfile.customData` (cloud-init user data), '' when there is none. */
  readonly customData: string;
  /** Image id, gallery version id, or `publisher:offer:sku:version`. */
  readonly imageReference: string;
  /** Resource ids of the user-assigned identities. */
  readonly identityIds: readonly string[];
  /** Private address of the primary network interface. */
  readonly privateIp: string;
  /** Load balancer backend pools of its network interfaces. */
  readonly backendPoolIds: readonly string[];
  readonly dataDisks: readonly { readonly lun: number; readonly name: string; readonly sizeGiB: number }[];
  readonly tags: Readonly<Record<string, string>>;
}

/** A worker of a managed cluster: a machine of a scale set, without a cloud-init of its own. */
export interface ManagedNode {
  readonly machine: BootedMachine;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly { readonly key: string; readonly value?: string; readonly effect: string }[];
}

/** A managed cluster (AKS) as it should be: a control plane without machines, and its nodes. */
export interface ManagedCluster {
  /** ARM resource id. */
  readonly id: string;
  readonly name: string;
  /** Public or private name of the API server. */
  readonly host: string;
  /** `v1.34.2` */
  readonly kubernetesVersion: string;
  readonly serviceCidr: string;
  /** False for a cluster that is stopped: its state stays, nothing answers. */
  readonly running: boolean;
  readonly nodes: readonly ManagedNode[];
}

/** The managed control planes. Idempotent: `apply` is called after every change and after a restart. */
export interface ManagedClusterHost {
  apply(cluster: ManagedCluster): void;
  remove(id: string): void;
  /** Kubeconfig (YAML) of the administrator or of a user, undefined while the control plane is not up. */
  kubeconfig(id: string, user: 'clusterAdmin' | 'clusterUser'): string | undefined;
}

/**
 * What stands inside the virtual machines. Implemented by the simulated Kubernetes; called by the simulated Azure when a
 * machine enters or leaves the running power state. Idempotent: `start` is called again for every running machine after
 * the simulator itself was restarted (`resumed: true`).
 */
export interface MachineHost {
  start(machine: BootedMachine, options: { readonly resumed: boolean }): void;
  stop(machineId: string, reason: 'deleted' | 'deallocated'): void;
  /** Text of the serial console so far (boot diagnostics). */
  serialConsole(machineId: string): string;
  /** Port on 127.0.0.1 behind which the machine serves the given guest port (6443), or undefined when it does not listen. */
  listeningPort(machineId: string, guestPort: number): number | undefined;
  /** Kubernetes behind managed clusters; absent where none is simulated. */
  readonly managedClusters?: ManagedClusterHost;
}

/** What the machines may ask of the Azure they run in. Implemented by the simulated Azure. */
export interface AzureForMachines {
  /** Base URL of the gateway for calls that a machine makes; the Host header names the Azure service. */
  readonly gatewayUrl: string;
  /** Local TCP port that answers behind a load balancer's name, as seen from inside a machine, or undefined. */
  resolveLoadBalancer(fqdn: string, port: number): number | undefined;
  /** The name is one of a private zone: an internal load balancer, which brings no machine back to itself. */
  isInternal?(fqdn: string, port: number): boolean;
  /** File with the certificate of the authority that answers for Azure's names behind `gatewayUrl`. */
  certificateFile?(): Promise<string>;
  readonly clock: Clock;
}
