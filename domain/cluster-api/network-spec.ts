import type { ClusterPlan, PlannedSubnet } from '../plan/types.ts';

/** One rule of a network security group, in CAPZ's words. */
export interface SecurityRule {
  readonly name: string;
  readonly description: string;
  readonly priority: number;
  readonly direction: 'Inbound';
  readonly action: 'Allow' | 'Deny';
  readonly protocol: 'Tcp';
  readonly source?: string;
  readonly sources?: readonly string[];
  readonly sourcePorts: '*';
  readonly destination: '*';
  readonly destinationPorts: string;
}

/**
 * Rules of the control-plane security group. CAPZ appends `allow_ssh` from everywhere unless a rule of the
 * AzureCluster names destination port 22 (cluster-api-pivot.md §2c, "Read again"): ours does, and denies, or allows
 * only `spec.network.ssh.allowedCidrs`. Equal to the rules that the network security group has in Azure.
 *
 * @param clusterAddresses public addresses of the cluster itself, allowed where callers are limited
 */
export function controlPlaneSecurityRules(
  plan: ClusterPlan,
  clusterAddresses: readonly string[],
): readonly SecurityRule[] {
  const { sshAllowedCidrs, api } = plan.network;
  const callers =
    api.allowedCidrs.length === 0 ? [] : [...api.allowedCidrs, ...clusterAddresses.map((ip) => `${ip}/32`)];
  const ssh: SecurityRule =
    sshAllowedCidrs.length === 0
      ? rule('deny_ssh', 'SSH is closed; spec.network.ssh.allowedCidrs opens it', 2200, 'Deny', '22', [])
      : rule('allow_ssh', 'Allow SSH', 2200, 'Allow', '22', sshAllowedCidrs);
  return [ssh, rule('allow_apiserver', 'Allow K8s API Server', 2201, 'Allow', '6443', callers)];
}

/** The two subnets of an AzureCluster. With static placement only names and ranges: the rest belongs to the user. */
export function subnets(plan: ClusterPlan, clusterAddresses: readonly string[]): readonly Record<string, unknown>[] {
  const { network } = plan;
  return [
    {
      ...subnet(network.controlPlaneSubnet, 'control-plane'),
      ...securityGroup(network.controlPlaneSecurityGroup, controlPlaneSecurityRules(plan, clusterAddresses)),
      ...routeTable(network.routeTable),
    },
    {
      ...subnet(network.workerSubnet, 'node'),
      ...securityGroup(network.workerSecurityGroup, []),
      ...routeTable(network.routeTable),
      ...(network.natGateway === undefined
        ? {}
        : { natGateway: { name: network.natGateway.name, ip: { name: network.natGateway.publicIp } } }),
    },
  ];
}

function subnet(planned: PlannedSubnet, role: 'control-plane' | 'node'): Record<string, unknown> {
  return { name: planned.name, role, cidrBlocks: [planned.cidr] };
}

function securityGroup(name: string | undefined, rules: readonly SecurityRule[]): Record<string, unknown> {
  if (name === undefined) {
    return {};
  }
  return { securityGroup: rules.length === 0 ? { name } : { name, securityRules: rules } };
}

function routeTable(name: string | undefined): Record<string, unknown> {
  return name === undefined ? {} : { routeTable: { name } };
}

function rule(
  name: string,
  description: string,
  priority: number,
  action: 'Allow' | 'Deny',
  destinationPorts: string,
  from: readonly string[],
): SecurityRule {
  const [only] = from;
  const source = from.length > 1 ? { sources: from } : { source: only ?? '*' };
  return {
    name,
    description,
    priority,
    direction: 'Inbound',
    action,
    protocol: 'Tcp',
    ...source,
    sourcePorts: '*',
    destination: '*',
    destinationPorts,
  };
}
