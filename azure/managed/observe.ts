import type { ManagedPlan } from '#domain/managed/types.ts';
import type { ManagedObservation } from '#domain/check/managed.ts';
import type { Outcome } from '#domain/outcome.ts';
import { call } from '../clients/capture.ts';
import type { Connection } from '../clients/clients.ts';
import { collect } from '../clients/collect.ts';
import { found, untilHalted } from '../halt.ts';
import { readExisting } from '../preflight/existing.ts';

/** The group, the cluster and its pools; each planned resource is read besides. */
const usualReads = 3;

/** Reads an AKS cluster as it is now, compared with its plan by the code that an apply runs. Nothing is written. */
export function observeManaged(connection: Connection, plan: ManagedPlan): Promise<Outcome<ManagedObservation>> {
  const { subscriptionId, resourceGroup } = plan.azure;
  const sequence = async (): Promise<ManagedObservation> => {
    const existing = await readExisting(connection, plan);
    const { managedClusters, agentPools } = await connection.clients(subscriptionId).containerService();
    const cluster = found(
      await call(() => managedClusters.get(resourceGroup, plan.name)),
      plan.managed.id,
      'read the AKS cluster',
    );
    const pools =
      cluster === undefined
        ? undefined
        : found(
            await call(() => collect(agentPools.list(resourceGroup, plan.name))),
            plan.managed.id,
            'list the pools of the AKS cluster',
          );
    return {
      resources: Object.fromEntries(existing.found),
      ...(cluster === undefined ? {} : { state: stateOf(cluster) }),
      pools: (pools ?? []).map((pool) => ({ name: pool.name ?? '', ...stateOf(pool) })),
    };
  };
  return untilHalted(() => connection.withReads(subscriptionId, usualReads + plan.resources.length, sequence));
}

function stateOf(resource: { readonly provisioningState?: string; readonly powerState?: { readonly code?: string } }): {
  readonly provisioning: string;
  readonly power: string;
} {
  return { provisioning: resource.provisioningState ?? '', power: resource.powerState?.code ?? 'Running' };
}
