import { type Config, readConfig } from '#config/config.ts';
import type { Azure } from '#azure/types.ts';
import { openAzure } from '#config/azure.ts';
import type { AnyPlan, ManagedDocument, ManagedPlan } from '#domain/managed/types.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import type { ClusterHead, ClusterRef } from '#domain/record.ts';
import type { ClusterDocument } from '#domain/spec/types.ts';
import { createStore, type Store } from '#store/store.ts';

/** What activities work with; opened once per process. */
export interface ActivityRuntime {
  readonly config: Config;
  readonly store: Store;
  azure(): Promise<Azure>;
}

let opened: ActivityRuntime | undefined;

/** The runtime of this process. */
export function runtime(): ActivityRuntime {
  opened ??= openRuntime(readConfig(process.env));
  return opened;
}

function openRuntime(config: Config): ActivityRuntime {
  const store = createStore(config.storage);
  let azure: Promise<Azure> | undefined;
  return {
    config,
    store,
    azure: async () => (azure ??= openAzure(config)),
  };
}

/** One call of an activity: the runtime and the operation it works for. */
export interface Work extends ActivityRuntime {
  readonly ref: ClusterRef;
  readonly head: ClusterHead;
  document(): Promise<ClusterDocument>;
  /** The plan that the head names. Throws when preflight has not made one yet. */
  plan(): Promise<ClusterPlan>;
  /** The same, of a cluster of either kind. */
  anyPlan(): Promise<AnyPlan>;
  /** Document and plan of an AKS cluster. */
  managedDocument(): Promise<ManagedDocument>;
  managedPlan(): Promise<ManagedPlan>;
}

const plans = new Map<string, Promise<unknown>>();
const rememberedDocuments = 64;

/** Immutable documents are read once per process. */
function remembered<Value>(store: Store, sha: string): Promise<Value> {
  let pending = plans.get(sha);
  if (pending === undefined) {
    pending = store.documents.getContent(sha);
    pending.catch(() => plans.delete(sha));
    if (plans.size >= rememberedDocuments) plans.delete(plans.keys().next().value ?? '');
    plans.set(sha, pending);
  }
  return pending as Promise<Value>;
}

/** Binds the runtime to one operation. */
export function workOf(base: ActivityRuntime, ref: ClusterRef, head: ClusterHead): Work {
  const read = async <Plan extends AnyPlan>(): Promise<Plan> => {
    if (head.planSha === undefined) throw new Error(`cluster ${head.name} has no plan yet`);
    return remembered<Plan>(base.store, head.planSha);
  };
  const isManaged = head.kind === 'ManagedCluster';
  const only = (managed: boolean): void => {
    if (managed !== isManaged) throw new Error(`cluster ${head.name} is of the other kind`);
  };
  return {
    ...base,
    ref,
    head,
    async document() {
      only(false);
      return remembered<ClusterDocument>(base.store, head.documentSha);
    },
    async plan() {
      only(false);
      return read<ClusterPlan>();
    },
    anyPlan: async () => read<AnyPlan>(),
    async managedDocument() {
      only(true);
      return remembered<ManagedDocument>(base.store, head.documentSha);
    },
    async managedPlan() {
      only(true);
      return read<ManagedPlan>();
    },
  };
}
