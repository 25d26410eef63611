import { azureClusterDocument } from '#domain/cluster-api/cluster.ts';
import type { ObservedAzure } from '#domain/cluster-api/cluster.ts';
import { field } from '#domain/cluster-api/object.ts';
import { ownerReferences } from '#domain/cluster-api/owners.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { done, failed } from '#domain/outcome.ts';
import type { Outcome } from '#domain/outcome.ts';
import type { KubernetesClient } from '../client/client.ts';
import { errorOutcome, registered } from '../client/errors.ts';

/**
 * Puts what machines made from now on inherit into the AzureCluster: tags, zones of the control plane, the rules of the
 * security groups. Everything else of it is chosen once.
 *
 * @param gone tags that earlier documents had and this one has not
 */
export async function applySettings(
  client: KubernetesClient,
  plan: ClusterPlan,
  observed: ObservedAzure,
  gone: readonly string[],
): Promise<Outcome> {
  const reference = ownerReferences(plan).azureCluster;
  try {
    const live = await client.get(reference);
    if (live === undefined) return failed(registered('CAP-5302', reference.name, 'the AzureCluster is gone'));
    const wanted = azureClusterDocument(plan, observed);
    const tags = Object.fromEntries([...gone.map((key) => [key, null] as const), ...Object.entries(plan.tags)]);
    const zones = field(wanted, 'spec', 'failureDomains');
    await client.mergePatch(reference, {
      spec: {
        additionalTags: tags,
        // A zone that may be used again is not named any more, and the merge would keep it switched off.
        failureDomains:
          zones ?? (field(live, 'spec', 'failureDomains') === undefined ? undefined : { ...switchedOn(plan) }),
        networkSpec: { subnets: field(wanted, 'spec', 'networkSpec', 'subnets') },
      },
    });
    return done({}, 'machines made from now on follow');
  } catch (error) {
    return errorOutcome(error, reference.name, { refused: 'CAP-5101' });
  }
}

function switchedOn(plan: ClusterPlan): Readonly<Record<string, { readonly controlPlane: true }>> {
  return Object.fromEntries(plan.regionZones.map((zone) => [zone, { controlPlane: true as const }]));
}
