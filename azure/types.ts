import type { CapstanError } from '#domain/errors/error.ts';
import type { ManagedObservation } from '#domain/check/managed.ts';
import type { AnyPlan, ManagedDocument, ManagedFacts, ManagedPlan } from '#domain/managed/types.ts';
import type { Outcome } from '#domain/outcome.ts';
import type { AzureFacts, ClusterPlan, PlannedResource, ResourceKind, Shares } from '#domain/plan/types.ts';
import type { Secret } from '#domain/secret.ts';
import type { StepId } from '#domain/steps.ts';
import type { ClusterDocument } from '#domain/spec/types.ts';
import type { ImageCopy } from './storage/copy.ts';
import type { ListedAccount } from './storage/inventory.ts';
import type { LeftCopy } from './storage/users.ts';

export type { ListedAccount } from './storage/inventory.ts';

/** How Capstan reaches Azure. */
export interface AzureSettings {
  readonly environment: 'public' | 'usGovernment' | 'china';
  /** A stand-in for Azure on a loopback address (`CAPSTAN_AZURE_GATEWAY`). */
  readonly gatewayUrl?: string;
  /** Client id of the user-assigned identity of the Function app. */
  readonly managedIdentityClientId?: string;
  /** `https://<vault>.vault.azure.net`. */
  readonly keyVaultUri?: string;
  /** Subscriptions whose storage accounts may get a bearer token; absent: the cluster's own only. */
  readonly allowedSubscriptions?: readonly string[];
  /** Where Capstan itself runs: storage accounts with network rules that Capstan creates let it in. */
  readonly network?: NonNullable<AzureFacts['capstanNetwork']>;
  /**
   * What the budget of calls to Azure Resource Manager is divided by and measured in. Absent: one instance and Azure's own
   * time; behind a gateway none, because its time may run faster.
   */
  readonly budget?: { readonly instances: number; readonly timeScale: number };
}

/** Values of a resource that others need: `principalId` and `clientId` of an identity, `ipAddress` and `fqdn` of an address. */
export type ResourceOutputs = Readonly<Record<string, string>>;

/** Come back in `retryAfter` Azure seconds with `poller`. */
export interface EnsureWait {
  readonly status: 'wait';
  readonly retryAfter: number;
  /** Opaque; up to 4 kB (operation URLs are long and signed), so it is stored and never logged. */
  readonly poller?: string;
  readonly sentence?: string;
}

export interface EnsureFailed {
  readonly status: 'failed';
  readonly error: CapstanError;
}

export interface EnsureDone {
  readonly status: 'done';
  readonly action: 'created' | 'updated' | 'exists';
  readonly id: string;
  readonly outputs: ResourceOutputs;
}

export type EnsureOutcome = EnsureDone | EnsureWait | EnsureFailed;

export interface RemoveDone {
  readonly status: 'done';
  readonly action: 'deleted' | 'absent' | 'kept';
  readonly id: string;
  /** Why it was kept. */
  readonly reason?: string;
}

export type RemoveOutcome = RemoveDone | EnsureWait | EnsureFailed;

export interface EnsureRequest<Plan extends AnyPlan = AnyPlan> {
  readonly plan: Plan;
  readonly resource: PlannedResource;
  /** What the previous `wait` gave back. */
  readonly poller?: string;
  /**
   * Cloud-init of the first machine, plain text. As a function it is asked for only when the machine is about to be
   * created, which may be any of the calls: give it every time.
   */
  readonly customData?: Secret | (() => Promise<Secret>);
  /** Outputs of finished resources by their key in the plan. */
  readonly outputs: Readonly<Record<string, ResourceOutputs>>;
  /** Adopt a resource of the right name that carries no tag of this cluster. */
  readonly allowedTakeover?: boolean;
}

/** A planned resource to compare; `outputs` of those it needs, as far as they exist. */
export type CompareRequest<Plan extends AnyPlan = AnyPlan> = Pick<EnsureRequest<Plan>, 'plan' | 'resource' | 'outputs'>;

/** What a planned resource is at the moment. */
export type Comparison =
  | { readonly exists: false }
  | {
      readonly exists: true;
      readonly id: string;
      readonly tags: Readonly<Record<string, string>>;
      readonly outputs: ResourceOutputs;
      /** Fields that an apply would change. */
      readonly differs: readonly string[];
    };

export interface RemoveRequest {
  readonly id: string;
  readonly kind: ResourceKind;
  readonly clusterName: string;
  readonly poller?: string;
}

/** One row of the preflight report. */
export interface PreflightCheck {
  readonly id: string;
  readonly title: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly error?: CapstanError;
}

/** One resource of the plan. */
export interface PlannedAction {
  readonly key: string;
  readonly kind: ResourceKind;
  readonly name: string;
  /** `<random>` stands for what Azure or Cluster API choose. */
  readonly id: string;
  readonly step: StepId;
  /** `+` is created, `=` exists and stays as it is, `~` exists and is changed. */
  readonly action: '+' | '=' | '~';
  /** The fields that are changed, with `~`. */
  readonly differs?: readonly string[];
  /** The cluster's own controllers make it after the hand-over. */
  readonly by: 'capstan' | 'controllers';
  /** Expected duration in Azure seconds; 0 for what stays as it is. */
  readonly seconds: number;
  /** Lies on the longest chain. */
  readonly critical: boolean;
}

export interface PreflightReport {
  readonly ok: boolean;
  readonly checks: readonly PreflightCheck[];
  readonly resources: readonly PlannedAction[];
  readonly create: number;
  readonly change: number;
  readonly exists: number;
  /** About how many calls to Azure Resource Manager Capstan will make. */
  readonly armCalls: number;
  /** Azure seconds along the critical path. */
  readonly seconds: number;
  /** Keys of the resources on the critical path, first to last. */
  readonly criticalPath: readonly string[];
  /** `14 checks · 37 resources to create · about 15 m on Azure`. */
  readonly sentence: string;
}

/** Secrets of the clusters, in Key Vault. Errors are thrown as CapstanFailure; values never enter them. */
export interface SecretVault {
  get(name: string): Promise<Secret | undefined>;
  set(name: string, value: Secret, tags: Readonly<Record<string, string>>): Promise<void>;
  /** Stores the value unless there is one already; returns the value that counts. */
  setIfAbsent(name: string, value: Secret, tags: Readonly<Record<string, string>>): Promise<Secret>;
  /** Deletes and purges where allowed; tells until when the secret stays recoverable otherwise. */
  remove(name: string): Promise<{ readonly purged: boolean; readonly recoverableUntil?: string }>;
}

/** One resource of the group that carries the cluster's mark. */
export interface FoundResource {
  readonly id: string;
  /** Undefined: a type that Capstan does not know, so it is listed and left. */
  readonly kind: ResourceKind | undefined;
  readonly type: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** What becomes of the user's tags. */
export interface TagChange {
  readonly set: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
}

export interface TagProgress {
  /** Resources written in this call. */
  readonly changed: number;
  /** Resources that still differ. */
  readonly left: number;
}

/** One resource as it was read; the fingerprint changes when somebody writes to it. */
export interface ObservedResource {
  readonly id: string;
  readonly exists: boolean;
  readonly fingerprint: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Of a virtual machine: user-assigned identities, in Azure's letter case. */
  readonly identityIds?: readonly string[];
  /** Parts and tags that CAPZ looks for and does not find; absent: nothing. */
  readonly lacks?: readonly string[];
}

/** What could be read of Azure, and what stands in the way of a plan. */
export interface Survey<Facts = AzureFacts> {
  /** Absent when a check failed. */
  readonly facts?: Facts;
  /** One row for each thing that was read. */
  readonly checks: readonly PreflightCheck[];
}

/** The container of a relay. Missing blobs are undefined; anything else that goes wrong rejects with Azure's `code`. */
export interface RelayBlobs {
  /** Names of the blobs that begin so. */
  list(prefix: string): Promise<readonly string[]>;
  put(name: string, text: string): Promise<void>;
  get(name: string): Promise<string | undefined>;
  delete(name: string): Promise<void>;
}

export interface Azure {
  /** One step of bringing one planned resource about: reads, compares owned fields only, begins or polls. Idempotent. */
  ensure(request: EnsureRequest): Promise<EnsureOutcome>;
  /** One step of deleting one resource; what does not carry the cluster's tag is kept. Idempotent. */
  remove(request: RemoveRequest): Promise<RemoveOutcome>;
  /**
   * Reads what the plan needs to know; problems are rows, all of them together. Nothing is written.
   *
   * @param planned what the cluster shares with others by its last plan
   */
  survey(document: ClusterDocument, uid: string, planned?: Shares): Promise<Outcome<Survey>>;
  /** The facts alone; the first problem ends it. */
  readFacts(document: ClusterDocument, uid: string, planned?: Shares): Promise<Outcome<{ readonly facts: AzureFacts }>>;
  /** The facts with the account and the image, from these numbers on, that have room for the cluster. Nothing is written. */
  shareFrom(
    document: ClusterDocument,
    facts: AzureFacts,
    from: Shares,
  ): Promise<Outcome<{ readonly facts: AzureFacts }>>;
  /** Checks whether the plan can be carried out. Nothing is written. */
  preflight(plan: ClusterPlan, facts: AzureFacts): Promise<Outcome<PreflightReport>>;
  /** What the plan of an AKS cluster needs to know. Nothing is written. */
  surveyManaged(document: ManagedDocument): Promise<Outcome<Survey<ManagedFacts>>>;
  /** Checks whether the plan of an AKS cluster can be carried out. Nothing is written. */
  preflightManaged(plan: ManagedPlan, facts: ManagedFacts): Promise<Outcome<PreflightReport>>;
  /** An AKS cluster as it is now, compared with its plan. Nothing is written. */
  observeManaged(plan: ManagedPlan): Promise<Outcome<ManagedObservation>>;
  /**
   * The kubeconfig that AKS gives out, as it is.
   *
   * @throws CapstanFailure when Azure refuses it
   */
  managedCredentials(plan: ManagedPlan, role: 'admin' | 'user'): Promise<Secret>;
  /** Whether a resource group is there (the group that AKS makes for its nodes). */
  groupExists(subscriptionId: string, name: string): Promise<boolean>;
  readonly copy: ImageCopy;
  /** The cluster no longer uses the copy of the base image: the last user takes the blob away. Idempotent. */
  leaveCopy(plan: ClusterPlan): Promise<Outcome<LeftCopy>>;
  /** Storage accounts and containers of a subscription or group, by ARM alone. */
  listStorage(
    subscriptionId: string,
    resourceGroup?: string,
  ): Promise<Outcome<{ readonly accounts: readonly ListedAccount[] }>>;
  readonly secrets: SecretVault;
  /** Lists what belongs to the cluster in its resource group, with `shared` also what it uses together with others. */
  findOwned(plan: AnyPlan, options?: { readonly shared?: true }): Promise<readonly FoundResource[]>;
  /** Brings the user's tags onto what belongs to the cluster, at most `most` resources a call. */
  applyTags(plan: ClusterPlan, change: TagChange, most: number): Promise<TagProgress>;
  /** Reads the cluster's resource group and resources side by side, to compare them later. Nothing is written. */
  observe(plan: ClusterPlan, resources: readonly PlannedResource[]): Promise<readonly ObservedResource[]>;
  /** Text of the serial console so far; '' when Azure has none yet. */
  serialConsole(vmId: string): Promise<string>;
  instanceView(vmId: string): Promise<MachineView>;
  /** The way to an API server without a public address. */
  relay(plan: ClusterPlan): RelayBlobs;
}

/** What Azure knows of a virtual machine at this moment. */
export interface MachineView {
  readonly exists: boolean;
  /** `running`, `deallocated`, …; undefined while unknown. */
  readonly powerState?: string;
  readonly provisioningState?: string;
  /** Messages of statuses that are not informational. */
  readonly problems: readonly string[];
}
