import type { GenericResourceExpanded } from '@azure/arm-resources';
import type { ClusterPlan, PlannedResource } from '#domain/plan/types.ts';
import { call } from '../clients/capture.ts';
import type { Clients } from '../clients/clients.ts';
import { collect } from '../clients/collect.ts';
import { found } from '../halt.ts';
import { kinds } from '../kinds.ts';
import { parseArmId } from '../resource/arm-id.ts';
import { isOurs } from '../resource/ownership.ts';
import { roleAssignmentId } from '../roleAssignment/spec.ts';

/** What is there already. */
export interface Existing {
  /** Keys of planned resources that exist. */
  readonly keys: ReadonlySet<string>;
  /** Owned resources whose name is used by something that is not ours. */
  readonly foreign: readonly PlannedResource[];
  /** Sizes of machines of this cluster. */
  readonly machineSizes: readonly string[];
}

type Listed = ReadonlyMap<string, GenericResourceExpanded>;

async function listGroup(clients: Clients, group: string): Promise<readonly GenericResourceExpanded[]> {
  const { resources } = await clients.resources();
  const listed = await call(() => collect(resources.listByResourceGroup(group)));
  return found(listed, group, 'list the resources of the group') ?? [];
}

/** Resources without tags of their own are not part of the list of a group: asked for one by one, when their parent exists. */
async function childExists(
  clients: Clients,
  plan: ClusterPlan,
  resource: PlannedResource,
  listed: Listed,
): Promise<boolean> {
  if (resource.kind === 'blobContainer') {
    const { account, container } = plan.storage;
    if (!listed.has(account.id.toLowerCase())) return false;
    const { blobContainers } = await clients.storage();
    const read = await call(() => blobContainers.get(account.resourceGroup, account.name, container.name));
    return found(read, resource.id, 'read the blob container') !== undefined;
  }
  if (resource.kind === 'inboundNatRule') {
    const balancer = plan.network.api.loadBalancer;
    const parent = resource.id.slice(0, resource.id.toLowerCase().indexOf('/inboundnatrules/'));
    if (!listed.has(parent.toLowerCase())) return false;
    const { inboundNatRules } = await clients.network();
    const read = await call(() => inboundNatRules.get(resource.resourceGroup, balancer, resource.name));
    return found(read, resource.id, 'read the inbound NAT rule') !== undefined;
  }
  if (resource.kind === 'privateDnsZoneGroup') {
    const { names } = parseArmId(resource.id);
    const parent = resource.id.slice(0, resource.id.toLowerCase().indexOf('/privatednszonegroups/'));
    if (!listed.has(parent.toLowerCase())) return false;
    const { privateDnsZoneGroups } = await clients.network();
    const read = await call(() => privateDnsZoneGroups.get(resource.resourceGroup, names[0] ?? '', resource.name));
    return found(read, resource.id, 'read the record of the private endpoint') !== undefined;
  }
  if (resource.kind === 'roleAssignment') return assignmentExists(clients, plan, resource, listed);
  return false;
}

/** The name of an assignment holds its principal, which is known only when the identity exists. */
async function assignmentExists(
  clients: Clients,
  plan: ClusterPlan,
  resource: PlannedResource,
  listed: Listed,
): Promise<boolean> {
  if (!listed.has(plan.identity.id.toLowerCase())) return false;
  const { userAssignedIdentities } = await clients.identities();
  const identity = await call(() => userAssignedIdentities.get(plan.identity.resourceGroup, plan.identity.name));
  const principalId = found(identity, plan.identity.id, 'read the identity')?.principalId;
  if (principalId === undefined) return false;
  const id = roleAssignmentId({ resource, outputs: { identity: { principalId } } });
  if (typeof id !== 'string') return false;
  const { scope, names } = parseArmId(id);
  const { roleAssignments } = await clients.authorization();
  const read = await call(() => roleAssignments.get(scope.slice(1), names[0] ?? ''));
  return found(read, id, 'read the role assignment') !== undefined;
}

async function machineSizes(clients: Clients, plan: ClusterPlan, listed: Listed): Promise<readonly string[]> {
  const any = [...listed.values()].some(
    (entry) =>
      entry.type?.toLowerCase() === 'microsoft.compute/virtualmachines' && isOurs('cluster', entry.tags, plan.name),
  );
  if (!any) return [];
  const { virtualMachines } = await clients.compute();
  const machines = await call(() => collect(virtualMachines.list(plan.azure.resourceGroup)));
  return (found(machines, plan.azure.resourceGroup, 'list the machines') ?? [])
    .filter((machine) => isOurs('cluster', machine.tags, plan.name))
    .map((machine) => machine.hardwareProfile?.vmSize ?? '');
}

/** Compares the plan with what is there: one list per resource group instead of one read per resource. */
export async function readExisting(clients: Clients, plan: ClusterPlan): Promise<Existing> {
  const groups = [...new Set(plan.resources.map((resource) => resource.resourceGroup))];
  const entries: GenericResourceExpanded[] = [];
  for (const group of groups) entries.push(...(await listGroup(clients, group)));
  const listed: Listed = new Map(entries.map((entry) => [(entry.id ?? '').toLowerCase(), entry]));
  const keys = new Set<string>();
  const foreign: PlannedResource[] = [];
  for (const resource of plan.resources) {
    const entry = listed.get(resource.id.toLowerCase());
    if (entry === undefined && !(await childExists(clients, plan, resource, listed))) continue;
    keys.add(resource.key);
    const ours = isOurs(kinds[resource.kind].ownership, entry?.tags, plan.name);
    if (resource.owned && !ours) foreign.push(resource);
  }
  return { keys, foreign, machineSizes: await machineSizes(clients, plan, listed) };
}
