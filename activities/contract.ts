import type { CapstanError } from '#domain/errors/error.ts';
import type { Outcome } from '#domain/outcome.ts';
import type { FullError } from '#domain/plan/shares.ts';
import type { RunShape } from '#domain/plan/shape.ts';
import type { ClusterRef } from '#domain/record.ts';
import type { StepId } from '#domain/steps.ts';

/** Input of every activity: which operation it works for, and under which step it reports. */
export interface ActivityInput {
  readonly ref: ClusterRef;
  readonly step: StepId;
  /** What the previous call of the same loop returned with `wait`. */
  readonly state?: Readonly<Record<string, unknown>>;
}

/** One row per activity: name → input and value. Orchestrators know activities only by this table. */
export interface Activities {
  /** Marks a step running, done, failed or skipped, with the sentence people read. */
  reportStep: {
    input: ActivityInput & {
      readonly report: {
        readonly state: 'running' | 'done' | 'failed' | 'skipped';
        readonly sentence?: string;
        readonly error?: CapstanError;
      };
    };
    value: Record<string, never>;
  };
  /** Reads Azure, plans, checks; writes nothing in Azure. */
  runPreflight: { input: ActivityInput; value: RunShape };
  /** The stored plan's shape again, for operations that need no preflight. */
  ensureResource: { input: ActivityInput & { readonly key: string }; value: { readonly action: string } };
  /** Plans the next account, image or copy when one is full; gives the inventory keys of what is to be left. */
  takeNextShare: {
    input: ActivityInput & { readonly full: FullError };
    value: { readonly taken: boolean; readonly keys: readonly string[] };
  };
  createKeys: { input: ActivityInput; value: Record<string, never> };
  planImageCopy: { input: ActivityInput; value: { readonly slices: number; readonly bytes: number } };
  copyImageSlice: { input: ActivityInput & { readonly slice: number }; value: { readonly bytes: number } };
  /** Writes the copy into the disk of the image. */
  uploadImageDisk: { input: ActivityInput; value: Record<string, never> };
  abortImageCopy: { input: ActivityInput; value: Record<string, never> };
  finishImageCopy: { input: ActivityInput; value: Record<string, never> };
  /** `replace`: the machine did not come up, and a fresh one is worth a try. */
  waitForApi: { input: ActivityInput; value: { readonly replace?: true } };
  /** Deletes a first machine that did not come up, with its disks. */
  clearFirstMachine: { input: ActivityInput; value: Record<string, never> };
  installAgent: { input: ActivityInput; value: Record<string, never> };
  pivotCluster: { input: ActivityInput; value: Record<string, never> };
  scaleControlPlane: { input: ActivityInput; value: Record<string, never> };
  ensureWorkerPool: { input: ActivityInput & { readonly pool: string }; value: { readonly nodes: number } };
  ensureAddOn: { input: ActivityInput & { readonly addOn: string }; value: Record<string, never> };
  /** Plans the changed document, checks what it needs of Azure, and says which steps it takes. */
  planUpdate: { input: ActivityInput; value: RunShape };
  /** Writes changed tags onto the cluster's existing Azure resources. */
  applyTags: { input: ActivityInput; value: { readonly changed: number } };
  /** Puts what new machines inherit into the AzureCluster. */
  applySettings: { input: ActivityInput; value: Record<string, never> };
  /** Removes pools, zones and add-ons that the document no longer has; gives the keys of Azure resources that go too. */
  removeObsolete: { input: ActivityInput; value: { readonly keys: readonly string[] } };
  /** Looks at the nodes of an AKS cluster, where its API server can be reached. */
  observeNodePools: { input: ActivityInput; value: Record<string, never> };
  /** A bounded attempt to keep the cluster's controllers from making again what is deleted. */
  stopControllers: { input: ActivityInput; value: Record<string, never> };
  /** What is left to delete, in waves of inventory keys. */
  planDeletion: { input: ActivityInput; value: { readonly waves: readonly (readonly string[])[] } };
  removeResource: { input: ActivityInput & { readonly key: string }; value: { readonly action: string } };
  deleteSecrets: { input: ActivityInput; value: Record<string, never> };
  /** Ends the operation: phase, endpoints, event. */
  finishOperation: {
    input: ActivityInput & { readonly error?: CapstanError; readonly cancelled?: boolean };
    value: Record<string, never>;
  };
}

export type ActivityName = keyof Activities;

/** What an activity returns. */
export type ActivityOutcome<Name extends ActivityName> = Outcome<Activities[Name]['value']>;
