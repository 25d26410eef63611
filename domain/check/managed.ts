import type { ManagedPlan } from '../managed/types.ts';
import type { Finding } from './types.ts';

/** How something in AKS says that it is. */
interface ManagedState {
  /** Succeeded, Failed, Updating, … */
  readonly provisioning: string;
  /** Running or Stopped. */
  readonly power: string;
}

/** An AKS cluster as it was read from Azure. */
export interface ManagedObservation {
  /** Planned resources that are there, by key, with the fields that an apply would change. */
  readonly resources: Readonly<Record<string, readonly string[]>>;
  /** Absent: there is no such cluster. */
  readonly state?: ManagedState;
  readonly pools: readonly (ManagedState & { readonly name: string })[];
}

/** Compares an AKS cluster with its plan. What AKS is doing at this moment is no finding. Pure. */
export function compareManaged(plan: ManagedPlan, seen: ManagedObservation): readonly Finding[] {
  const wanted = new Set(plan.managed.pools.map(({ name }) => name));
  return [
    ...plan.resources.flatMap((resource) => {
      const differs = seen.resources[resource.key];
      // Pools go with their cluster: one sentence is enough.
      if (resource.kind === 'agentPool' && seen.state === undefined) return [];
      return resourceFinding(resource, differs);
    }),
    ...seen.pools
      .filter(({ name }) => !wanted.has(name))
      .map(
        ({ name }): Finding => ({
          kind: 'foreign',
          where: `pool ${name}`,
          sentence: `pool ${name} is not in the document; it is left alone (az aks nodepool delete removes it)`,
          repairable: false,
        }),
      ),
    ...(seen.state === undefined ? [] : stateFindings(`AKS cluster ${plan.name}`, seen.state)),
    ...seen.pools.flatMap((pool) => stateFindings(`pool ${pool.name}`, pool)),
  ];
}

function resourceFinding(
  { kind, name, id, owned }: ManagedPlan['resources'][number],
  differs: readonly string[] | undefined,
): readonly Finding[] {
  if (differs === undefined)
    return [
      {
        kind: 'missing',
        where: id,
        sentence: owned
          ? `${kind} ${name} is gone, or somebody took its tags away`
          : `${kind} ${name}, which is yours, is gone`,
        repairable: owned,
      },
    ];
  if (differs.length === 0) return [];
  const sentence = `${kind} ${name}: ${differs.join(', ')} ${differs.length === 1 ? 'is' : 'are'} not what the document says`;
  return [{ kind: 'drift', where: `${id} ${differs.join(',')}`, sentence, repairable: true }];
}

function stateFindings(what: string, { provisioning, power }: ManagedState): readonly Finding[] {
  const finding = (kind: Finding['kind'], sentence: string, repairable: boolean): Finding => ({
    kind,
    where: what,
    sentence,
    repairable,
  });
  return [
    ...(provisioning === 'Failed'
      ? [finding('unhealthy', `${what}: its last operation failed; AKS lets it be tried again`, true)]
      : []),
    ...(power === 'Stopped'
      ? [finding('paused', `${what} is stopped: nothing runs, and nothing heals (az aks start)`, false)]
      : []),
  ];
}
