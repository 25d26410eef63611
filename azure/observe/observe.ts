import { createHash } from 'node:crypto';
import type { ClusterPlan, PlannedResource } from '#domain/plan/types.ts';
import { call } from '../clients/capture.ts';
import type { Connection } from '../clients/clients.ts';
import { unanswered } from '../clients/unanswered.ts';
import { parseArmId } from '../resource/arm-id.ts';
import type { KindDefinition } from '../resource/kind.ts';
import { isOurs } from '../resource/ownership.ts';
import type { ObservedResource } from '../types.ts';
import { listGroup } from '../inventory/find.ts';
import { lacks } from './lacks.ts';

/** Fields that change by themselves: their change is nobody's write. */
const volatile = new Set(['instanceView', 'timeCreated', 'systemData', 'resourceGuid']);

/** What changes in a network of the user's whenever somebody else's machine or endpoint joins it. */
const joined = new Set([...volatile, 'etag', 'ipConfigurations', 'privateEndpoints', 'networkInterfaces', 'purpose']);

/**
 * Reads one resource and reduces it to a fingerprint (ETag and body without what changes by itself), so that a later
 * look can tell whether somebody wrote to it. In a resource of the user's others come and go, which is no write either.
 */
export async function observeKind<Body>(
  connection: Connection,
  definition: Pick<KindDefinition<Body>, 'read' | 'describe'>,
  plan: ClusterPlan,
  resource: PlannedResource,
): Promise<ObservedResource> {
  const id = parseArmId(resource.id);
  const clients = connection.clients(id.subscriptionId);
  const read = await call(() => definition.read(clients, id));
  if (!read.ok) {
    if (read.failure.status === 404) return { id: resource.id, exists: false, fingerprint: '', tags: {} };
    // Not a registered error: a look that fails is repeated by the caller's own back-off.
    throw unanswered(`${resource.name} of ${plan.name} cannot be read`, read.failure);
  }
  const body = read.value;
  const { tags, etag } = definition.describe(body);
  const identities = identityIds(body);
  const missing = resource.owned ? lacks(plan, resource, body) : [];
  return {
    id: resource.id,
    exists: true,
    fingerprint: createHash('sha256')
      .update(resource.owned ? `${etag ?? ''}\n${stableJson(body)}` : stableJson(body, joined))
      .digest('hex'),
    tags: tags ?? {},
    ...(identities === undefined ? {} : { identityIds: identities }),
    ...(missing.length === 0 ? {} : { lacks: missing }),
  };
}

/** The resource group with its tags: one tagged `owned` would be deleted with the cluster (cluster-api-pivot.md, R4). */
export async function observeGroup(connection: Connection, plan: ClusterPlan): Promise<ObservedResource> {
  const { subscriptionId, resourceGroup } = plan.azure;
  const read = await call(async () =>
    (await connection.clients(subscriptionId).resources()).resourceGroups.get(resourceGroup),
  );
  if (!read.ok) throw unanswered(`resource group ${resourceGroup} cannot be read`, read.failure);
  const { tags } = read.value;
  const fingerprint = createHash('sha256')
    .update(stableJson(tags ?? {}))
    .digest('hex');
  return {
    id: `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}`,
    exists: true,
    fingerprint,
    tags: tags ?? {},
  };
}

/**
 * What carries the cluster's tag and is not in its plan: something that its own controllers have made. There is nothing
 * of the kind before the hand-over.
 */
export async function observeOthers(connection: Connection, plan: ClusterPlan): Promise<readonly ObservedResource[]> {
  const planned = new Set(plan.resources.map(({ id }) => id.toLowerCase()));
  const listed = await listGroup(connection, plan);
  return listed
    .filter(({ id, tags }) => isOurs('cluster', tags, plan.name) && !planned.has(id.toLowerCase()))
    .map(({ id, tags }) => ({ id, exists: true, fingerprint: 'not planned', tags }));
}

function stableJson(value: unknown, without: ReadonlySet<string> = volatile): string {
  return JSON.stringify(value, (key, inner: unknown) => {
    if (without.has(key)) return undefined;
    return typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner;
  });
}

/** User-assigned identities of a machine in Azure's letter case; CAPZ compares them case-sensitively (cluster-api-pivot.md §2c). */
function identityIds(body: unknown): readonly string[] | undefined {
  if (typeof body !== 'object' || body === null || !('identity' in body)) return undefined;
  const { identity } = body;
  if (typeof identity !== 'object' || identity === null || !('userAssignedIdentities' in identity)) return undefined;
  return Object.keys(identity.userAssignedIdentities ?? {});
}
