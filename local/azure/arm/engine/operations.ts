import type { AzureReply } from '../../service.ts';
import { ArmError, emptyReply, jsonReply } from './errors.ts';
import type { FaultAction } from './faults.ts';
import { subscriptionOf } from './ids.ts';
import { type JsonObject, objects } from './json.ts';
import type { Call, Profile, World } from './model.ts';
import type { Operation, Resource } from './store.ts';
import { locationOf, wireOf } from './view.ts';

const BASE = 'https://management.azure.com';
/** .NET ticks of the Unix epoch, for the `t` parameter of operation URLs. */
const EPOCH_TICKS = 621_355_968_000_000_000n;

interface Style {
  /** Path segments of the two poll addresses. */
  readonly status: string;
  readonly result: string;
  /** Whether the address names a partition (`p=`), and marks its Location form with `monitor=true`. */
  readonly compute: boolean;
}

/** Poll addresses by provider (azure-recordings/README.md, Long-running operations). */
function styleOf(type: string): Style {
  const lower = type.toLowerCase();
  if (lower.startsWith('microsoft.compute/disks'))
    return { status: 'DiskOperations', result: 'DiskOperations', compute: true };
  if (lower.startsWith('microsoft.compute/galleries'))
    return { status: 'capsOperations', result: 'capsOperations', compute: false };
  if (lower.startsWith('microsoft.compute')) return { status: 'operations', result: 'operations', compute: true };
  if (lower.startsWith('microsoft.storage'))
    return { status: 'asyncoperations', result: 'asyncoperations', compute: false };
  if (lower.startsWith('microsoft.network/privatednszones'))
    return { status: 'privateDnsOperationStatuses', result: 'privateDnsOperationResults', compute: false };
  return { status: 'operations', result: 'operationResults', compute: false };
}

export interface OperationStart {
  readonly kind: string;
  readonly label: string;
  readonly seconds: number;
  readonly pollRetryAfter?: number | undefined;
  readonly detail?: JsonObject;
  /** Error with which it ends. */
  readonly failure?: JsonObject | undefined;
}

/**
 * Begins the long-running operation of a call on a resource; its end is decided by time alone, so it goes on after a
 * restart. A fault of the call decides how it ends.
 */
export function startOperation(
  world: World,
  { version, fault }: Pick<Call, 'version' | 'fault'>,
  resource: Resource,
  start: OperationStart,
): Operation {
  const id = world.random.uuid();
  const now = world.clock.now();
  const spread = 0.85 + 0.3 * world.random.draw('duration', start.kind, resource.key, id);
  const failing = fault?.kind === 'operation-fails' ? fault : undefined;
  const seconds = failing?.after ?? start.seconds * spread;
  const operation: Operation = {
    id,
    kind: start.kind,
    label: start.label,
    key: resource.key,
    type: resource.type,
    subscription: subscriptionOf(resource.key),
    location: regionOf(world, resource),
    version,
    startedAt: now,
    dueAt: fault?.kind === 'never-ends' ? null : now + (seconds * 1000) / world.clock.timeScale,
    endedAt: undefined,
    status: 'InProgress',
    error: failing === undefined ? start.failure : failureOf(failing),
    pollRetryAfter: start.pollRetryAfter,
    detail: start.detail ?? {},
  };
  world.store.putOperation(operation);
  world.schedule(operation);
  return operation;
}

/** Region of a resource; nested ones have that of their parent. */
function regionOf(world: World, resource: Resource): string {
  const parent = world.store.get(resource.key.split('/').slice(0, -2).join('/'));
  return locationOf(resource) || (parent === undefined ? '' : locationOf(parent));
}

function failureOf(fault: Extract<FaultAction, { kind: 'operation-fails' }>): JsonObject {
  const details = fault.details?.map(({ code, message, target }) => ({
    code,
    message,
    ...(target === undefined ? {} : { target }),
  }));
  return { code: fault.code, message: fault.message, ...(details === undefined ? {} : { details }) };
}

/** Signed address of an operation, about 3.2 kB long. Every call gives another signature, as Azure's do. */
export function operationUrl(world: World, operation: Operation, form: 'status' | 'result'): string {
  const style = styleOf(operation.type);
  const ticks = (EPOCH_TICKS + BigInt(Math.round(world.clock.now() * 1000)) * 10n).toString();
  const group = operation.kind === 'delete-group';
  const provider = operation.type.split('/')[0] ?? '';
  const path =
    operation.kind === 'steps'
      ? `${operation.key}/operationStatuses/${operation.id}`
      : style.status.startsWith('privateDns')
        ? `${operation.key.split('/').slice(0, 5).join('/')}/providers/${provider}/${style[form]}/${operation.id}`
        : group || provider === 'Microsoft.Resources'
          ? `/subscriptions/${operation.subscription}/operationresults/${operation.id}`
          : `/subscriptions/${operation.subscription}/providers/${provider}/locations/${operation.location}/${style[form]}/${operation.id}`;
  const monitor = form === 'result' && (style.compute || style.status === 'asyncoperations');
  const query = [
    ...(style.compute ? ['p=b26caeba-1a35-4884-92ce-d47b44b28157'] : []),
    ...(monitor ? ['monitor=true'] : []),
    `api-version=${isAks(operation) ? (operation.version >= '2025-08' ? '2025-03-01' : '2016-03-30') : operation.version}`,
    `t=${ticks}`,
    `c=${world.random.filler(2592, 'certificate')}`,
    `s=${world.random.filler(342, 'signature', operation.id, ticks)}`,
    `h=${world.random.filler(43, 'hash', operation.id, ticks)}`,
  ];
  return `${BASE}${path}?${query.join('&')}`;
}

/** Headers of the first answer of a write. */
export function operationHeaders(world: World, operation: Operation, profile: Profile): Record<string, string> {
  const { headers, retryAfter } = profile;
  const disks = styleOf(operation.type).status === 'DiskOperations';
  const storage = operation.type.toLowerCase().startsWith('microsoft.storage');
  return {
    ...(headers.includes('async') ? { 'azure-asyncoperation': operationUrl(world, operation, 'status') } : {}),
    ...(headers.includes('async') && !disks ? { 'azure-asyncnotification': 'Enabled' } : {}),
    ...(headers.includes('location') ? { location: operationUrl(world, operation, 'result') } : {}),
    ...(storage && profile.body === 'empty' ? { 'content-type': 'text/plain; charset=utf-8' } : {}),
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
  };
}

/** Refuses an operation address whose signature was cut or rebuilt. */
export function checkSignature(world: World, operation: Operation, query: URLSearchParams): void {
  const ticks = query.get('t');
  const valid =
    ticks !== null &&
    query.get('c') === world.random.filler(2592, 'certificate') &&
    query.get('s') === world.random.filler(342, 'signature', operation.id, ticks) &&
    query.get('h') === world.random.filler(43, 'hash', operation.id, ticks);
  if (valid) return;
  throw new ArmError(
    400,
    'InvalidOperationUrlSignature',
    `The address of operation '${operation.id}' was changed: its parameters t, c, s and h do not belong together. Use the address of the Azure-AsyncOperation or Location header exactly as it was sent.`,
  );
}

/** Answer of the status address (Azure-AsyncOperation): the state is in the body, the status is 200 but for private DNS. */
export function statusReply(world: World, operation: Operation): AzureReply {
  const running = operation.status === 'InProgress';
  const retryAfter =
    running && operation.pollRetryAfter !== undefined ? { 'retry-after': String(operation.pollRetryAfter) } : {};
  const error = operation.status !== 'InProgress' && operation.error !== undefined ? { error: operation.error } : {};
  if (operation.kind === 'steps')
    return jsonReply(200, { status: running ? 'Running' : operation.status, ...error }, retryAfter);
  if (running && styleOf(operation.type).status.startsWith('privateDns')) {
    // The one provider that answers a running status with 202 and the addresses again (azure-recordings/privateDnsZones.json).
    const addresses = {
      'azure-asyncoperation': operationUrl(world, operation, 'status'),
      location: operationUrl(world, operation, 'result'),
    };
    return jsonReply(202, { status: operation.status }, { ...addresses, ...retryAfter });
  }
  if (operation.type.toLowerCase().startsWith('microsoft.network')) {
    return jsonReply(200, { status: operation.status, ...error }, retryAfter);
  }
  if (isAks(operation)) return aksStatus(world, operation);
  const resource = world.store.get(operation.key);
  const output =
    styleOf(operation.type).status === 'DiskOperations' && operation.status === 'Succeeded' && resource !== undefined
      ? { properties: { output: wireOf(world, resource) } }
      : {};
  return jsonReply(
    200,
    {
      startTime: new Date(operation.startedAt).toISOString(),
      ...(operation.endedAt === undefined ? {} : { endTime: new Date(operation.endedAt).toISOString() }),
      status: operation.status,
      ...output,
      name: operation.id,
      ...error,
    },
    retryAfter,
  );
}

function isAks(operation: Operation): boolean {
  return operation.type.toLowerCase().startsWith('microsoft.containerservice');
}

/** AKS says in free text what it does (azure-recordings/README.md, Long-running operations). */
function aksStatus(world: World, operation: Operation): AzureReply {
  const { startedAt, dueAt, endedAt, status, error } = operation;
  const share = dueAt === null ? 0 : (world.clock.now() - startedAt) / Math.max(1, dueAt - startedAt);
  const phase = objects(operation.detail['phases']).find(({ until }) => share < Number(until));
  return jsonReply(200, {
    name: operation.id,
    status: status === 'InProgress' ? (phase?.['status'] ?? status) : status,
    startTime: new Date(startedAt).toISOString(),
    ...(endedAt === undefined ? {} : { endTime: new Date(endedAt).toISOString() }),
    ...(status === 'InProgress' || error === undefined ? {} : { error }),
  });
}

/** Answer of the result address (Location): 202 while it runs, then the resource, nothing, or the error. */
export function resultReply(world: World, operation: Operation): AzureReply {
  if (operation.status === 'InProgress') {
    const retryAfter =
      operation.pollRetryAfter === undefined ? {} : { 'retry-after': String(operation.pollRetryAfter) };
    return emptyReply(202, { location: operationUrl(world, operation, 'result'), ...retryAfter });
  }
  if (operation.status !== 'Succeeded') {
    // The deletion of a resource group fails with capital keys (azure-recordings/README.md, Long-running operations).
    if (operation.kind === 'delete-group') {
      const { code, message, details } = operation.error ?? {};
      return jsonReply(409, { Error: { Code: code, Target: null, Message: message, Details: details ?? [] } });
    }
    return jsonReply(409, {
      error: operation.error ?? { code: operation.status, message: 'The operation was canceled.' },
    });
  }
  const resource = world.store.get(operation.key);
  if (operation.kind.startsWith('delete') || resource === undefined) {
    return emptyReply(operation.kind === 'delete-group' || styleOf(operation.type).compute ? 200 : 204);
  }
  return operation.kind === 'put' ? jsonReply(200, wireOf(world, resource)) : emptyReply(200);
}
