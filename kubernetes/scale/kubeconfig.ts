import { referenceKey } from '#domain/cluster-api/object.ts';
import { ownerReferences } from '#domain/cluster-api/owners.ts';
import { kubeconfigSecret } from '#domain/cluster-api/secrets.ts';
import type { KeyPair } from '#domain/kubeadm/keys.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import type { KubernetesClient } from '../client/client.ts';
import { controllerKubeconfigSeconds, createKubeconfig } from '../pki/kubeconfig.ts';
import { applyOwned } from './owned.ts';

/** Gives the controllers inside the cluster a kubeconfig with a new client certificate. */
export async function renewKubeconfig(
  context: { readonly client: KubernetesClient; readonly plan: ClusterPlan },
  authority: KeyPair,
  now: number,
): Promise<void> {
  const { client, plan } = context;
  const reference = ownerReferences(plan).controlPlane;
  const owner = await client.get(reference);
  const kubeconfig = await createKubeconfig({
    cluster: plan.name,
    host: plan.network.api.host,
    authority,
    now,
    validForSeconds: controllerKubeconfigSeconds,
  });
  await applyOwned(
    context,
    kubeconfigSecret(plan, kubeconfig),
    new Map([[referenceKey(reference), owner?.metadata.uid ?? '']]),
  );
}
