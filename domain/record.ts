import type { CapstanError } from './errors/error.ts';
import type { Progress } from './outcome.ts';
import type { ResourceKind } from './plan/types.ts';
import type { StepId } from './steps.ts';

export type Phase = 'Accepted' | 'Provisioning' | 'Ready' | 'Updating' | 'Failed' | 'Deleting' | 'Deleted';

/** renew: new certificates by new control-plane machines; repair: what the document says, although it has not changed. */
export type OperationKind = 'provision' | 'update' | 'renew' | 'repair' | 'delete';

/** The operation that a cluster's head row names: at most one is active at a time. */
export interface Operation {
  /** Also the instance id of its orchestration. */
  readonly id: string;
  readonly kind: OperationKind;
  readonly requestId: string;
  /** recorded: not yet started; started: handed to Durable; finished: ended one way or the other. */
  readonly state: 'recorded' | 'started' | 'finished';
  /** ISO 8601. */
  readonly recordedAt: string;
  readonly startedAt?: string;
  readonly endedAt?: string;
  readonly error?: CapstanError;
  /** Set by somebody who wants it to stop. */
  readonly cancel?: 'keep' | 'delete';
  /** When a sweep first saw that nothing had been heard of it for too long, ISO 8601. */
  readonly silentAt?: string;
}

/** A request that was accepted while another operation ran. */
export interface QueuedRequest {
  readonly requestId: string;
  /** SHA-256 of its document (blob). */
  readonly documentSha: string;
  /** ISO 8601. */
  readonly queuedAt: string;
}

/** Row `head` of a cluster: the only contended one. */
export interface ClusterHead {
  readonly name: string;
  /** Absent: a self-managed cluster. */
  readonly kind?: 'ManagedCluster';
  /** Identity of this life of the cluster. */
  readonly uid: string;
  /** Counts the accepted changes of the document. */
  readonly generation: number;
  /** Generation that was last brought about completely. */
  readonly observedGeneration: number;
  readonly phase: Phase;
  readonly tags: Readonly<Record<string, string>>;
  /**
   * Names of tags that documents accepted since it was last Ready had and the recorded one has not: an operation that
   * did not come to its end may have written them. Absent: none.
   */
  readonly formerTags?: readonly string[];
  readonly location: string;
  /** SHA-256 of the document (blob). */
  readonly documentSha: string;
  /** SHA-256 of the document that was last brought about completely; absent before the first time. */
  readonly readySha?: string;
  /** Requests that wait for the running operation, first come first. */
  readonly queue?: readonly QueuedRequest[];
  /** SHA-256 of the plan (blob), once there is one. */
  readonly planSha?: string;
  readonly operation: Operation;
  /** How many operations this life has seen; part of the next operation's id. */
  readonly operations: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export type StepState = 'pending' | 'running' | 'done' | 'failed' | 'skipped';

/** Row `step:<id>` of a cluster. */
export interface StepRecord {
  readonly id: StepId;
  readonly state: StepState;
  readonly operationId: string;
  readonly startedAt?: string;
  readonly endedAt?: string;
  readonly sentence?: string;
  readonly progress?: Progress;
  readonly error?: CapstanError;
  /** Last sign of life, ISO 8601. */
  readonly touchedAt: string;
}

/** Row `item:<key>`: one Azure resource of the cluster's inventory. */
export interface InventoryItem {
  readonly key: string;
  readonly id: string;
  readonly kind: ResourceKind;
  readonly owned: boolean;
  readonly state: 'creating' | 'created' | 'exists' | 'failed' | 'deleting' | 'deleted' | 'kept';
  /** Small facts later steps need (principal id, address, …); never a secret. */
  readonly outputs: Readonly<Record<string, string>>;
}

/** One node as the status shows it. */
export interface NodeRecord {
  readonly name: string;
  readonly role: 'control-plane' | 'worker';
  readonly pool?: string;
  readonly zone?: string;
  readonly ready: boolean;
  readonly machine: string;
}

/** One event of a cluster (CloudEvents 1.0 when it leaves the house). */
export interface ClusterEvent {
  /** Deterministic: a repeated activity does not repeat an event. */
  readonly id: string;
  /** e.g. `step.done`, `storage.credential`, `operation.failed`. */
  readonly type: string;
  readonly at: string;
  readonly operationId: string;
  readonly step?: StepId;
  readonly sentence: string;
  readonly error?: CapstanError;
  readonly correlationId?: string;
  /** What was seen, line by line (the end of a serial console, the state of a machine); never a secret. */
  readonly evidence?: readonly string[];
}

/** Row of the table `requests`: what became of one request. */
export interface RequestRecord {
  readonly requestId: string;
  readonly cluster: string;
  readonly operation: 'apply' | 'delete' | 'renew' | 'repair' | 'unknown';
  /** SHA-256 of the canonical request. */
  readonly contentSha: string;
  readonly receivedAt: string;
  /** queued: it waits for the operation in progress. */
  readonly outcome: 'pending' | 'accepted' | 'queued' | 'unchanged' | 'refused';
  readonly operationId?: string;
  readonly error?: CapstanError;
}

/** Names one life and one operation of a cluster; the input of every orchestration and activity carries it. */
export interface ClusterRef {
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly operationId: string;
  /** `CAPSTAN_TIME_SCALE` when the operation started: an orchestrator may not read settings. */
  readonly timeScale: number;
}

/** Name of the blob that holds the last seen node list of a cluster. */
export function nodesDocument(uid: string): string {
  return `nodes/${uid}.json`;
}

/** Name of the blob in which the facts of a plan are kept for later operations. */
export function factsDocument(uid: string): string {
  return `facts/${uid}.json`;
}

/** Name of the blob that holds the journal of a cluster's hand-over. */
export function journalDocument(uid: string): string {
  return `pivot/${uid}.json`;
}

/** Name of the blob that remembers how the first machine of a cluster boots. */
export function bootDocument(uid: string): string {
  return `boot/${uid}.json`;
}

/** How the first machine boots; outside the history, so that it outlives an operation. */
export interface BootRecord {
  /** Operation that looked last. */
  readonly operationId: string;
  /** Milliseconds since the epoch at which that operation first looked at the machine that is there now. */
  readonly since: number;
  /** How often that operation has replaced it. */
  readonly replacements: number;
  /** It failed in an earlier operation. */
  readonly inherited: boolean;
  /** The API server has answered: the machine holds the cluster's state from then on. */
  readonly answered: boolean;
}
