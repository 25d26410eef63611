import { field, listField, textField } from '#domain/cluster-api/object.ts';
import type { KubernetesObject } from '#domain/cluster-api/object.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';

/**
 * What the stored AzureCluster would make CAPZ create because a webhook has filled it in: NAT gateways with their
 * public addresses, outbound load balancers, and further frontends of the API server that are not in the plan
 * (cluster-api-provider-azure, azurecluster_default.go: a node subnet without id gets a NAT gateway; with the feature gate
 * APIServerILB a public API server gets an internal frontend). Everything that CAPZ does not find in Azure
 * it makes (cluster-api-pivot.md §2c, "Adoption behaviour").
 */
export function defaultedNetworkProblems(
  plan: ClusterPlan,
  azureCluster: KubernetesObject | undefined,
): readonly string[] {
  const network = field(azureCluster, 'spec', 'networkSpec');
  const own = plan.network.natGateway;
  const gateways = listField(network, 'subnets').flatMap((subnet) => {
    const name = textField(subnet, 'natGateway', 'name') ?? '';
    const address = textField(subnet, 'natGateway', 'ip', 'name') ?? '';
    const planned = (name === '' || name === own?.name) && (address === '' || address === own?.publicIp);
    return planned
      ? []
      : [
          `AzureCluster ${plan.name}: the subnet ${textField(subnet, 'name') ?? ''} names the NAT gateway ${name}${address === '' ? '' : ` with the address ${address}`}, which is not part of the plan`,
        ];
  });
  const balancers = (['nodeOutboundLB', 'controlPlaneOutboundLB'] as const)
    .filter((part) => field(network, part) !== undefined)
    .map((part) => `AzureCluster ${plan.name}: ${part} was filled in: CAPZ would make a load balancer`);
  const frontends = listField(network, 'apiServerLB', 'frontendIPs').flatMap((frontend) => {
    const name = textField(frontend, 'name') ?? '';
    return name === `${plan.network.api.loadBalancer}-frontEnd`
      ? []
      : [`AzureCluster ${plan.name}: the frontend ${name} was filled in: CAPZ would make a load balancer for it`];
  });
  return [...gateways, ...balancers, ...frontends];
}
