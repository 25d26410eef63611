import type { AnyPlan } from '#domain/managed/types.ts';
import type { ResourceKind } from '#domain/plan/types.ts';
import { kindOfType } from '#domain/plan/resources.ts';
import { call } from '../clients/capture.ts';
import type { Connection } from '../clients/clients.ts';
import { collect } from '../clients/collect.ts';
import { unanswered } from '../clients/unanswered.ts';
import { sameId } from '../resource/arm-id.ts';
import { isOurs, usersOf } from '../resource/ownership.ts';
import { ownerDescription } from '../roleAssignment/spec.ts';
import type { FoundResource } from '../types.ts';

interface Listed {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly managedBy: string;
}

/**
 * Everything in the cluster's resource group that belongs to the cluster: by its tags, also what CAPZ made later, and
 * the disks of its machines, which carry no tags of their own.
 *
 * @param options `shared`: also what the cluster shares with others, as one of its users
 * @throws Error when the group cannot be listed, for the caller's back-off; an absent group holds nothing
 */
export async function findOwned(
  connection: Connection,
  plan: AnyPlan,
  options: { readonly shared?: true } = {},
): Promise<readonly FoundResource[]> {
  // Put off in its middle it would begin again, and of many clusters none would ever come to the end.
  const reads = expectedPages(connection, plan) + grantReads;
  return connection.withReads(plan.azure.subscriptionId, reads, async () => find(connection, plan, options));
}

/** The cluster's identity, and the role assignments of it. */
const grantReads = 2;

/** Pages of the last list of a group; a list that was cut short counts with its next page. */
const pages = new WeakMap<Connection, Map<string, number>>();

function expectedPages(connection: Connection, { azure }: AnyPlan): number {
  return pages.get(connection)?.get(groupKey(azure)) ?? 1;
}

function rememberPages(connection: Connection, { azure }: AnyPlan, count: number): void {
  const known = pages.get(connection) ?? new Map<string, number>();
  pages.set(connection, known.set(groupKey(azure), count));
}

function groupKey({ subscriptionId, resourceGroup }: AnyPlan['azure']): string {
  return `${subscriptionId}/${resourceGroup}`.toLowerCase();
}

async function find(
  connection: Connection,
  plan: AnyPlan,
  options: { readonly shared?: true },
): Promise<readonly FoundResource[]> {
  const listed = await listGroup(connection, plan);
  const machines = new Set<string>();
  const found: FoundResource[] = [];
  for (const { id, type, name, tags } of listed) {
    if (options.shared === true && isOurs('shared', tags, plan.name) && usersOf(tags).includes(plan.name)) {
      const shared = kindOfType(type);
      found.push({ id, kind: shared === 'disk' ? 'imageDisk' : shared, type, tags });
      continue;
    }
    if (!isOurs('cluster', tags, plan.name)) continue;
    const kind = kindOfType(type);
    if (kind === 'virtualMachine') machines.add(name.toLowerCase());
    if (kind === undefined) found.push({ id, kind: undefined, type, tags });
    else if (isDeletable(kind)) found.push({ id, kind, type, tags });
  }
  for (const { id, type, name, tags, managedBy } of listed) {
    if (kindOfType(type) !== 'disk' || found.some((resource) => resource.id === id)) continue;
    const machine = name.toLowerCase().split('_')[0] ?? '';
    const belongs =
      machines.has(machine) ||
      machine.startsWith(`${plan.name}-`) ||
      machines.has(managedBy.toLowerCase().split('/').pop() ?? '');
    if (belongs && isMachineName(plan, machine)) found.push({ id, kind: 'disk', type, tags });
  }
  return [...found, ...(await findGrants(connection, plan, listed))];
}

/**
 * Role assignments carry no tags: those of the cluster's own identity that Capstan described as its own. One whose write
 * was interrupted is found too.
 */
async function findGrants(
  connection: Connection,
  plan: AnyPlan,
  listed: readonly Listed[],
): Promise<readonly FoundResource[]> {
  const { id, name, resourceGroup, owned } = plan.identity;
  if (!owned || !listed.some((resource) => sameId(resource.id, id))) return [];
  const clients = connection.clients(plan.azure.subscriptionId);
  const read = await call(async () => {
    const { userAssignedIdentities } = await clients.identities();
    const { principalId = '' } = await userAssignedIdentities.get(resourceGroup, name);
    const { roleAssignments } = await clients.authorization();
    return collect(roleAssignments.listForSubscription({ filter: `principalId eq '${principalId}'` }));
  });
  if (!read.ok && read.failure.status !== 404)
    throw unanswered(`the role assignments of ${name} cannot be listed`, read.failure);
  return (read.ok ? read.value : [])
    .filter(({ description }) => description === ownerDescription(plan.name))
    .map((grant) => ({
      id: grant.id ?? '',
      kind: 'roleAssignment',
      type: 'Microsoft.Authorization/roleAssignments',
      tags: {},
    }));
}

/** Machines of a cluster are named after its control plane or one of its MachineDeployments. */
function isMachineName(plan: AnyPlan, machine: string): boolean {
  if (plan.managed !== undefined) return false;
  const prefixes = [`${plan.name}-control-plane-`, ...plan.pools.flatMap((pool) => [`${plan.name}-${pool.name}-`])];
  return prefixes.some((prefix) => machine.startsWith(prefix));
}

function isDeletable(kind: ResourceKind): boolean {
  return kind !== 'inboundNatRule' && kind !== 'blobContainer';
}

/**
 * Everything in the cluster's resource group, whoever made it.
 *
 * @throws Error when the group cannot be listed, for the caller's back-off; an absent group holds nothing
 */
export async function listGroup(connection: Connection, plan: AnyPlan): Promise<readonly Listed[]> {
  const { subscriptionId, resourceGroup } = plan.azure;
  const clients = connection.clients(subscriptionId);
  const read = await call(async () => {
    const { resources } = await clients.resources();
    const result: Listed[] = [];
    let count = 0;
    for await (const page of resources.listByResourceGroup(resourceGroup).byPage()) {
      for (const { id = '', type = '', name = '', tags = {}, managedBy = '' } of page)
        result.push({ id, type, name, tags, managedBy });
      count += 1;
      rememberPages(connection, plan, Math.max(count + 1, expectedPages(connection, plan)));
    }
    rememberPages(connection, plan, Math.max(1, count));
    return result;
  });
  if (read.ok) return read.value;
  if (read.failure.code === 'ResourceGroupNotFound') return [];
  throw unanswered(`resource group ${resourceGroup} cannot be listed`, read.failure);
}
