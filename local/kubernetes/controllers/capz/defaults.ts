import type { KubeObject } from '../../contract.ts';
import type { AzureClusterObject, SubnetSpec } from './spec.ts';

/**
 * What CAPZ's defaulting webhook fills into an AzureCluster's network (cluster-api-provider-azure,
 * azurecluster_default.go): names of the virtual network, security groups and route tables, and for every node subnet
 * without an id a NAT gateway with a public address. A subnet with an id is taken to exist as it is.
 */
export function withDefaults(object: KubeObject): AzureClusterObject {
  const cluster = structuredClone(object) as AzureClusterObject;
  const { spec } = cluster;
  if (spec === undefined) return cluster;
  const { name } = cluster.metadata;
  const resourceGroup = spec.resourceGroup ?? name;
  const network = spec.networkSpec ?? {};
  spec.resourceGroup = resourceGroup;
  spec.networkSpec = {
    ...network,
    vnet: { name: `${name}-vnet`, resourceGroup, cidrBlocks: ['10.0.0.0/8'], ...network.vnet },
  };
  let nodes = 0;
  const subnets = network.subnets?.map((subnet) =>
    subnet.role === 'node' ? nodeSubnet(name, subnet, (nodes += 1)) : controlPlaneSubnet(name, subnet),
  );
  if (subnets !== undefined) spec.networkSpec.subnets = subnets;
  return cluster;
}

function nodeSubnet(cluster: string, subnet: SubnetSpec, index: number): SubnetSpec {
  const named: SubnetSpec = {
    ...subnet,
    securityGroup: { name: `${cluster}-node-nsg`, ...subnet.securityGroup },
    routeTable: { name: `${cluster}-node-routetable`, ...subnet.routeTable },
  };
  if ((subnet.id ?? '') !== '') return named;
  const gateway = subnet.natGateway?.name ?? `${cluster}-node-natgw-${index}`;
  return {
    ...named,
    natGateway: { ...subnet.natGateway, name: gateway, ip: { name: `pip-${gateway}`, ...subnet.natGateway?.ip } },
  };
}

function controlPlaneSubnet(cluster: string, subnet: SubnetSpec): SubnetSpec {
  return { ...subnet, securityGroup: { name: `${cluster}-controlplane-nsg`, ...subnet.securityGroup } };
}
