import type { Clock } from '../../clock.ts';
import type { MachineHost } from '../../machines.ts';
import type { AzureReply, AzureRequest, Principal, StorageDataPlane } from '../../service.ts';
import type { ArmError } from './errors.ts';
import type { FaultAction, Faults } from './faults.ts';
import type { ResourceId } from './ids.ts';
import type { JsonObject } from './json.ts';
import type { Random } from '../../random.ts';
import type { Operation, Resource, Store } from './store.ts';

/** Fixed parameters of the simulation; every duration is in Azure seconds. */
export interface Tuning {
  /** Entries per page of a list answer before `nextLink` appears. */
  readonly pageSize: number;
  /** Until a role assignment takes effect (up to 10 minutes in Azure; azure-behaviour.md §6, Identity lag). */
  readonly rolePropagationSeconds: number;
  /** Until a new identity is known to the directory (azure-recordings/README.md, Errors: gone within 37 s). */
  readonly identityReplicationSeconds: number;
}

/** Everything a resource kind may use. */
export interface World {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly storage: StorageDataPlane;
  readonly machines: MachineHost;
  readonly faults: Faults;
  readonly tuning: Tuning;
  readonly tenantId: string;
  /** Kinds by lower-case type. */
  readonly kinds: ReadonlyMap<string, Kind>;
  /** Arranges that an operation is completed when it is due. */
  schedule(operation: Operation): void;
  /** Sends a request of ARM's own (a deployment's resource) on behalf of a caller. Throws ArmError for a refusal. */
  submit(request: OwnRequest, principal: Principal): AzureReply;
}

/** A request that ARM makes itself. */
export interface OwnRequest {
  readonly method: 'PUT' | 'POST';
  readonly path: string;
  readonly version: string;
  readonly body: JsonObject;
}

/**
 * How a resource provider answers one kind of write (azure-recordings/statistics.json: status, headers, Retry-After and
 * median seconds per kind).
 */
export interface Profile {
  readonly status: 200 | 201 | 202;
  readonly headers: 'none' | 'async' | 'location' | 'async+location';
  /** Retry-After of the first answer, seconds. */
  readonly retryAfter?: number;
  /** Retry-After of polls that are not done, seconds. */
  readonly pollRetryAfter?: number;
  /** Median duration; 0 means that the first answer already says Succeeded. */
  readonly seconds: number;
  /** provisioningState meanwhile. */
  readonly state?: 'Creating' | 'Updating' | 'Deleting' | 'ResolvingDns';
  /** What the first answer holds; `braces` is an object without members. */
  readonly body: 'resource' | 'empty' | 'braces';
}

/** A PUT that passed the general checks. */
export interface PutRequest {
  readonly id: ResourceId;
  readonly type: string;
  readonly name: string;
  /** The caller's body; null means absent in ARM. */
  readonly body: JsonObject;
  readonly properties: JsonObject;
  readonly location: string;
  readonly existing: Resource | undefined;
}

export interface Prepared {
  readonly body: JsonObject;
  readonly hidden?: JsonObject;
}

/** Children that live inside their parent's body and also have addresses of their own (subnets, security rules, ...). */
export interface Collection {
  /** Property of the parent and path segment, e.g. `subnets`. */
  readonly property: string;
  /** Name in operation labels: `PutSubnetOperation`. */
  readonly label: string;
  readonly create: Profile;
  readonly update: Profile;
  readonly delete: Profile;
  /** Completes and checks the properties of one child; throws ArmError. `siblings` are the other children. */
  prepare?(world: World, child: ChildRequest): JsonObject;
  /** Adds what is derived (back references) when the child is read. */
  view?(world: World, parent: Resource, child: JsonObject, id: string): JsonObject;
  /** Refuses a deletion; throws ArmError. */
  deletable?(world: World, parent: Resource, child: JsonObject, id: string): void;
  /** False for children that cannot be written at an address of their own. */
  readonly addressable?: boolean;
}

export interface ChildRequest {
  readonly parentId: string;
  readonly parentBody: JsonObject;
  readonly name: string;
  readonly properties: JsonObject;
  readonly existing: JsonObject | undefined;
  readonly siblings: readonly JsonObject[];
}

/** A POST below a resource. */
export interface ActionCall {
  readonly request: AzureRequest;
  readonly body: JsonObject;
  readonly version: string;
  readonly fault: FaultAction | undefined;
}

export type Action = (world: World, resource: Resource, call: ActionCall) => AzureReply;

/** How a long operation goes: its duration in Azure seconds, and what its status says up to which share of it. */
export interface Progress {
  readonly seconds: number;
  readonly phases: readonly { readonly until: number; readonly status: string }[];
}

/** One resource type of the simulated Azure. */
export interface Kind {
  readonly type: string;
  /** Name in operation labels. */
  readonly label: string;
  /** True when the resource has location and tags and appears in resource lists. */
  readonly tracked: boolean;
  /** Whether bodies carry an etag and answers an ETag header. */
  readonly etags: boolean;
  /** Whether bodies carry `properties.provisioningState`. */
  readonly states: boolean;
  /** True when the resource has the location `global` instead of a region. */
  readonly global?: boolean;
  readonly create: Profile | ((draw: number) => Profile);
  readonly update: Profile;
  readonly delete: Profile;
  readonly collections?: readonly Collection[];
  /** Refuses a bad name. */
  checkName(name: string): ArmError | undefined;
  /** 404 of this provider where it differs from ARM's own. */
  notFound?(name: string): ArmError;
  /** Id as the provider returns it, where it differs from the caller's. */
  displayId?(id: string): string;
  /** Further headers of the answer to a create. */
  createdHeaders?(resource: Resource): Readonly<Record<string, string>>;
  /** Validates, resolves references and completes the body; throws ArmError; writes nothing. */
  prepare(world: World, request: PutRequest): Prepared;
  /** Body for PATCH; default merges tags only. */
  patch?(world: World, resource: Resource, body: JsonObject): JsonObject;
  /** Adds what is derived on a read (back references, instance view). */
  view?(world: World, resource: Resource, wire: JsonObject, expand: string | undefined): JsonObject;
  /** Refuses a deletion; throws ArmError. */
  deletable?(world: World, resource: Resource): void;
  /** After a write was stored, before its operation ends (creates dependent resources). */
  accepted?(world: World, resource: Resource, created: boolean): void;
  /** What the operation of a write says of its progress, and how long it lasts where that depends on the write. */
  progress?(world: World, resource: Resource, operation: 'put' | 'delete'): Progress | undefined;
  /** Refuses a write while another one runs, in the provider's own words. */
  checkBusy?(world: World, resource: Resource): void;
  /** When a create or update has ended well. */
  ready?(world: World, resource: Resource, created: boolean): void;
  /** The error with which the operation of a create or update will end; undefined: it will end well. */
  failure?(world: World, resource: Resource): JsonObject | undefined;
  /** When a create or update has ended with an error. */
  failed?(world: World, resource: Resource): void;
  /** When a deletion was accepted. */
  deleting?(world: World, resource: Resource): void;
  /**
   * Goes on with an operation of kind `steps`: seconds until it is asked again, the error with which it ends, or undefined
   * when it has ended well.
   */
  step?(world: World, resource: Resource): number | JsonObject | undefined;
  /** When an action's operation has ended well. */
  finished?(world: World, resource: Resource, operation: Operation): void;
  /** True when a deletion may overtake a running create or update. */
  readonly preemptible?: boolean;
  /** Checks of the references are left to `prepare`. */
  readonly ownReferences?: boolean;
  /** When the resource is gone. */
  removed?(world: World, resource: Resource): void;
  readonly actions?: Readonly<Record<string, Action>>;
}

/** A request on its way through ARM. */
export interface Call {
  readonly request: AzureRequest;
  readonly principal: Principal;
  readonly version: string;
  readonly body: JsonObject;
  readonly fault: FaultAction | undefined;
}
