const reserved = ['azure', 'microsoft', 'windows'];

/** Words of a tag's key or value that Azure reserves, in any letter case (architecture.md §4). */
export function reservedWords(text: string): readonly string[] {
  const lower = text.toLowerCase();
  return reserved.filter((word) => lower.includes(word));
}

/** The tag CAPZ puts on everything a cluster owns (cluster-api-pivot.md §2c). */
export function ownedTag(cluster: string): string {
  return `sigs.k8s.io_cluster-api-provider-azure_cluster_${cluster}`;
}

const roleTag = 'sigs.k8s.io_cluster-api-provider-azure_role';

export type CapzRole =
  | 'common'
  | 'apiserver'
  | 'apiserver-internal'
  | 'nodeOutbound'
  | 'controlPlaneOutbound'
  | 'control-plane'
  | 'node';

/**
 * Tags of one resource: the user's, CAPZ's owned, role and Name tags, and the Kubernetes tag on machine resources. Which
 * resource has which is CAPZ's own choice, from its sources: load balancers a role and no Name, machines both, the rest
 * a Name only.
 */
export function resourceTags(
  cluster: string,
  userTags: Readonly<Record<string, string>>,
  options: { readonly name?: string; readonly role?: CapzRole; readonly machine?: boolean },
): Record<string, string> {
  return {
    ...userTags,
    [ownedTag(cluster)]: 'owned',
    ...(options.role === undefined ? {} : { [roleTag]: options.role }),
    ...(options.name === undefined ? {} : { Name: options.name }),
    ...(options.machine === true ? { [`kubernetes.io_cluster_${cluster}`]: 'owned' } : {}),
  };
}
