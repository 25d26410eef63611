import { apiVersions, azureJsonSecretName, namespaceOf, wellKnown } from '#domain/cluster-api/names.ts';
import { referenceOf } from '#domain/cluster-api/object.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { done, wait } from '#domain/outcome.ts';
import type { Outcome } from '#domain/outcome.ts';
import type { KubernetesClient } from '../client/client.ts';
import { errorOutcome } from '../client/errors.ts';

/** Kinds that a MachineDeployment of ours leaves behind. */
const companions = [
  { apiVersion: apiVersions.core, kind: 'MachineHealthCheck' },
  { apiVersion: apiVersions.infrastructure, kind: 'AzureMachineTemplate' },
  { apiVersion: apiVersions.bootstrap, kind: 'KubeadmConfigTemplate' },
] as const;

/**
 * One bounded step of removing MachineDeployments that the plan no longer has: whole pools, and zones that a pool left.
 * The controllers drain and delete their machines; then the templates and the health check go. Only what carries our
 * pool label is looked at.
 */
export async function removePools(
  client: KubernetesClient,
  plan: ClusterPlan,
): Promise<Outcome<{ readonly removed: readonly string[] }>> {
  const namespace = namespaceOf(plan);
  const wanted = new Set(plan.pools.flatMap((pool) => pool.shards.map((shard) => shard.machineDeployment)));
  try {
    const list = async (apiVersion: string, kind: string) =>
      client.list({ apiVersion, kind, namespace, labelSelector: wellKnown.pool });
    const obsolete = (await list(apiVersions.core, 'MachineDeployment')).filter(
      ({ metadata }) => !wanted.has(metadata.name),
    );
    for (const deployment of obsolete) {
      if (deployment.metadata.deletionTimestamp === undefined)
        await client.delete({
          apiVersion: apiVersions.core,
          kind: 'MachineDeployment',
          namespace,
          name: deployment.metadata.name,
        });
    }
    if (obsolete.length > 0) {
      const machines = await list(apiVersions.core, 'Machine');
      const left = machines.filter(({ metadata }) => !wanted.has(metadata.labels?.[wellKnown.deploymentName] ?? ''));
      const names = obsolete.map(({ metadata }) => metadata.name).join(', ');
      return wait(10, { sentence: `removing ${names}: ${left.length} machines left` });
    }
    const removed: string[] = [];
    for (const { apiVersion, kind } of companions) {
      for (const { metadata } of await list(apiVersion, kind)) {
        const owner = metadata.labels?.[wellKnown.templateFor] ?? metadata.name;
        if (wanted.has(owner)) continue;
        await client.delete(referenceOf({ apiVersion, kind, metadata }));
        if (owner === metadata.name && kind === 'AzureMachineTemplate') {
          await client.delete({ apiVersion: 'v1', kind: 'Secret', namespace, name: azureJsonSecretName(owner) });
          removed.push(owner);
        }
      }
    }
    return done({ removed }, removed.length === 0 ? 'nothing to remove' : `removed ${removed.join(', ')}`);
  } catch (error) {
    return errorOutcome(error, 'MachineDeployments', { refused: 'CAP-5101' });
  }
}
