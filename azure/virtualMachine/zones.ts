import type { CapstanError } from '#domain/errors/error.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import type { Connection } from '../clients/clients.ts';
import { networkInterface } from '../networkInterface/client.ts';
import { ensureKind } from '../resource/ensure.ts';
import { removeKind } from '../resource/remove.ts';
import type { EnsureOutcome, EnsureRequest, EnsureWait } from '../types.ts';
import { virtualMachine } from './client.ts';

/** Where a machine stands on its way through the zones. */
interface Journey {
  /** Zones without capacity. */
  readonly tried: readonly string[];
  /** `erase` takes away what a failed create left, `interface` brings back the interface that went with it. */
  readonly phase: 'create' | 'erase' | 'interface';
  /** What the adapter of the phase wants back. */
  readonly inner?: string;
}

/** Azure has no room, or does not offer the size to the subscription in this zone (azure-behaviour.md §6, Quota). */
const capacityCodes: ReadonlySet<string> = new Set(['CAP-3006', 'CAP-3007']);

/**
 * CP-A in the first zone that has room: when Azure has no capacity in the planned zone, the others that the spec allows
 * come in turn. A zone cannot be changed, so what a failed create left is deleted first, and the network interface, which
 * goes with its machine, is made again. The zone in the end is the output `zone`.
 */
export async function ensureMachine(
  connection: Connection,
  request: EnsureRequest<ClusterPlan>,
): Promise<EnsureOutcome> {
  const journey = decode(request.poller);
  if (journey.phase === 'erase') return erase(connection, request, journey);
  if (journey.phase === 'interface') return remakeInterface(connection, request, journey);
  const outcome = await ensureKind(connection, virtualMachine, {
    ...withInner(request, journey),
    plan: inZone(request.plan, journey),
  });
  if (outcome.status === 'wait') return { ...outcome, ...kept(journey, outcome.poller) };
  if (outcome.status !== 'failed' || !capacityCodes.has(outcome.error.code)) return outcome;
  return elsewhere(request.plan, journey, outcome.error);
}

function elsewhere(plan: ClusterPlan, journey: Journey, error: CapstanError): EnsureOutcome {
  const zone = nextZone(plan, journey.tried);
  if (zone === undefined) return { status: 'failed', error };
  const tried = [...journey.tried, zone];
  const next = nextZone(plan, tried);
  if (next === undefined) return { status: 'failed', error: everywhere(plan, error, tried) };
  return wait(
    { tried, phase: 'erase' },
    `Zone ${zone} has no room for ${plan.controlPlane.vmSize}: trying zone ${next}`,
  );
}

function everywhere(plan: ClusterPlan, error: CapstanError, tried: readonly string[]): CapstanError {
  if (tried.length < 2) return error;
  const zones = `zones ${tried.join(', ')}`;
  return {
    ...error,
    message: `${error.message.replace(/\.$/, '')} (${zones} tried).`,
    remedy: `Choose another size than ${plan.controlPlane.vmSize} for the control plane or another region, or apply again later: ${zones} of ${plan.azure.location} have no room for it now.`,
  };
}

async function erase(
  connection: Connection,
  request: EnsureRequest<ClusterPlan>,
  journey: Journey,
): Promise<EnsureOutcome> {
  const { resource, plan } = request;
  const outcome = await removeKind(connection, virtualMachine, {
    id: resource.id,
    kind: resource.kind,
    clusterName: plan.name,
    ...(journey.inner === undefined ? {} : { poller: journey.inner }),
  });
  if (outcome.status === 'wait') return { ...outcome, ...kept(journey, outcome.poller) };
  if (outcome.status === 'failed') return outcome;
  return wait({ tried: journey.tried, phase: 'interface' }, `Making room for ${resource.name} in another zone`);
}

async function remakeInterface(
  connection: Connection,
  request: EnsureRequest<ClusterPlan>,
  journey: Journey,
): Promise<EnsureOutcome> {
  const name = `${request.resource.name}-nic`;
  const resource = request.plan.resources.find(
    (planned) => planned.kind === 'networkInterface' && planned.name === name,
  );
  if (resource === undefined) throw new Error(`the plan has no network interface ${name}`);
  const { customData: _none, ...rest } = withInner(request, journey);
  const outcome = await ensureKind(connection, networkInterface, { ...rest, resource });
  if (outcome.status === 'wait') return { ...outcome, ...kept(journey, outcome.poller) };
  if (outcome.status === 'failed') return outcome;
  return wait(
    { tried: journey.tried, phase: 'create' },
    `Creating the machine ${request.resource.name} in another zone`,
  );
}

/** The planned zone first, then the others that the spec allows. */
function nextZone(plan: ClusterPlan, tried: readonly string[]): string | undefined {
  const { zone, zones } = plan.controlPlane;
  if (zone === undefined) return undefined;
  return [zone, ...zones].find((candidate) => !tried.includes(candidate));
}

function inZone(plan: ClusterPlan, { tried }: Journey): ClusterPlan {
  const zone = nextZone(plan, tried);
  return tried.length === 0 ? plan : { ...plan, controlPlane: { ...plan.controlPlane, zone } };
}

function withInner(request: EnsureRequest<ClusterPlan>, { inner }: Journey): EnsureRequest<ClusterPlan> {
  const { poller: _own, ...rest } = request;
  return inner === undefined ? rest : { ...rest, poller: inner };
}

function kept(journey: Journey, inner: string | undefined): Pick<EnsureWait, 'poller'> {
  const { inner: _old, ...rest } = journey;
  return { poller: JSON.stringify(inner === undefined ? rest : { ...rest, inner }) };
}

function wait(journey: Journey, sentence: string): EnsureWait {
  return { status: 'wait', retryAfter: 1, poller: JSON.stringify(journey), sentence };
}

/** Reads what an earlier call gave back; a text of another form is the poller of a machine in its first zone. */
function decode(text: string | undefined): Journey {
  const first: Journey = { tried: [], phase: 'create' };
  if (text === undefined) return first;
  try {
    const value = JSON.parse(text) as Partial<Journey> | null;
    return Array.isArray(value?.tried) ? { ...first, ...value } : { ...first, inner: text };
  } catch {
    return first;
  }
}
