import type { CapstanError } from '#domain/errors/error.ts';
import { call } from '../clients/capture.ts';
import type { Clients, Connection } from '../clients/clients.ts';
import { capstanError } from '../errors/capstan-error.ts';
import { classify } from '../errors/classify.ts';
import type { AzureFailure } from '../errors/failure.ts';
import type { EnsureDone, EnsureFailed, EnsureOutcome, EnsureRequest, EnsureWait } from '../types.ts';
import { type ArmId, parseArmId } from './arm-id.ts';
import type { AnyPlan } from '#domain/managed/types.ts';
import { isCapstanError, type KindDefinition, type SpecInput } from './kind.ts';
import { changeTags, joinShared } from './join.ts';
import { startOrPoll } from './operation.ts';
import { isOurs, usersOf } from './ownership.ts';
import { decodePoller, encodePoller, type PollerState } from './poller.ts';
import { fullError, hasRoom, refusesMoreTags } from './room.ts';

/** Writes of one resource in one run: its version, then the rest. */
const maxWrites = 3;

/** One resource on its way, with everything the steps of `ensure` need. */
interface Work<Body, Plan extends AnyPlan> {
  readonly definition: KindDefinition<Body, Plan>;
  readonly input: SpecInput<Plan>;
  readonly clients: Clients;
  readonly id: ArmId;
  readonly state: PollerState;
  readonly customData: EnsureRequest['customData'];
}

/** States in which somebody is working on the resource; a write now would be refused or get in the way. */
const busyStates =
  /^(updating|creating|deleting|accepted|running|resolvingdns|provisioning|upgrading|scaling|starting|stopping)$/i;

/**
 * One step of bringing a resource about: polls a running operation, or reads, compares and writes once.
 * At most two HTTP calls (a read and a write), never a wait. Safe to repeat at any time.
 */
export async function ensureKind<Body, Plan extends AnyPlan>(
  connection: Connection,
  definition: KindDefinition<Body, Plan>,
  request: EnsureRequest<Plan>,
): Promise<EnsureOutcome> {
  const { poller, customData, ...rest } = request;
  const input: SpecInput<Plan> = { ...rest, cloud: connection.cloud };
  const identified = definition.identify?.(input) ?? request.resource.id;
  if (isCapstanError(identified)) return { status: 'failed', error: identified };
  const id = parseArmId(identified);
  const clients = connection.clients(id.subscriptionId);
  const work = { definition, input, id, clients, customData, state: decodePoller(poller) };
  if (work.state.operation !== undefined) {
    const polled = await continueOperation(work, work.state.operation);
    if (polled !== 'read again') return polled;
  }
  return readAndWrite(work);
}

async function continueOperation<Body, Plan extends AnyPlan>(
  work: Work<Body, Plan>,
  operation: string,
): Promise<EnsureOutcome | 'read again'> {
  const { definition, clients, state } = work;
  const step = await startOrPoll<Body>({ clients, family: definition.family, operation });
  if (step.kind === 'running') {
    return wait(pause(work, step), { ...state, attempt: 0, operation: step.operation }, verbing(work, step.status));
  }
  if (step.kind === 'unreachable') return judge(work, step.failure, { operation });
  if (step.kind === 'failed') return judge(work, step.failure, {});
  // An operation that is forgotten, or whose answer holds no resource, is followed by a read.
  const whole = step.kind === 'done' && step.body !== undefined && definition.describe(step.body).id !== undefined;
  if (!whole || step.body === undefined || definition.readAgain === true) {
    return 'read again';
  }
  return done(work, step.body, state.verb === 'updated' ? 'updated' : 'created');
}

async function readAndWrite<Body, Plan extends AnyPlan>(work: Work<Body, Plan>): Promise<EnsureOutcome> {
  const { definition, input, clients, id } = work;
  const read = await call(() => definition.read(clients, id));
  if (!read.ok && read.failure.status !== 404) return judge(work, read.failure, {});
  const existing = read.ok ? read.value : undefined;
  if (!input.resource.owned) return checkForeign(work, existing);
  if (!read.ok && read.failure.code === 'ResourceGroupNotFound') return judge(work, read.failure, {});
  if (existing !== undefined) {
    const described = definition.describe(existing);
    if (busyStates.test(described.provisioningState ?? '')) {
      return wait(5, { ...work.state, attempt: 0 }, `${title(work)} is being changed; waiting`);
    }
    if (!isOurs(definition.ownership, described.tags, input.plan.name) && input.allowedTakeover !== true) {
      return failed(notOurs(work));
    }
    if (definition.ownership === 'shared' && !hasRoom(described.tags, input.plan.name))
      return failed(fullError(title(work), id.id, usersOf(described.tags).length));
    const joined =
      definition.ownership === 'shared' ? await joinShared(clients, id, described, input.plan.name) : undefined;
    if (joined !== undefined && !joined.ok) {
      if (!refusesMoreTags(joined.failure)) return judge(work, joined.failure, {});
      return failed(fullError(title(work), id.id, usersOf(described.tags).length));
    }
    // Its last user may have begun to delete it: it counts only when it is still there with our tag.
    if (joined !== undefined) return wait(1, { ...work.state, attempt: 0 }, `Joining the users of the ${title(work)}`);
    const untagged = await removeTags(work, described.tags ?? {});
    if (untagged !== undefined) return untagged;
  }
  const parameters = definition.desired(await withCustomData(work, existing), existing);
  if (isCapstanError(parameters)) return failed(parameters);
  // What Azure makes of a write is not fought over: the next look at the cluster tells what still differs.
  const written = work.definition.readAgain === true && (work.state.writes ?? 0) >= maxWrites;
  if (parameters === undefined || (written && existing !== undefined)) {
    if (existing === undefined) throw new Error(`${definition.kind}: nothing exists and nothing is desired`);
    // Whoever refers to a resource whose last write failed is refused: writing it again as it is makes it usable.
    if (hasFailed(work, existing)) return write(work, existing, existing);
    return done(
      work,
      existing,
      work.state.verb === 'created' || work.state.verb === 'updated' ? work.state.verb : 'exists',
    );
  }
  return write(work, parameters, existing);
}

/**
 * Takes away tags that the document of an AKS cluster no longer has, once: where a policy brings one back, it stays. Other
 * clusters have a step for it, since their controllers make resources, too. Undefined when there is nothing to take away.
 */
async function removeTags<Body, Plan extends AnyPlan>(
  work: Work<Body, Plan>,
  tags: Readonly<Record<string, string>>,
): Promise<EnsureOutcome | undefined> {
  const { definition, clients, id, input, state } = work;
  if (definition.ownership !== 'cluster' || definition.removesTags === true || state.untagged === true)
    return undefined;
  const old = (input.plan.managed?.removedTags ?? []).flatMap((name) => {
    const value = tags[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  if (old.length === 0) return undefined;
  const removed = await changeTags(clients, id, 'Delete', Object.fromEntries(old));
  if (!removed.ok) return judge(work, removed.failure, {});
  return wait(1, { ...state, attempt: 0, untagged: true }, `Taking tags off the ${title(work)}`);
}

function hasFailed<Body, Plan extends AnyPlan>({ definition, input }: Work<Body, Plan>, existing: Body): boolean {
  return input.resource.owned && /^failed$/i.test(definition.describe(existing).provisioningState ?? '');
}

/** Cloud-init holds keys, so it is fetched only for the call that may create the machine. */
async function withCustomData<Body, Plan extends AnyPlan>(
  work: Work<Body, Plan>,
  existing: Body | undefined,
): Promise<SpecInput<Plan>> {
  const { input, customData, definition } = work;
  const settled = existing !== undefined && definition.describe(existing).provisioningState !== 'Failed';
  if (customData === undefined || settled) return input;
  return { ...input, customData: typeof customData === 'function' ? await customData() : customData };
}

async function write<Body, Plan extends AnyPlan>(
  work: Work<Body, Plan>,
  parameters: Body,
  existing: Body | undefined,
): Promise<EnsureOutcome> {
  const { definition, clients, id } = work;
  const verb = existing === undefined ? 'created' : 'updated';
  const etag = existing === undefined ? undefined : definition.describe(existing).etag;
  const step = await startOrPoll<Body>({ begin: () => definition.write(clients, id, parameters, etag) });
  const next: PollerState = { ...work.state, attempt: 0, verb, writes: (work.state.writes ?? 0) + 1 };
  if (step.kind === 'running')
    return wait(pause(work, step), { ...next, operation: step.operation }, verbing(work, step.status));
  if (step.kind === 'unreachable' || step.kind === 'failed') return judge(work, step.failure, {});
  if (step.kind === 'forgotten' || step.body === undefined) return wait(1, next, verbing(work));
  return done(work, step.body, verb);
}

function checkForeign<Body, Plan extends AnyPlan>(work: Work<Body, Plan>, existing: Body | undefined): EnsureOutcome {
  const { definition, input, id } = work;
  if (existing === undefined) {
    return failed(capstanError('CAP-3018', `The ${title(work)} does not exist.`, { where: id.id }));
  }
  const problem = definition.check?.(existing, input);
  return problem === undefined ? done(work, existing, 'exists') : failed(problem);
}

function judge<Body, Plan extends AnyPlan>(
  work: Work<Body, Plan>,
  failure: AzureFailure,
  keep: { readonly operation?: string },
): EnsureOutcome {
  const { id, state } = work;
  // Operations that were accepted and failed are counted apart: each is a new beginning, and few of them are enough.
  const failures = (state.failures ?? 0) + (failure.asynchronous ? 3 : 0);
  const verdict = classify(failure, {
    key: id.id,
    attempt: state.attempt + failures,
    where: id.id,
    doing: `create the ${title(work)}`,
  });
  if (verdict.kind === 'failed') return failed(verdict.error);
  const { operation: _dropped, ...rest } = state;
  const next = {
    ...rest,
    ...keep,
    attempt: state.attempt + (failure.asynchronous || verdict.unsent === true ? 0 : 1),
    failures,
  };
  return wait(verdict.retryAfter, next, `${verbing(work)}: ${verdict.reason}`);
}

function notOurs<Body, Plan extends AnyPlan>(work: Work<Body, Plan>): CapstanError {
  return capstanError(
    'CAP-3009',
    `The ${title(work)} exists and does not carry the tag of cluster ${work.input.plan.name}.`,
    {
      where: work.id.id,
    },
  );
}

function title<Body, Plan extends AnyPlan>(work: Work<Body, Plan>): string {
  return `${work.definition.title} ${work.id.names.at(-1) ?? ''}`;
}

function verbing<Body, Plan extends AnyPlan>(work: Work<Body, Plan>, status?: string): string {
  return `${work.state.verb === 'updated' ? 'Changing' : 'Creating'} the ${title(work)}${status === undefined ? '' : `: ${status}`}`;
}

/** Azure seconds until the next question. */
function pause<Body, Plan extends AnyPlan>(
  { definition }: Work<Body, Plan>,
  { retryAfter }: { readonly retryAfter: number },
): number {
  return Math.max(retryAfter, definition.pollSeconds ?? 0);
}

function done<Body, Plan extends AnyPlan>(
  work: Work<Body, Plan>,
  body: Body,
  action: EnsureDone['action'],
): EnsureDone {
  const { definition, input, id } = work;
  return { status: 'done', action, id: id.id, outputs: definition.outputs?.(body, input) ?? {} };
}

function failed(error: CapstanError): EnsureFailed {
  return { status: 'failed', error };
}

function wait(retryAfter: number, state: PollerState, sentence: string): EnsureWait {
  return { status: 'wait', retryAfter: Math.max(1, retryAfter), poller: encodePoller(state), sentence };
}
