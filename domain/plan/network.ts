import { apiDnsLabel, armId, clusterNames } from '../names/names.ts';
import { addressAt, parseCidr } from '../network/cidr.ts';
import type { ClusterDocument } from '../spec/types.ts';
import { dnsSuffix } from './clouds.ts';
import type { ResourceInput } from './resources.ts';
import type { AzureFacts, PlannedNetwork } from './types.ts';

/** Network part of the plan: names from CAPZ's table, or the user's own network with static placement. */
export function planNetwork(document: ClusterDocument, facts: AzureFacts): PlannedNetwork {
  const { spec } = document;
  const { subscriptionId, resourceGroup, location } = spec.azure;
  const names = clusterNames(document.metadata.name);
  const dnsLabel = apiDnsLabel(document.metadata.name, subscriptionId, resourceGroup);
  const service = parseCidr(spec.network.serviceCidr);
  const shared = {
    podCidr: spec.network.podCidr,
    serviceCidr: spec.network.serviceCidr,
    dnsServiceIp: service === undefined ? '' : addressAt(service, 10),
    api: {
      host: `${dnsLabel}.${location}.cloudapp.${dnsSuffix[spec.azure.environment]}`,
      port: 6443 as const,
      dnsLabel,
      publicIp: names.apiPublicIp,
      loadBalancer: names.loadBalancer,
      allowedCidrs: spec.network.api.allowedCidrs,
    },
    sshAllowedCidrs: spec.network.ssh.allowedCidrs,
  };
  if (facts.staticNetwork !== undefined && spec.network.placement === 'static') {
    const own = facts.staticNetwork;
    return {
      ...shared,
      placement: 'static',
      virtualNetwork: {
        id: own.virtualNetworkId,
        name: spec.network.virtualNetwork ?? '',
        resourceGroup: spec.network.resourceGroup ?? resourceGroup,
        cidrs: own.cidrs,
      },
      controlPlaneSubnet: own.controlPlaneSubnet,
      workerSubnet: own.workerSubnet,
      controlPlaneSecurityGroup: undefined,
      workerSecurityGroup: undefined,
      routeTable: undefined,
      natGateway: undefined,
    };
  }
  const id = armId(subscriptionId, resourceGroup, 'Microsoft.Network/virtualNetworks', names.virtualNetwork);
  const subnet = (name: string, cidr: string) => ({ id: `${id}/subnets/${name}`, name, cidr });
  return {
    ...shared,
    placement: 'dynamic',
    virtualNetwork: { id, name: names.virtualNetwork, resourceGroup, cidrs: [spec.network.cidrs.virtualNetwork] },
    controlPlaneSubnet: subnet(names.controlPlaneSubnet, spec.network.cidrs.controlPlaneSubnet),
    workerSubnet: subnet(names.workerSubnet, spec.network.cidrs.workerSubnet),
    controlPlaneSecurityGroup: names.controlPlaneSecurityGroup,
    workerSecurityGroup: names.workerSecurityGroup,
    routeTable: names.routeTable,
    natGateway: { name: names.natGateway, publicIp: names.natGatewayPublicIp },
  };
}

/** Resources of the network step, in the order CAPZ would make them. */
export function networkResources(network: PlannedNetwork): readonly ResourceInput[] {
  const step = 'network';
  const api: ResourceInput[] = [
    { key: 'apiPublicIp', kind: 'publicIPAddress', names: [network.api.publicIp], step },
    { key: 'loadBalancer', kind: 'loadBalancer', names: [network.api.loadBalancer], step, needs: ['apiPublicIp'] },
  ];
  const { controlPlaneSecurityGroup, workerSecurityGroup, routeTable, natGateway } = network;
  if (
    controlPlaneSecurityGroup === undefined ||
    workerSecurityGroup === undefined ||
    routeTable === undefined ||
    natGateway === undefined
  ) {
    return [
      {
        key: 'virtualNetwork',
        kind: 'virtualNetwork',
        names: [network.virtualNetwork.name],
        resourceGroup: network.virtualNetwork.resourceGroup,
        step,
        owned: false,
      },
      ...api,
    ];
  }
  return [
    {
      key: 'controlPlaneSecurityGroup',
      kind: 'networkSecurityGroup',
      names: [controlPlaneSecurityGroup],
      step,
      // A limited API server must let its own addresses in: nodes reach it through the load balancer.
      needs: network.api.allowedCidrs.length === 0 ? [] : ['apiPublicIp', 'natGatewayPublicIp'],
    },
    { key: 'workerSecurityGroup', kind: 'networkSecurityGroup', names: [workerSecurityGroup], step },
    { key: 'routeTable', kind: 'routeTable', names: [routeTable], step },
    { key: 'natGatewayPublicIp', kind: 'publicIPAddress', names: [natGateway.publicIp], step },
    { key: 'natGateway', kind: 'natGateway', names: [natGateway.name], step, needs: ['natGatewayPublicIp'] },
    {
      key: 'virtualNetwork',
      kind: 'virtualNetwork',
      names: [network.virtualNetwork.name],
      step,
      needs: ['controlPlaneSecurityGroup', 'workerSecurityGroup', 'routeTable', 'natGateway'],
    },
    ...api,
  ];
}
