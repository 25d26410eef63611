import type { Config } from '#config/config.ts';
import type { Store } from '#store/store.ts';
import type { ClusterHead, OperationKind } from '#domain/record.ts';

/** What Durable is asked for. Implemented over the durable client in `functions/`. */
export interface OrchestrationStarter {
  /** Starts an instance; when one with this id is running already, nothing happens. */
  start(orchestrator: string, instanceId: string, input: object): Promise<void>;
  /** Runtime status of an instance, or undefined when there is none. */
  status(instanceId: string): Promise<string | undefined>;
}

export interface ServiceDependencies {
  readonly config: Config;
  readonly store: Store;
  readonly starter: OrchestrationStarter;
}

/** Orchestrator of the operation that a head names. */
export function orchestratorOf({ kind, operation }: ClusterHead): string {
  if (kind === undefined) return orchestrators[operation.kind];
  return operation.kind === 'delete' ? 'deleteManagedCluster' : 'applyManagedCluster';
}

const orchestrators: Readonly<Record<OperationKind, string>> = {
  provision: 'provisionCluster',
  update: 'updateCluster',
  renew: 'updateCluster',
  repair: 'updateCluster',
  delete: 'deleteCluster',
};
