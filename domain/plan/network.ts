import { apiDnsLabel, armId, clusterNames } from '../names/names.ts';
import { addressAt, parseCidr } from '../network/cidr.ts';
import type { ClusterDocument } from '../spec/types.ts';
import { dnsSuffix } from './clouds.ts';
import type { ResourceInput } from './resources.ts';
import type { AzureFacts, PlannedNetwork, PlannedPrivateApi } from './types.ts';

/** Network part of the plan: names from CAPZ's table, or the user's own network with static placement. */
export function planNetwork(document: ClusterDocument, facts: AzureFacts, uid: string): PlannedNetwork {
  const { spec } = document;
  const { subscriptionId, resourceGroup, location } = spec.azure;
  const names = clusterNames(document.metadata.name);
  const controlPlaneCidr =
    spec.network.placement === 'static'
      ? facts.staticNetwork?.controlPlaneSubnet.cidr
      : spec.network.cidrs.controlPlaneSubnet;
  const inside =
    spec.network.api.exposure === 'private' ? privateApi(document, controlPlaneCidr ?? '', uid) : undefined;
  const dnsLabel = apiDnsLabel(document.metadata.name, subscriptionId, resourceGroup);
  const service = parseCidr(spec.network.serviceCidr);
  const shared = {
    podCidr: spec.network.podCidr,
    serviceCidr: spec.network.serviceCidr,
    dnsServiceIp: service === undefined ? '' : addressAt(service, 10),
    api: {
      host:
        inside === undefined
          ? `${dnsLabel}.${location}.cloudapp.${dnsSuffix[spec.azure.environment]}`
          : `${inside.record}.${inside.dnsZone}`,
      port: 6443 as const,
      dnsLabel,
      publicIp: names.apiPublicIp,
      loadBalancer: inside === undefined ? names.loadBalancer : names.internalLoadBalancer,
      allowedCidrs: spec.network.api.allowedCidrs,
      ...(inside === undefined ? {} : { private: inside }),
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

/** CAPZ's own default is the hundredth address; smaller subnets get their last one that Azure leaves free. */
function privateApi(document: ClusterDocument, subnetCidr: string, uid: string): PlannedPrivateApi {
  const { metadata, spec } = document;
  const names = clusterNames(metadata.name);
  const subnet = parseCidr(subnetCidr);
  const size = subnet === undefined ? 0 : subnet.last - subnet.first + 1;
  const chosen = subnet === undefined ? '' : addressAt(subnet, size > 128 ? 100 : size - 2);
  return {
    address: spec.network.api.privateAddress ?? chosen,
    dnsZone: names.privateDnsZone,
    dnsLink: spec.network.placement === 'static' ? `${spec.network.virtualNetwork ?? ''}-link` : names.privateDnsLink,
    record: 'apiserver',
    relayContainer: `relay-${metadata.name.slice(0, 40)}-${uid.slice(0, 8)}`.replaceAll(/-+/g, '-'),
  };
}

/** The way to the API server: load balancer with its address, or with its name in a private zone. */
function apiResources({ api }: PlannedNetwork): readonly ResourceInput[] {
  const step = 'network';
  const balancer = { key: 'loadBalancer', kind: 'loadBalancer', names: [api.loadBalancer], step } as const;
  if (api.private === undefined) {
    return [
      { key: 'apiPublicIp', kind: 'publicIPAddress', names: [api.publicIp], step },
      { ...balancer, needs: ['apiPublicIp'] },
    ];
  }
  const { dnsZone, dnsLink, record } = api.private;
  return [
    { ...balancer, needs: ['virtualNetwork'] },
    { key: 'apiDnsZone', kind: 'privateDnsZone', names: [dnsZone], step },
    {
      key: 'apiDnsZoneLink',
      kind: 'privateDnsZoneLink',
      names: [dnsZone, dnsLink],
      step,
      needs: ['apiDnsZone', 'virtualNetwork'],
    },
    { key: 'apiDnsRecord', kind: 'privateDnsRecord', names: [dnsZone, record], step, needs: ['apiDnsZone'] },
  ];
}

/** Resources of the network step, in the order CAPZ would make them. */
export function networkResources(network: PlannedNetwork): readonly ResourceInput[] {
  const step = 'network';
  const api = apiResources(network);
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
