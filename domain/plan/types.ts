import type { AddOnSpec, ClusterSpec, HealthCheckSpec, RolloutSpec, TaintSpec } from '../spec/types.ts';
import type { StepId } from '../steps.ts';

/** Kinds of Azure resource that a plan can hold; one folder in `azure/` each. */
export type ResourceKind =
  | 'virtualNetwork'
  | 'networkSecurityGroup'
  | 'routeTable'
  | 'publicIPAddress'
  | 'natGateway'
  | 'loadBalancer'
  | 'inboundNatRule'
  | 'networkInterface'
  | 'virtualMachine'
  | 'availabilitySet'
  | 'disk'
  | 'userAssignedIdentity'
  | 'roleAssignment'
  | 'storageAccount'
  | 'blobContainer'
  | 'storageClosure'
  | 'imageDisk'
  | 'privateEndpoint'
  | 'privateDnsZone'
  | 'privateDnsZoneLink'
  | 'privateDnsRecord'
  | 'privateDnsZoneGroup'
  | 'relayContainer'
  | 'image'
  | 'gallery'
  | 'galleryImage'
  | 'galleryImageVersion'
  | 'managedCluster'
  | 'agentPool';

/** One resource that the run ensures. `key` is unique in the plan and stable between runs. */
export interface PlannedResource {
  readonly key: string;
  readonly kind: ResourceKind;
  readonly name: string;
  readonly resourceGroup: string;
  /** Full ARM id (with CAPZ's letter case). */
  readonly id: string;
  /** Keys that must be done before. */
  readonly needs: readonly string[];
  readonly step: StepId;
  /** False for what belongs to the user: read and checked, never written, never deleted. */
  readonly owned: boolean;
  /** Expected duration in Azure seconds (azure-behaviour.md §6). */
  readonly seconds: number;
  /** Kind-specific facts that are not derivable from the rest of the plan (role name, rule name, …). */
  readonly detail?: Readonly<Record<string, string>>;
}

export interface PlannedSubnet {
  readonly id: string;
  readonly name: string;
  readonly cidr: string;
  /** With static placement: what the user attached to the subnet. Named in documents, never written. */
  readonly attached?: AttachedResources;
}

/** Resource ids of what is attached to a subnet of the user's own. */
export interface AttachedResources {
  readonly networkSecurityGroup?: string;
  readonly routeTable?: string;
  readonly natGateway?: string;
}

export interface PlannedNetwork {
  readonly placement: 'dynamic' | 'static';
  readonly virtualNetwork: {
    readonly id: string;
    readonly name: string;
    readonly resourceGroup: string;
    readonly cidrs: readonly string[];
  };
  readonly controlPlaneSubnet: PlannedSubnet;
  readonly workerSubnet: PlannedSubnet;
  /** Undefined with static placement: the user's own stay as they are. */
  readonly controlPlaneSecurityGroup: string | undefined;
  readonly workerSecurityGroup: string | undefined;
  readonly routeTable: string | undefined;
  readonly natGateway: { readonly name: string; readonly publicIp: string } | undefined;
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** Tenth address of the service range. */
  readonly dnsServiceIp: string;
  readonly api: {
    readonly host: string;
    readonly port: 6443;
    readonly dnsLabel: string;
    readonly publicIp: string;
    readonly loadBalancer: string;
    /** Empty: open to everyone. */
    readonly allowedCidrs: readonly string[];
    /** Set when the API server has no public address: the name resolves, and the load balancer answers, inside only. */
    readonly private?: PlannedPrivateApi;
  };
  readonly sshAllowedCidrs: readonly string[];
}

/** Network rules of an account that Capstan creates. */
export interface PlannedStorageNetwork {
  readonly mode: 'selectedNetworks' | 'private';
  /** Subnets (resource ids) and addresses that may come through the public endpoint. */
  readonly subnetIds: readonly string[];
  readonly addresses: readonly string[];
  /** The public endpoint is there for the copy and is disabled when the image is made. */
  readonly closes: boolean;
}

/** The API server inside the virtual network, under the names CAPZ gives its parts (cluster-api-pivot.md §2c). */
export interface PlannedPrivateApi {
  /** Address of the internal load balancer, in the control-plane subnet. */
  readonly address: string;
  readonly dnsZone: string;
  /** Link of the zone with the virtual network. */
  readonly dnsLink: string;
  /** Name of the address record in the zone. */
  readonly record: 'apiserver';
  /** Container of the cluster's storage account through which requests reach the API server. */
  readonly relayContainer: string;
}

/**
 * Numbers of what a cluster shares with others, each from 0. A shared thing has room for a limited number of users; those
 * that come later share the next one, whose name carries its number. Number 0 has the plain name.
 */
export interface Shares {
  /** Of the generated storage account, with the copy in it. */
  readonly account?: number;
  /** Of the image, with its disk or its gallery. */
  readonly image?: number;
  /** Of the copy in an account of the user's. */
  readonly copy?: number;
}

export interface PlannedStorage {
  /** The account that holds the base image. */
  readonly account: {
    readonly name: string;
    readonly id: string;
    readonly resourceGroup: string;
    readonly owned: boolean;
  };
  readonly container: { readonly name: string; readonly owned: boolean };
  readonly authentication: 'automatic' | 'entra' | 'sas';
  readonly sharedKeyAccess: 'allowed' | 'denied';
  /** Rules of an account that Capstan creates; absent: open, or an account of the user's. */
  readonly network?: PlannedStorageNetwork;
  /** Name of the page blob the base image is copied to, e.g. `ubuntu-2404-v1.33.4-1a2b3c4d.vhd`. */
  readonly blob: string;
}

export interface PlannedImage {
  /** How the nodes' image is named: a managed image made from the copied VHD, a gallery version made from it, or the user's own gallery image. */
  readonly form: 'managedImage' | 'galleryVersion' | 'userGallery' | 'communityGallery';
  /** Absent for galleries of others. */
  readonly sourceUrl: string | undefined;
  /** ARM id (or community gallery reference) named in CP-A and in every machine template. */
  readonly id: string;
  readonly name: string;
  /** The disk that the VHD is written into, when the image is not imported from the blob. */
  readonly disk?: { readonly id: string; readonly name: string; readonly sizeBytes: number };
  /** Bytes that the copy will move, when they are known. */
  readonly copyBytes?: number;
}

export interface PlannedDisk {
  readonly sizeGiB: number;
  readonly storageAccountType: string;
}

export interface PlannedControlPlane {
  readonly replicas: number;
  readonly vmSize: string;
  /** CP-A: the VM, Machine, KubeadmConfig, AzureMachine and bootstrap secret all carry this name. */
  readonly machineName: string;
  /** Zone of CP-A; undefined in regions without zones. */
  readonly zone: string | undefined;
  /** Zones the control plane may use; empty in regions without zones. */
  readonly zones: readonly string[];
  readonly availabilitySet: string | undefined;
  /** Fault domains of the availability set: as many as the region has, like CAPZ; absent: two. */
  readonly faultDomains?: number;
  /** Of the VM size; absent in plans of earlier versions, and where the size has none. */
  readonly acceleratedNetworking?: boolean;
  readonly osDisk: PlannedDisk;
  readonly etcdDisk: PlannedDisk;
  readonly healthCheck: HealthCheckSpec;
}

/** The part of a pool that lives in one zone: one MachineDeployment. */
export interface PlannedShard {
  /** Undefined in regions without zones. */
  readonly zone: string | undefined;
  readonly replicas: number;
  /** `<cluster>-<pool>-<zone>` or `<cluster>-<pool>`; also the names of its templates. */
  readonly machineDeployment: string;
}

export interface PlannedPool {
  readonly name: string;
  readonly vmSize: string;
  /** Of the VM size; absent in plans of earlier versions, and where the size has none. */
  readonly acceleratedNetworking?: boolean;
  /** Of the VM size; absent in plans of earlier versions. */
  readonly capacity?: { readonly cores: number; readonly memoryGiB: number };
  readonly replicas: number;
  readonly shards: readonly PlannedShard[];
  readonly osDisk: PlannedDisk;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly TaintSpec[];
  readonly rollout: RolloutSpec;
  readonly healthCheck: HealthCheckSpec;
}

/** What the plans of every kind of cluster have: enough to make, find and delete its Azure resources. */
export interface PlanBasis {
  readonly schemaVersion: 1;
  readonly uid: string;
  readonly name: string;
  readonly azure: {
    readonly environment: 'public' | 'usGovernment' | 'china';
    readonly tenantId: string;
    readonly subscriptionId: string;
    readonly location: string;
    readonly resourceGroup: string;
  };
  /** Availability zones of the region for this subscription; empty: a region without zones. */
  readonly regionZones: readonly string[];
  readonly kubernetesVersion: string;
  readonly tags: Readonly<Record<string, string>>;
  /** User-assigned identity of the control plane. */
  readonly identity: {
    readonly id: string;
    readonly name: string;
    readonly resourceGroup: string;
    readonly owned: boolean;
  };
  readonly resources: readonly PlannedResource[];
}

/**
 * Everything that is decided before anything is created: pure function of the spec, the facts read from Azure and the
 * cluster's uid. Stored as a blob named by its SHA-256; contains no secret.
 */
export interface ClusterPlan extends PlanBasis {
  readonly managed?: undefined;
  readonly spec: ClusterSpec;
  readonly network: PlannedNetwork;
  readonly storage: PlannedStorage;
  readonly image: PlannedImage;
  readonly controlPlane: PlannedControlPlane;
  readonly pools: readonly PlannedPool[];
  readonly addOns: readonly AddOnSpec[];
  /** Prefix of the cluster's Key Vault secrets; contains the uid, because soft-deleted names cannot be used again. */
  readonly secretPrefix: string;
}

/** What preflight read from Azure, reduced to what the plan needs. */
export interface AzureFacts {
  readonly tenantId: string;
  readonly resourceGroupLocation: string;
  readonly regionZones: readonly string[];
  /** Most fault domains that an availability set can have in the region; absent: not known. */
  readonly faultDomains?: number;
  /** Per VM size named in the spec: zones it can be used in (after restrictions), or why it cannot. */
  readonly vmSizes: Readonly<
    Record<
      string,
      {
        readonly family: string;
        readonly cores: number;
        readonly memoryGiB: number;
        readonly zones: readonly string[];
        /** Absent: the size has none, or the facts are of an earlier version. */
        readonly acceleratedNetworking?: boolean;
        readonly unavailable?: string;
      }
    >
  >;
  /** With static placement: the network as read. */
  readonly staticNetwork?: {
    readonly virtualNetworkId: string;
    readonly cidrs: readonly string[];
    /** Ranges of peered networks. */
    readonly peerCidrs?: readonly string[];
    readonly controlPlaneSubnet: PlannedSubnet;
    readonly workerSubnet: PlannedSubnet;
  };
  /** Chosen storage account name (first free candidate, or the user's own). */
  readonly storageAccountName: string;
  readonly storageAccountExists: boolean;
  /** Which of the accounts, images and copies that clusters share this one uses; absent: the first of each. */
  readonly shares?: Shares;
  /** Where Capstan itself runs, as its operator says; absent: not known. */
  readonly capstanNetwork?: { readonly subnetId?: string; readonly addresses: readonly string[] };
  /** ETag of the source image, part of the names of its copy and of the image made from it. */
  readonly imageSource?: {
    readonly etag: string;
    readonly sizeBytes: number;
    /** Bytes of its pages that hold data, which is what a copy moves; absent when they could not be listed. */
    readonly dataBytes?: number;
    readonly kubernetesVersion?: string;
  };
}
