import type { GenericResourceExpanded } from '@azure/arm-resources';
import { waves } from '#domain/plan/resources.ts';
import type { AnyPlan } from '#domain/managed/types.ts';
import type { PlanBasis, PlannedResource } from '#domain/plan/types.ts';
import { managedSteps, provisionSteps } from '#domain/steps.ts';
import { call } from '../clients/capture.ts';
import type { Clients, Connection } from '../clients/clients.ts';
import { collect } from '../clients/collect.ts';
import { found } from '../halt.ts';
import { kinds } from '../kinds.ts';
import { parseArmId } from '../resource/arm-id.ts';
import { isOurs } from '../resource/ownership.ts';
import { hasRoom } from '../resource/room.ts';
import type { ResourceOutputs } from '../types.ts';

/** What is there already. */
export interface Existing {
  /** Planned resources that exist, by key, with the fields that an apply would change. */
  readonly found: ReadonlyMap<string, readonly string[]>;
  /** Owned resources whose name is used by something that is not ours. */
  readonly foreign: readonly PlannedResource[];
  /** Resources that the cluster would share with others, and that have no room for it. */
  readonly full: readonly PlannedResource[];
  /** Sizes of machines of this cluster. */
  readonly machineSizes: readonly string[];
}

type Listed = ReadonlyMap<string, GenericResourceExpanded>;

async function listGroup(clients: Clients, group: string): Promise<readonly GenericResourceExpanded[]> {
  const { resources } = await clients.resources();
  const listed = await call(() => collect(resources.listByResourceGroup(group)));
  return found(listed, group, 'list the resources of the group') ?? [];
}

async function machineSizes(clients: Clients, plan: PlanBasis, listed: Listed): Promise<readonly string[]> {
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

/** Whether a resource has to be read at all: the list of its group shows what has tags, and the parents of the rest. */
function mayExist(plan: PlanBasis, { id, kind, owned }: PlannedResource, listed: Listed): boolean {
  if (!owned || listed.has(id.toLowerCase())) return true;
  if (kind === 'roleAssignment') return listed.has(plan.identity.id.toLowerCase());
  const { scope, names, type } = parseArmId(id);
  if (names.length < 2) return false;
  const [namespace = '', outermost = ''] = type.split('/');
  return listed.has(`${scope}/providers/${namespace}/${outermost}/${names[0] ?? ''}`.toLowerCase());
}

/**
 * Compares the plan with what is there: one list per resource group, then one read of each resource that exists, in the
 * order of their needs, by the code that an apply runs.
 */
export async function readExisting(connection: Connection, plan: AnyPlan): Promise<Existing> {
  const clients = connection.clients(plan.azure.subscriptionId);
  const owned = plan.resources.filter((resource) => resource.owned);
  const groups = [...new Set(owned.map((resource) => resource.resourceGroup))];
  const entries: GenericResourceExpanded[] = [];
  for (const group of groups) entries.push(...(await listGroup(clients, group)));
  const listed: Listed = new Map(entries.map((entry) => [(entry.id ?? '').toLowerCase(), entry]));
  const found = new Map<string, readonly string[]>();
  const outputs: Record<string, ResourceOutputs> = {};
  const foreign: PlannedResource[] = [];
  const full: PlannedResource[] = [];
  for (const resource of inOrder(plan)) {
    if (!mayExist(plan, resource, listed)) continue;
    const kind = kinds[resource.kind];
    const compared = await kind.compare(connection, { plan, resource, outputs });
    if (!compared.exists) continue;
    found.set(resource.key, compared.differs);
    outputs[resource.key] = compared.outputs;
    if (resource.owned && !isOurs(kind.ownership, compared.tags, plan.name)) foreign.push(resource);
    if (resource.owned && kind.ownership === 'shared' && !hasRoom(compared.tags, plan.name)) full.push(resource);
  }
  return { found, foreign, full, machineSizes: await machineSizes(clients, plan, listed) };
}

/** Resources after what they need, whose outputs they are compared with. */
function inOrder(plan: AnyPlan): readonly PlannedResource[] {
  const byKey = new Map(plan.resources.map((resource) => [resource.key, resource]));
  const steps = plan.managed === undefined ? provisionSteps : managedSteps('provision');
  const keys = steps.flatMap(({ id }) => waves(plan.resources, id).flat());
  return keys.flatMap((key) => byKey.get(key) ?? []);
}
