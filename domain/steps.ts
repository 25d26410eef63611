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
  | 'stopControllers'
  | 'deleteResources'
  | 'deleteSecrets';

/** The order of operations of a self-managed cluster (architecture.md §1). */
export const provisionSteps: readonly StepDefinition[] = [
  { id: 'preflight', title: 'Preflight', needs: [], boundSeconds: 900 },
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

/** The order of a deletion: nothing of it needs the cluster's API. */
const deletionSteps: readonly StepDefinition[] = [
  { id: 'stopControllers', title: 'Stop the controllers', needs: [], boundSeconds: 300 },
  { id: 'deleteResources', title: 'Azure resources', needs: ['stopControllers'], boundSeconds: 7200 },
  { id: 'deleteSecrets', title: 'Keys', needs: ['deleteResources'], boundSeconds: 900 },
  { id: 'finish', title: 'Finish', needs: ['deleteSecrets'], boundSeconds: 600 },
];

/** The steps of an operation. */
export function stepsOf(kind: 'provision' | 'update' | 'delete'): readonly StepDefinition[] {
  return kind === 'delete' ? deletionSteps : provisionSteps;
}

/** Title and bound of any step. */
export function stepDefinition(id: StepId): StepDefinition {
  const found = [...provisionSteps, ...deletionSteps].find((step) => step.id === id);
  if (found === undefined) throw new Error(`there is no step ${id}`);
  return found;
}
