import { type CriticalPath, longestChain } from '../plan/estimate.ts';
import { waves } from '../plan/resources.ts';
import type { RunShape } from '../plan/shape.ts';
import { managedSteps, type StepDefinition, type StepId } from '../steps.ts';
import type { ManagedPlan } from './types.ts';

/**
 * What the plan of an AKS cluster means to the orchestrators. Control plane before pools, what is new before what goes.
 *
 * @param removals keys of the pools that the plan no longer has
 */
export function managedShape(plan: ManagedPlan, removals: readonly string[]): RunShape {
  const { addOns } = plan.spec;
  const layers = [...new Set(addOns.map((addOn) => addOn.layer))].sort((a, b) => a - b);
  const stages = managedSteps('update')
    .map(({ id }) => id)
    .filter((id) => id !== 'preflight' && (id !== 'poolRemovals' || removals.length > 0));
  return {
    waves: Object.fromEntries(managedSteps('update').map(({ id }) => [id, waves(plan.resources, id)])),
    copyImage: false,
    pools: [],
    addOnLayers: layers.map((layer) => addOns.filter((addOn) => addOn.layer === layer).map((addOn) => addOn.name)),
    stages: stages.map((id) => [id]),
    ...(removals.length === 0 ? {} : { removals }),
  };
}

/** Azure seconds of a step beyond its resources. */
const extraSeconds: Readonly<Partial<Record<StepId, number>>> = { preflight: 10, identity: 60, addOns: 60, finish: 2 };

/** Azure seconds that a step of an AKS cluster takes; pools of a new cluster are made with it. */
export function managedStepSeconds(plan: ManagedPlan, step: StepId, changed?: ReadonlySet<string>): number {
  if (step === 'addOns' && plan.spec.addOns.length === 0) return 0;
  return stepPath(plan, step, changed).seconds + (extraSeconds[step] ?? 0);
}

/** The steps of an AKS cluster come one after the other, so the longest chain goes through all of them. */
export function managedPath(plan: ManagedPlan, changed?: ReadonlySet<string>): CriticalPath {
  const steps: readonly StepDefinition[] = managedSteps('provision');
  return {
    seconds: steps.reduce((sum, { id }) => sum + managedStepSeconds(plan, id, changed), 0),
    resources: steps.flatMap(({ id }) => stepPath(plan, id, changed).resources),
  };
}

/**
 * @param changed keys of the resources that are created or changed; absent: all of a new cluster, whose pools are made
 *   with it
 */
function stepPath(plan: ManagedPlan, step: StepId, changed: ReadonlySet<string> | undefined): CriticalPath {
  const counts = (key: string) => (changed === undefined ? step !== 'nodePools' : changed.has(key));
  return longestChain(plan.resources.filter((resource) => resource.step === step && counts(resource.key)));
}

/** Whether Capstan can reach the API server with a static administrator. */
export function isReachable({ spec }: ManagedPlan): boolean {
  return spec.network.api.exposure === 'public' && !spec.managedControlPlane.disableLocalAccounts;
}

/** The sentence of a finished step whose work has none of its own. */
export function managedSummary({ managed, identity, spec }: ManagedPlan, step: StepId): string | undefined {
  if (step === 'network') {
    const { virtualNetwork, subnet, placement } = managed.network;
    return `${virtualNetwork.name} ${virtualNetwork.cidrs.join(', ')}${placement === 'static' ? ' (your own)' : ''} · ${subnet.name}`;
  }
  if (step === 'identity') return [identity.name, identity.owned ? 'Network Contributor' : 'your own'].join(' · ');
  if (step === 'managedCluster') return `AKS ${spec.managedControlPlane.sku} · Kubernetes ${managed.kubernetesVersion}`;
  return undefined;
}
