import type { z } from 'zod';
import type { AzureFacts, ClusterPlan, PlanBasis, PlannedSubnet } from '../plan/types.ts';
import type { ClusterDocument } from '../spec/types.ts';
import type { managedDocument } from './schema.ts';

/** A validated document of an AKS cluster with every default filled in. */
export type ManagedDocument = z.output<typeof managedDocument>;
export type ManagedSpec = ManagedDocument['spec'];
export type NodePoolSpec = ManagedSpec['nodePools'][number];

/** A document of either kind; `kind` tells which. */
export type AnyDocument = ClusterDocument | ManagedDocument;

/** One agent pool as it is wanted. */
export interface PlannedNodePool extends NodePoolSpec {
  /** Resource key in the plan. */
  readonly key: string;
  /** Version without the `v`. */
  readonly orchestratorVersion: string;
  /** Empty in regions without zones. */
  readonly availabilityZones: readonly string[];
}

/** An AKS cluster as it is wanted. */
export interface PlannedManagedCluster {
  readonly id: string;
  /** Group that AKS makes for the nodes. */
  readonly nodeResourceGroup: string;
  readonly dnsPrefix: string;
  /** Version without the `v`. */
  readonly kubernetesVersion: string;
  readonly network: {
    readonly placement: 'dynamic' | 'static';
    readonly virtualNetwork: {
      readonly id: string;
      readonly name: string;
      readonly resourceGroup: string;
      readonly cidrs: readonly string[];
    };
    readonly subnet: PlannedSubnet;
    readonly overlay: boolean;
    /** Absent where pods have addresses of the subnet. */
    readonly podCidr?: string;
    readonly dnsServiceIp: string;
  };
  readonly pools: readonly PlannedNodePool[];
  /** Names of tags of the user's that earlier documents had and this one has not. */
  readonly removedTags: readonly string[];
}

/** Everything that is decided before an AKS cluster is created or changed: pure, without a secret, stored by its hash. */
export interface ManagedPlan extends PlanBasis {
  readonly managed: PlannedManagedCluster;
  readonly spec: ManagedSpec;
}

/** A plan of either kind; only those of AKS clusters have `managed`. */
export type AnyPlan = ClusterPlan | ManagedPlan;

/** What was read from Azure for the plan of an AKS cluster. */
export interface ManagedFacts
  extends Pick<AzureFacts, 'tenantId' | 'resourceGroupLocation' | 'regionZones' | 'vmSizes'> {
  readonly staticNetwork?: {
    readonly virtualNetworkId: string;
    readonly cidrs: readonly string[];
    readonly subnet: PlannedSubnet;
  };
  /** Versions that AKS offers in the region, without the `v`. */
  readonly versions: readonly string[];
}
