import type { ClusterPlan, ResourceKind } from '../plan/types.ts';
import type { Finding } from './types.ts';

/** One resource of the cluster's group that bears its mark. */
export interface FoundInAzure {
  readonly id: string;
  readonly kind: ResourceKind | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

/** Kinds that Capstan makes once and that stay as long as the cluster; machines come and go. */
const lasting: ReadonlySet<ResourceKind> = new Set([
  'virtualNetwork',
  'networkSecurityGroup',
  'routeTable',
  'publicIPAddress',
  'natGateway',
  'loadBalancer',
  'userAssignedIdentity',
]);

/** Resources of one machine: they go with it. */
const ofMachine: ReadonlySet<ResourceKind> = new Set(['virtualMachine', 'networkInterface', 'disk']);

/**
 * Compares what Azure has with the plan and with the cluster's machines.
 *
 * @param machines names of the cluster's AzureMachines; undefined while the API server does not answer
 */
export function compareAzure(
  plan: ClusterPlan,
  found: readonly FoundInAzure[],
  machines: readonly string[] | undefined,
): readonly Finding[] {
  const ids = new Set(found.map(({ id }) => id.toLowerCase()));
  const missing = plan.resources
    .filter(({ kind, owned, id }) => owned && lasting.has(kind) && !ids.has(id.toLowerCase()))
    .map(
      ({ kind, name, id }): Finding => ({
        kind: 'missing',
        where: id,
        sentence: `${kind} ${name} is gone, or somebody took its tags away`,
        repairable: true,
      }),
    );
  // Role assignments have no tags.
  const untagged = found.flatMap(({ id, kind, tags }): Finding[] => {
    if (kind === 'roleAssignment') return [];
    const wrong = Object.entries(plan.tags).filter(([key, value]) => tags[key] !== value);
    return wrong.length === 0
      ? []
      : [
          {
            kind: 'drift',
            where: `${id} tags`,
            sentence: `${nameOf(id)}: tag ${wrong.map(([key]) => key).join(', ')} is not what the document says`,
            repairable: true,
          },
        ];
  });
  return [...missing, ...untagged, ...(machines === undefined ? [] : machineFindings(plan, found, machines))];
}

function machineFindings(plan: ClusterPlan, found: readonly FoundInAzure[], machines: readonly string[]): Finding[] {
  const known = new Set(machines.map((name) => name.toLowerCase()));
  const parts = found.filter(({ kind }) => kind !== undefined && ofMachine.has(kind));
  const orphans = parts
    .filter(({ id }) => !known.has(machineOf(id)))
    .map(
      ({ id, kind }): Finding => ({
        kind: 'orphaned',
        where: id,
        sentence: `${kind ?? 'resource'} ${nameOf(id)} belongs to no machine of cluster ${plan.name}`,
        repairable: false,
      }),
    );
  const running = new Set(parts.filter(({ kind }) => kind === 'virtualMachine').map(({ id }) => machineOf(id)));
  const lost = machines
    .filter((name) => !running.has(name.toLowerCase()))
    .map(
      (name): Finding => ({
        kind: 'missing',
        where: `AzureMachine ${name}`,
        sentence: `the virtual machine of ${name} is not there; the cluster's health check replaces the machine`,
        repairable: false,
      }),
    );
  return [...orphans, ...lost];
}

/** `…/demo-general-1-x_OSDisk` and `…/demo-general-1-x-nic` belong to machine `demo-general-1-x`. */
function machineOf(id: string): string {
  return nameOf(id).toLowerCase().replace(/_.*$/, '').replace(/-nic$/, '');
}

function nameOf(id: string): string {
  return id.split('/').at(-1) ?? id;
}
