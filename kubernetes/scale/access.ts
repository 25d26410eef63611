import { done } from '#domain/outcome.ts';
import type { Outcome } from '#domain/outcome.ts';
import type { KubernetesClient } from '../client/client.ts';
import { errorOutcome } from '../client/errors.ts';
import { viewerGroup } from '../pki/kubeconfig.ts';

/** Binds the group of read-only kubeconfigs to Kubernetes' own ClusterRole `view`. Safe to repeat. */
export async function ensureViewerAccess(client: KubernetesClient): Promise<Outcome> {
  try {
    await client.apply({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'capstan-viewers' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: viewerGroup }],
    });
    return done({});
  } catch (error) {
    return errorOutcome(error, 'ClusterRoleBinding capstan-viewers', { refused: 'CAP-6102' });
  }
}
