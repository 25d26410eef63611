import { parse, stringify } from 'yaml';
import { z } from 'zod';
import type { Config } from '#config/config.ts';
import { CapstanFailure } from '#domain/errors/error.ts';
import type { ManagedPlan } from '#domain/managed/types.ts';
import { Secret } from '#domain/secret.ts';
import type { ClusterRows } from '#store/clusters.ts';
import type { Store } from '#store/store.ts';
import { azureOf } from './azure.ts';

/**
 * The kubeconfig of an AKS cluster, from AKS itself at this call; nothing of it is stored.
 *
 * @throws CapstanFailure CAP-1017 before the cluster is made, CAP-1110 for a role it does not have
 */
export async function managedKubeconfig(
  config: Config,
  store: Store,
  { head, items }: ClusterRows,
  role: 'admin' | 'viewer' | 'user',
): Promise<Secret> {
  const refuse = (message: string, remedy: string): never => {
    throw new CapstanFailure({ code: 'CAP-1110', message, where: 'role', remedy });
  };
  if (role === 'viewer') return refuse('AKS gives out no kubeconfig of a viewer', 'Ask with role=admin or role=user.');
  const made = items.some(({ kind, state }) => kind === 'managedCluster' && state === 'created');
  if (head.planSha === undefined || !made)
    throw new CapstanFailure({
      code: 'CAP-1017',
      message: `The API server of ${head.name} does not answer yet`,
      where: `phase ${head.phase}`,
    });
  const plan = await store.documents.getContent<ManagedPlan>(head.planSha);
  if (role === 'admin' && plan.spec.managedControlPlane.disableLocalAccounts)
    return refuse(
      `Local accounts of ${head.name} are disabled, so there is no static administrator`,
      'Ask with role=user, and sign in with Microsoft Entra ID (kubelogin).',
    );
  const kubeconfig = await (await azureOf(config)).managedCredentials(plan, role);
  return config.gatewayUrl === undefined ? kubeconfig : throughProxy(kubeconfig, config.gatewayUrl);
}

const clustersShape = z.looseObject({ clusters: z.array(z.looseObject({ cluster: z.looseObject({}) })) });

/** The local run reaches API servers through its gateway; the server's real name and certificate stay. */
function throughProxy(kubeconfig: Secret, proxyUrl: string): Secret {
  const read = clustersShape.parse(parse(kubeconfig.reveal()));
  const clusters = read.clusters.map((entry) => ({ ...entry, cluster: { ...entry.cluster, 'proxy-url': proxyUrl } }));
  return new Secret(stringify({ ...read, clusters }, { lineWidth: 0 }));
}
