import type { CapstanError } from '#domain/errors/error.ts';
import type { AnyPlan } from '#domain/managed/types.ts';
import type { ClusterPlan, ResourceKind } from '#domain/plan/types.ts';
import type { Secret } from '#domain/secret.ts';
import type { Clients } from '../clients/clients.ts';
import type { Cloud } from '../clients/cloud.ts';
import type { EnsureRequest, ResourceOutputs } from '../types.ts';
import type { ArmId } from './arm-id.ts';

/** The part of the SDKs' pollers that is used; structural, since every SDK package brings its own type. */
export interface PollerPart<Body> {
  readonly isDone: boolean;
  readonly result: Body | undefined;
  readonly operationState: { readonly status?: string } | undefined;
  submitted(): Promise<void>;
  serialize(): Promise<string>;
  poll(): Promise<unknown>;
}

/** A write that was sent: finished at once, or a long operation. Wrapped, because pollers are thenable. */
export type Started<Body> = { readonly body: Body } | { readonly poller: PollerPart<Body> };

/** Which SDK package restores a serialised poller. */
export type PollerFamily = 'network' | 'compute' | 'storage' | 'resources' | 'containerService';

/** What the desired state of a resource is computed from. Pure data. */
export interface SpecInput<Plan extends AnyPlan = ClusterPlan>
  extends Omit<EnsureRequest<Plan>, 'poller' | 'customData'> {
  readonly cloud: Cloud;
  readonly customData?: Secret;
}

/** Fields that every kind of resource shows in the same place. */
export interface Described {
  readonly id?: string | undefined;
  readonly provisioningState?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly etag?: string | undefined;
}

/** Who may use or delete a resource. */
export type Ownership =
  /** Carries the CAPZ tag of one cluster. */
  | 'cluster'
  /** Used by several clusters: one tag for each. */
  | 'shared'
  /** Has no tags of its own; lives and dies with its parent. */
  | 'parent';

/**
 * One kind of Azure resource: the pure part (`desired`, `describe`, `outputs`) and the thin client (`read`, `write`,
 * `erase`), each of which makes one HTTP call.
 */
export interface KindDefinition<Body, Plan extends AnyPlan = ClusterPlan> {
  readonly kind: ResourceKind;
  /** As people say it: `virtual network`. */
  readonly title: string;
  readonly ownership: Ownership;
  readonly family: PollerFamily;
  /** Seconds between two questions about an operation where Azure names none. */
  readonly pollSeconds?: number;
  /** One write may not be enough (an upgrade and then a new size): the resource is read again after it. */
  readonly readAgain?: true;
  /** `desired` takes away what the plan's `removedTags` name, because a write of tags alone takes as long as the whole. */
  readonly removesTags?: true;
  /** Full id of the resource; the plan's id unless the plan leaves a part open. */
  readonly identify?: (input: SpecInput<Plan>) => string | CapstanError;
  /** Checks what belongs to the user; undefined when it fits. */
  readonly check?: (existing: Body, input: SpecInput<Plan>) => CapstanError | undefined;
  /** Parameters to write, or undefined when there is nothing to do. */
  readonly desired: (input: SpecInput<Plan>, existing: Body | undefined) => Body | CapstanError | undefined;
  readonly describe: (body: Body) => Described;
  /** Fields that a write would change, where the difference is not only what `desired` has more. */
  readonly differs?: (input: SpecInput<Plan>, existing: Body) => readonly string[];
  readonly outputs?: (body: Body, input: SpecInput<Plan>) => ResourceOutputs;
  readonly read: (clients: Clients, id: ArmId) => Promise<Body>;
  readonly write: (clients: Clients, id: ArmId, body: Body, etag: string | undefined) => Promise<Started<Body>>;
  readonly erase: (clients: Clients, id: ArmId) => Promise<Started<unknown>>;
}

/** Tells a registered error from parameters. */
export function isCapstanError(value: unknown): value is CapstanError {
  return (
    typeof value === 'object' &&
    value !== null &&
    'code' in value &&
    'message' in value &&
    /^CAP-\d+$/.test(String(value.code))
  );
}
