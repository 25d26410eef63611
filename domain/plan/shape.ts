import type { OperationKind } from '../record.ts';
import { provisionSteps, type StepId } from '../steps.ts';
import { waves } from './resources.ts';
import type { ClusterPlan } from './types.ts';

/** What the plan means to the orchestrators: order and names only, small enough for history. */
export interface RunShape {
  /** Keys of the Azure resources per step, in waves. */
  readonly waves: Readonly<Partial<Record<StepId, readonly (readonly string[])[]>>>;
  /** The base image has to be copied. */
  readonly copyImage: boolean;
  /** The copied VHD is written into a disk, which the image is made from. */
  readonly uploadDisk?: true;
  /** The storage account lets in the cluster's network only, which must be there first. */
  readonly imageAfterNetwork?: true;
  readonly pools: readonly string[];
  /** Names of add-ons, layer by layer. */
  readonly addOnLayers: readonly (readonly string[])[];
  /** Of a change of a running cluster: which steps, in which order. */
  readonly stages?: readonly (readonly StepId[])[];
  /** The provision is continued with another document than it began with, before or after the cluster took over. */
  readonly continued?: 'beforeHandOver' | 'handedOver';
  readonly operation?: OperationKind;
  /** Of an AKS cluster: keys of the pools that go. */
  readonly removals?: readonly string[];
}

/** Order and names of what the plan holds, small enough for history. */
export function shapeOf(plan: ClusterPlan): RunShape {
  const layers = [...new Set(plan.addOns.map((addOn) => addOn.layer))].sort((a, b) => a - b);
  return {
    waves: Object.fromEntries(
      provisionSteps.map(({ id }) => [id, waves(plan.resources, id)]).filter(([, list]) => list?.length !== 0),
    ),
    copyImage: plan.image.sourceUrl !== undefined,
    ...(plan.storage.network === undefined || !plan.resources.some(({ kind }) => kind === 'storageAccount')
      ? {}
      : { imageAfterNetwork: true as const }),
    ...(plan.image.disk === undefined ? {} : { uploadDisk: true as const }),
    pools: plan.pools.map((pool) => pool.name),
    addOnLayers: layers.map((layer) => plan.addOns.filter((addOn) => addOn.layer === layer).map((addOn) => addOn.name)),
  };
}
