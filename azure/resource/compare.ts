import type { AnyPlan } from '#domain/managed/types.ts';
import { Secret } from '#domain/secret.ts';
import { call } from '../clients/capture.ts';
import type { Clients, Connection } from '../clients/clients.ts';
import { found, need } from '../halt.ts';
import type { CompareRequest, Comparison } from '../types.ts';
import { parseArmId } from './arm-id.ts';
import { differences } from './covers.ts';
import { isCapstanError, type KindDefinition, type SpecInput } from './kind.ts';

/**
 * Holds one planned resource against what is there, with the same desired state as `ensure`: what an apply would change.
 * One read, nothing is written.
 */
export async function compareKind<Body, Plan extends AnyPlan>(
  connection: Connection,
  definition: KindDefinition<Body, Plan>,
  request: CompareRequest<Plan>,
): Promise<Comparison> {
  const { resource } = request;
  const input: SpecInput<Plan> = { ...request, cloud: connection.cloud };
  const identified = definition.identify?.(input) ?? resource.id;
  // Without the outputs of what it is named after (an identity that is not there yet) it cannot exist.
  if (isCapstanError(identified)) return { exists: false };
  const id = parseArmId(identified);
  const read = await call(() => definition.read(connection.clients(id.subscriptionId), id));
  if (!read.ok && read.failure.status === 404) return { exists: false };
  const existing = need(read, id.id, `read the ${definition.title}`);
  const { tags, provisioningState } = definition.describe(existing);
  const there = {
    exists: true as const,
    id: id.id,
    tags: tags ?? {},
    outputs: definition.outputs?.(existing, input) ?? {},
  };
  if (!resource.owned) return { ...there, differs: [] };
  // Such a resource is written again as a whole, whatever its fields are.
  if (/^failed$/i.test(provisioningState ?? '')) return { ...there, differs: ['provisioningState'] };
  const wanted = definition.desired(input, existing);
  if (wanted === undefined || isCapstanError(wanted)) return { ...there, differs: [] };
  return { ...there, differs: definition.differs?.(input, existing) ?? differences(existing, wanted) };
}

/** Tags of a resource; undefined when it does not exist. Any other answer halts the sequence. */
export async function readTags<Body>(
  clients: Clients,
  { title, read, describe }: Pick<KindDefinition<Body>, 'title' | 'read' | 'describe'>,
  id: string,
): Promise<Readonly<Record<string, string>> | undefined> {
  const existing = found(await call(() => read(clients, parseArmId(id))), id, `read the ${title}`);
  return existing === undefined ? undefined : (describe(existing).tags ?? {});
}

/** What the first write of a resource would hold, for checks of policies; undefined when the spec refuses. */
export function firstParameters<Body, Plan extends AnyPlan>(
  connection: Connection,
  definition: KindDefinition<Body, Plan>,
  request: CompareRequest<Plan>,
): unknown {
  // No rule looks into cloud-init, which does not exist yet.
  const input: SpecInput<Plan> = { ...request, cloud: connection.cloud, customData: new Secret('') };
  const wanted = definition.desired(input, undefined);
  return isCapstanError(wanted) ? undefined : wanted;
}
