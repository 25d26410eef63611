import { clusterNames } from '../names/names.ts';
import type { AttachedResources, ClusterPlan, PlannedSubnet } from '../plan/types.ts';

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

/**
 * The two subnets of an AzureCluster. With static placement the rest belongs to the user: the subnets are named with
 * their ids, because for a node subnet without one CAPZ's webhook adds a NAT gateway of its own and CAPZ then makes
 * that gateway's public address, even in a network it does not manage (cluster-api-provider-azure,
 * azurecluster_default.go, node subnets). For the same reason the user's NAT gateway is not named: CAPZ would look for
 * its public address in the cluster's group.
 */
export function subnets(plan: ClusterPlan, clusterAddresses: readonly string[]): readonly Record<string, unknown>[] {
  const { network } = plan;
  const names = attachedNames(plan);
  const table = { routeTable: { name: names.routeTable } };
  if (network.placement === 'static') {
    return [
      {
        ...subnet(network.controlPlaneSubnet, 'control-plane'),
        id: network.controlPlaneSubnet.id,
        securityGroup: { name: names.controlPlaneSecurityGroup },
        routeTable: { name: lastSegment(network.controlPlaneSubnet.attached?.routeTable) ?? names.routeTable },
      },
      {
        ...subnet(network.workerSubnet, 'node'),
        id: network.workerSubnet.id,
        securityGroup: { name: names.workerSecurityGroup },
        ...table,
      },
    ];
  }
  return [
    {
      ...subnet(network.controlPlaneSubnet, 'control-plane'),
      securityGroup: {
        name: names.controlPlaneSecurityGroup,
        securityRules: controlPlaneSecurityRules(plan, clusterAddresses),
      },
      ...table,
    },
    {
      ...subnet(network.workerSubnet, 'node'),
      securityGroup: { name: names.workerSecurityGroup },
      ...table,
      ...(network.natGateway === undefined
        ? {}
        : { natGateway: { name: network.natGateway.name, ip: { name: network.natGateway.publicIp } } }),
    },
  ];
}

/**
 * Security groups and route table of the subnets: ours, or with static placement the user's. Where the user has
 * attached none, the name that CAPZ's webhook would fill in, so that nothing is defaulted into a difference; in a
 * network that CAPZ does not manage it makes none of them.
 */
export function attachedNames(plan: ClusterPlan): {
  readonly controlPlaneSecurityGroup: string;
  readonly workerSecurityGroup: string;
  readonly routeTable: string;
} {
  const { network } = plan;
  const defaults = clusterNames(plan.name);
  const attached = (planned: PlannedSubnet, kind: keyof AttachedResources) => lastSegment(planned.attached?.[kind]);
  return {
    controlPlaneSecurityGroup:
      network.controlPlaneSecurityGroup ??
      attached(network.controlPlaneSubnet, 'networkSecurityGroup') ??
      defaults.controlPlaneSecurityGroup,
    workerSecurityGroup:
      network.workerSecurityGroup ??
      attached(network.workerSubnet, 'networkSecurityGroup') ??
      defaults.workerSecurityGroup,
    routeTable: network.routeTable ?? attached(network.workerSubnet, 'routeTable') ?? defaults.routeTable,
  };
}

function lastSegment(id: string | undefined): string | undefined {
  return id?.slice(id.lastIndexOf('/') + 1);
}

function subnet(planned: PlannedSubnet, role: 'control-plane' | 'node'): Record<string, unknown> {
  return { name: planned.name, role, cidrBlocks: [planned.cidr] };
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
