import { textField } from '#domain/cluster-api/object.ts';
import { failed } from '#domain/outcome.ts';
import type { CapstanError } from '#domain/errors/error.ts';
import type { KubernetesClient } from '../client/client.ts';
import { errorOutcome, KubernetesApiError, registered } from '../client/errors.ts';
import type { Component } from './component.ts';
import { inventoryReference } from './component.ts';

/**
 * Why a provider must not go from one release to the other in one step: minors come one after the other, because each
 * CAPZ release brings its own Azure Service Operator, whose stored objects only the next one converts
 * (cluster-api-pivot.md, R10); and never backwards. Undefined when it may.
 */
export function upgradeProblem(installed: string, wanted: string): string | undefined {
  const read = (version: string): readonly [number, number] | undefined => {
    const match = /^v?(\d+)\.(\d+)\./.exec(version);
    return match === null ? undefined : [Number(match[1]), Number(match[2])];
  };
  const from = read(installed);
  const to = read(wanted);
  if (from === undefined || to === undefined) {
    return undefined;
  }
  if (from[0] !== to[0]) return `from ${installed} to ${wanted} changes the major version`;
  if (to[1] < from[1]) return `from ${installed} back to ${wanted}`;
  return to[1] - from[1] > 1 ? `from ${installed} to ${wanted} skips ${to[1] - from[1] - 1} minor versions` : undefined;
}

/** Compares the providers to install with clusterctl's inventory in the cluster, before the first object is applied. */
export async function checkUpgrades(
  client: KubernetesClient,
  components: readonly Component[],
): Promise<ReturnType<typeof errorOutcome> | { readonly status: 'failed'; readonly error: CapstanError } | undefined> {
  for (const component of components) {
    const reference = inventoryReference(component);
    if (reference === undefined) {
      continue;
    }
    try {
      const installed = textField(await client.get(reference), 'version');
      const problem = installed === undefined ? undefined : upgradeProblem(installed, component.version);
      if (problem !== undefined) {
        return failed(registered('CAP-5004', component.name, problem));
      }
    } catch (error) {
      // No inventory yet: a first installation.
      if (!(error instanceof KubernetesApiError && (error.status === 404 || error.reason === 'NoKindMatch'))) {
        return errorOutcome(error, component.name, { refused: 'CAP-5002' });
      }
    }
  }
  return undefined;
}
