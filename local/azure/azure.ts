import { createDirectory } from './arm/directory.ts';
import { type ControlDoor, createDoor } from './arm/door.ts';
import { answerWithFaults } from './arm/engine/answer.ts';
import { type Dispatch, dispatch, dispatchOwn } from './arm/engine/dispatch.ts';
import { ArmError } from './arm/engine/errors.ts';
import { object, text } from './arm/engine/json.ts';
import type { World } from './arm/engine/model.ts';
import { createThrottle } from './arm/engine/throttle.ts';
import { createUnmodelled, type Unmodelled, type UnmodelledEntry } from './arm/engine/unmodelled.ts';
import { locationOf, normalLocation } from './arm/engine/view.ts';
import { checkNetworkQuota } from './arm/kinds/catalogueHandlers.ts';
import { HANDLERS } from './arm/kinds/index.ts';
import { registrationState, settleRegistrations, subscriptions } from './arm/kinds/subscriptions.ts';
import { createRuntime, type RuntimeOptions } from './arm/runtime.ts';
import type { AzureDirectory, AzureReply, AzureRequest, AzureService, Principal } from './service.ts';

export { SEED } from './arm/seed.ts';

export interface ArmOptions extends RuntimeOptions {
  /** Who an Authorization header speaks for, undefined when it is missing or invalid. */
  verifyBearer(header: string | undefined): Principal | undefined;
}

/** One line of `GET /_simulator/resources`. */
export interface ListedResource {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly location: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly zones?: readonly string[];
  readonly provisioningState: string;
}

export interface Arm {
  /** Answers requests for `management.azure.com`. */
  readonly handle: AzureService;
  /** Answers the addresses of boot diagnostics (`DIAGNOSTICS_HOST` of `arm/kinds/machinePower.ts`): the serial console of a machine. */
  readonly bootDiagnostics: AzureService;
  readonly directory: AzureDirectory;
  readonly control: {
    resources(): ListedResource[];
    readonly faults: ControlDoor;
    /** Back to the seeded Azure; running machines are stopped. */
    reset(): void;
    unmodelled(): readonly UnmodelledEntry[];
  };
  /** Resumes operations in flight and boots the running machines again; happens by itself on the next turn of the event loop. */
  start(): void;
  close(): void;
}

/**
 * The simulated Azure Resource Manager: state in SQLite, operations that go on after a restart, the real machines'
 * life cycle towards `machines`.
 */
export function createArm(options: ArmOptions): Arm {
  const runtime = createRuntime(options, (request, principal) => dispatchOwn(on, request, principal));
  const { world } = runtime;
  const unmodelled = createUnmodelled();
  const on: Dispatch = dispatchOf(world, options, unmodelled);
  setImmediate(runtime.start);
  return {
    handle: (request) =>
      answerWithFaults(world, request, (fault, headers) => {
        runtime.settle();
        return runtime.write(() => {
          settleRegistrations(world);
          return dispatch(on, request, fault, headers);
        });
      }),
    bootDiagnostics: async (request) => bootDiagnosticsReply(world, request),
    directory: createDirectory(world),
    control: {
      resources: () => resourceList(world),
      faults: createDoor(world, world.faults),
      reset() {
        unmodelled.clear();
        runtime.reset();
      },
      unmodelled: () => unmodelled.list(),
    },
    start: runtime.start,
    close: runtime.close,
  };
}

function dispatchOf(world: World, options: ArmOptions, unmodelled: Unmodelled): Dispatch {
  return {
    world,
    handlers: HANDLERS,
    throttle: createThrottle(world.clock),
    unmodelled,
    verifyBearer: (header) => options.verifyBearer(header),
    hasSubscription: (id) => subscriptions(world)[id] !== undefined,
    registrationState: (namespace) => registrationState(world, namespace),
    beforeCreate(kind, id, body) {
      if (!kind.type.startsWith('Microsoft.Network/')) return;
      checkNetworkQuota(world, kind.type, normalLocation(text(body['location']) ?? ''), id.subscription.toLowerCase());
    },
  };
}

function resourceList(world: World): ListedResource[] {
  const own = new Set(Object.keys(subscriptions(world)));
  return [...world.store.all()]
    .filter((resource) => own.has(resource.key.split('/')[2] ?? ''))
    .map((resource) => ({
      id: resource.id,
      type: resource.type,
      name: resource.name,
      location: locationOf(resource),
      ...(resource.body['tags'] === undefined
        ? {}
        : { tags: object(resource.body['tags']) as Readonly<Record<string, string>> }),
      ...(resource.body['zones'] === undefined ? {} : { zones: resource.body['zones'] as readonly string[] }),
      provisioningState: resource.state,
    }));
}

/** The serial console behind the address that retrieveBootDiagnosticsData gives out. */
function bootDiagnosticsReply(world: World, request: AzureRequest): AzureReply {
  const match = /^\/bootdiagnostics(?<id>\/subscriptions\/.+)\/(?<file>serialconsole\.log|screenshot\.bmp)$/u.exec(
    decodeURIComponent(request.path),
  );
  const machine = world.store.get(match?.groups?.['id']?.toLowerCase() ?? '');
  if (machine === undefined) return new ArmError(404, 'BlobNotFound', 'The specified blob does not exist.').reply();
  if (request.query.get('sig') !== world.random.filler(43, 'boot diagnostics', machine.key)) {
    return new ArmError(
      403,
      'AuthenticationFailed',
      'Server failed to authenticate the request: the signature of the address is wrong.',
    ).reply();
  }
  if (match?.groups?.['file'] === 'screenshot.bmp')
    return new ArmError(404, 'BlobNotFound', 'A simulated machine has a serial console but no screen.').reply();
  return {
    status: 200,
    headers: { 'content-type': 'text/plain; charset=utf-8' },
    body: world.machines.serialConsole(machine.id),
  };
}
