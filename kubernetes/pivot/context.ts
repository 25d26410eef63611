import type { ObservedAzure } from '#domain/cluster-api/cluster.ts';
import type { ClusterKeys } from '#domain/kubeadm/keys.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import type { KubernetesClient } from '../client/client.ts';
import type { PivotJournal } from './journal.ts';

/** One adopted Azure resource as it was read. */
export interface AdoptedResource {
  readonly id: string;
  readonly exists: boolean;
  /** Digest of ETag and body without what changes by itself (timestamps, instance views). */
  readonly fingerprint: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Of a virtual machine: user-assigned identities, in Azure's letter case. */
  readonly identityIds?: readonly string[];
  /** Parts and tags that CAPZ looks for and does not find; absent: nothing. */
  readonly lacks?: readonly string[];
}

/** What the hand-over works with. */
export interface PivotContext {
  readonly plan: ClusterPlan;
  readonly observed: ObservedAzure;
  readonly keys: ClusterKeys;
  readonly client: KubernetesClient;
  readonly journal: PivotJournal;
  /**
   * Reads the resources of `adoptedResources(plan)`, the resource group, and what carries the cluster's tag without being
   * planned, from Azure. Without it neither the gate
   * nor the watch looks at Azure; only tests leave it out.
   */
  readonly readAdopted?: () => Promise<readonly AdoptedResource[]>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}
