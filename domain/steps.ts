import type { OperationKind } from './record.ts';

/** One step of an operation, as people see it. The plan view, the progress bar and the run read the same list. */
export interface StepDefinition {
  readonly id: StepId;
  readonly title: string;
  readonly needs: readonly StepId[];
  /** Azure seconds after which a silent step is given up. */
  readonly boundSeconds: number;
}

export type StepId =
  | 'preflight'
  | 'network'
  | 'identity'
  | 'image'
  | 'keys'
  | 'controlPlane'
  | 'agent'
  | 'pivot'
  | 'controlPlaneScale'
  | 'workerPools'
  | 'addOns'
  | 'finish'
  | 'tags'
  | 'clusterSettings'
  | 'removals'
  | 'stopControllers'
  | 'deleteResources'
  | 'deleteSecrets'
  | 'managedCluster'
  | 'nodePools'
  | 'poolRemovals';

/** The order of operations of a self-managed cluster (architecture.md §1). */
export const provisionSteps: readonly StepDefinition[] = [
  // A hundred clusters at once make some 45,000 calls to Azure Resource Manager, which lets 25 reads a second through.
  { id: 'preflight', title: 'Preflight', needs: [], boundSeconds: 3600 },
  { id: 'network', title: 'Network', needs: ['preflight'], boundSeconds: 1800 },
  { id: 'identity', title: 'Identity', needs: ['preflight'], boundSeconds: 1800 },
  { id: 'image', title: 'Base image', needs: ['preflight'], boundSeconds: 5400 },
  { id: 'keys', title: 'Keys', needs: ['preflight'], boundSeconds: 900 },
  { id: 'controlPlane', title: 'Control plane', needs: ['network', 'identity', 'image', 'keys'], boundSeconds: 2400 },
  { id: 'agent', title: 'Agent', needs: ['controlPlane'], boundSeconds: 2400 },
  { id: 'pivot', title: 'Pivot', needs: ['agent'], boundSeconds: 1800 },
  { id: 'controlPlaneScale', title: 'Control plane scale-out', needs: ['pivot'], boundSeconds: 3600 },
  { id: 'workerPools', title: 'Worker pools', needs: ['pivot'], boundSeconds: 3600 },
  { id: 'addOns', title: 'Add-ons', needs: ['pivot'], boundSeconds: 3600 },
  { id: 'finish', title: 'Finish', needs: ['controlPlaneScale', 'workerPools', 'addOns'], boundSeconds: 600 },
];

const continued: Readonly<Partial<Record<StepId, readonly StepDefinition[]>>> = {
  controlPlaneScale: [
    { id: 'clusterSettings', title: 'Cluster settings', needs: ['pivot'], boundSeconds: 900 },
    { id: 'tags', title: 'Azure tags', needs: ['clusterSettings'], boundSeconds: 1800 },
  ],
  finish: [
    { id: 'removals', title: 'Removals', needs: ['controlPlaneScale', 'workerPools', 'addOns'], boundSeconds: 7200 },
  ],
};

/**
 * A provision that is continued with another document: what was handed over already follows the former one, so the steps
 * of a change come in between.
 */
const continuedSteps: readonly StepDefinition[] = provisionSteps.flatMap((step) => [
  ...(continued[step.id] ?? []),
  step.id === 'finish'
    ? { ...step, needs: ['removals'] as const }
    : step.needs.includes('pivot')
      ? { ...step, needs: ['tags'] as const }
      : step,
]);

/**
 * The order of a change of a running cluster: the control plane before the pools, what is new before what goes. Only the
 * steps that a change needs run; the others are skipped. The machines themselves are replaced by the cluster's own
 * controllers.
 */
export const updateSteps: readonly StepDefinition[] = [
  { id: 'preflight', title: 'Preflight', needs: [], boundSeconds: 900 },
  { id: 'network', title: 'Network', needs: ['preflight'], boundSeconds: 1800 },
  { id: 'image', title: 'Base image', needs: ['preflight'], boundSeconds: 5400 },
  { id: 'clusterSettings', title: 'Cluster settings', needs: ['network', 'image'], boundSeconds: 900 },
  // After the settings: what the controllers make meanwhile follows them already.
  { id: 'tags', title: 'Azure tags', needs: ['clusterSettings'], boundSeconds: 1800 },
  { id: 'controlPlaneScale', title: 'Control plane', needs: ['tags'], boundSeconds: 10_800 },
  { id: 'workerPools', title: 'Worker pools', needs: ['controlPlaneScale'], boundSeconds: 43_200 },
  { id: 'addOns', title: 'Add-ons', needs: ['workerPools'], boundSeconds: 3600 },
  { id: 'removals', title: 'Removals', needs: ['workerPools', 'addOns'], boundSeconds: 7200 },
  { id: 'finish', title: 'Finish', needs: ['removals'], boundSeconds: 600 },
];

/** The order of a deletion: nothing of it needs the cluster's API. */
const deletionSteps: readonly StepDefinition[] = [
  { id: 'stopControllers', title: 'Stop the controllers', needs: [], boundSeconds: 300 },
  { id: 'deleteResources', title: 'Azure resources', needs: ['stopControllers'], boundSeconds: 7200 },
  { id: 'deleteSecrets', title: 'Keys', needs: ['deleteResources'], boundSeconds: 900 },
  { id: 'finish', title: 'Finish', needs: ['deleteSecrets'], boundSeconds: 600 },
];

const poolRemovals: StepDefinition = {
  id: 'poolRemovals',
  title: 'Removals',
  needs: ['addOns'],
  boundSeconds: 7200,
};

/** What goes is looked at last, by changes of a running cluster only. */
const managedOrder: readonly StepDefinition[] = [
  { id: 'preflight', title: 'Preflight', needs: [], boundSeconds: 900 },
  { id: 'network', title: 'Network', needs: ['preflight'], boundSeconds: 1800 },
  { id: 'identity', title: 'Identity', needs: ['network'], boundSeconds: 1800 },
  { id: 'managedCluster', title: 'AKS cluster', needs: ['identity'], boundSeconds: 7200 },
  { id: 'nodePools', title: 'Node pools', needs: ['managedCluster'], boundSeconds: 43_200 },
  { id: 'addOns', title: 'Add-ons', needs: ['nodePools'], boundSeconds: 3600 },
  { id: 'finish', title: 'Finish', needs: ['addOns'], boundSeconds: 600 },
];

const managedDeletion: readonly StepDefinition[] = [
  { id: 'deleteResources', title: 'Azure resources', needs: [], boundSeconds: 7200 },
  { id: 'finish', title: 'Finish', needs: ['deleteResources'], boundSeconds: 600 },
];

/** The steps of an operation on an AKS cluster: Azure does the work, one thing after the other. */
export function managedSteps(kind: OperationKind): readonly StepDefinition[] {
  if (kind === 'delete') return managedDeletion;
  if (kind === 'provision') return managedOrder;
  return managedOrder.flatMap((step) =>
    step.id === 'finish' ? [poolRemovals, { ...step, needs: ['poolRemovals'] }] : [step],
  );
}

/**
 * The steps of an operation.
 *
 * @param generation of the cluster's document: beyond the first, a provision continues with another document
 */
export function stepsOf(kind: OperationKind, generation = 1): readonly StepDefinition[] {
  switch (kind) {
    case 'provision':
      return generation > 1 ? continuedSteps : provisionSteps;
    case 'delete':
      return deletionSteps;
    case 'update':
    case 'renew':
    case 'repair':
      return updateSteps;
    default:
      return kind satisfies never;
  }
}

/** Title and bound of a step, in the kind of operation it belongs to. */
export function stepDefinition(id: StepId, kind?: OperationKind): StepDefinition {
  const lists = [
    ...(kind === undefined ? [] : stepsOf(kind)),
    ...provisionSteps,
    ...updateSteps,
    ...deletionSteps,
    ...managedOrder,
    poolRemovals,
  ];
  const found = lists.find((step) => step.id === id);
  if (found === undefined) throw new Error(`there is no step ${id}`);
  return found;
}
