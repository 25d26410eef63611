import type { Config } from '#config/config.ts';
import { azureOf } from './azure.ts';
import { CapstanFailure } from '#domain/errors/error.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import type { Secret } from '#domain/secret.ts';
import type { Store } from '#store/store.ts';
import { managedKubeconfig } from './managed-kubeconfig.ts';

export interface KubeconfigRequest {
  readonly name: string;
  /** `viewer`: self-managed clusters only; `user`: AKS clusters only. */
  readonly role: 'admin' | 'viewer' | 'user';
  /** Real hours the client certificate is valid. */
  readonly hours: number;
}

/**
 * A kubeconfig with a client certificate of its own, signed for this call with the authority in Key Vault; nothing of
 * it is stored.
 *
 * @throws CapstanFailure CAP-1013 when there is no such cluster, CAP-1017 before its API server answers, CAP-1110 for a
 *   role that this kind of cluster does not have
 */
export async function issueKubeconfig(config: Config, store: Store, request: KubeconfigRequest): Promise<Secret> {
  const rows = await store.clusters.rows(request.name);
  if (rows === undefined)
    throw new CapstanFailure({ code: 'CAP-1013', message: `There is no cluster ${request.name}` });
  if (rows.head.kind === 'ManagedCluster') return managedKubeconfig(config, store, rows, request.role);
  const { role } = request;
  if (role === 'user')
    throw new CapstanFailure({
      code: 'CAP-1001',
      message: `${request.name} is a self-managed cluster: role is admin or viewer`,
      where: 'role',
    });
  const booted = rows.steps.some((step) => step.id === 'controlPlane' && step.state === 'done');
  if (rows.head.planSha === undefined || !booted) {
    throw new CapstanFailure({
      code: 'CAP-1017',
      message: `The API server of ${request.name} does not answer yet`,
      where: `phase ${rows.head.phase}`,
    });
  }
  const plan = await store.documents.getContent<ClusterPlan>(rows.head.planSha);
  const { secrets } = await azureOf(config);
  const { loadClusterKeys } = await import('#kubernetes/pki/stored-keys.ts');
  const { createKubeconfig } = await import('#kubernetes/pki/kubeconfig.ts');
  const keys = await loadClusterKeys((name) => secrets.get(name), plan.secretPrefix);
  return createKubeconfig({
    cluster: plan.name,
    host: plan.network.api.host,
    authority: keys.certificateAuthority,
    now: Date.now(),
    validForSeconds: request.hours * 3600,
    role,
    ...(config.gatewayUrl === undefined ? {} : { proxyUrl: config.gatewayUrl }),
  });
}
