import type { FrontendIPConfiguration, LoadBalancer } from '@azure/arm-network';
import type { ClusterPlan } from '#domain/plan/types.ts';
import type { SpecInput } from '../resource/kind.ts';
import { common, networkId, reconcile } from '../resource/reconcile.ts';

/** Names and ids of the parts of the API load balancer (cluster-api-pivot.md §2c). */
export function loadBalancerParts(plan: ClusterPlan) {
  const name = plan.network.api.loadBalancer;
  const id = networkId(plan, 'loadBalancers', name);
  return {
    id,
    frontend: { name: `${name}-frontEnd`, id: `${id}/frontendIPConfigurations/${name}-frontEnd` },
    pool: { name: `${name}-backendPool`, id: `${id}/backendAddressPools/${name}-backendPool` },
    probe: { name: 'HTTPSProbe', id: `${id}/probes/HTTPSProbe` },
  } as const;
}

/** The Standard load balancer of the API server, public or internal. Parts that others added (NAT rules of later machines) stay. */
export function loadBalancerSpec(input: SpecInput, existing: LoadBalancer | undefined): LoadBalancer | undefined {
  const { plan } = input;
  const { api } = plan.network;
  const parts = loadBalancerParts(plan);
  return reconcile(existing, {
    // An internal one has the same role: CAPZ keeps `apiserver-internal` for a second one beside a public one.
    ...common(input, { role: 'apiserver', named: false }),
    sku: { name: 'Standard' },
    frontendIPConfigurations: [{ name: parts.frontend.name, ...frontendAddress(plan) }],
    backendAddressPools: [{ name: parts.pool.name }],
    loadBalancingRules: [
      {
        name: 'LBRuleHTTPS',
        protocol: 'Tcp',
        frontendPort: api.port,
        backendPort: api.port,
        idleTimeoutInMinutes: 4,
        enableFloatingIP: false,
        disableOutboundSnat: true,
        loadDistribution: 'Default',
        frontendIPConfiguration: { id: parts.frontend.id },
        backendAddressPool: { id: parts.pool.id },
        probe: { id: parts.probe.id },
      },
    ],
    probes: [
      {
        name: parts.probe.name,
        protocol: 'Https',
        port: api.port,
        requestPath: '/readyz',
        intervalInSeconds: 15,
        probeThreshold: 1,
      },
    ],
    // An internal load balancer has no way out: the NAT gateway is the control plane's too.
    ...(api.private === undefined
      ? {
          outboundRules: [
            {
              name: 'OutboundNATAllProtocols',
              protocol: 'All',
              idleTimeoutInMinutes: 4,
              frontendIPConfigurations: [{ id: parts.frontend.id }],
              backendAddressPool: { id: parts.pool.id },
            },
          ],
        }
      : {}),
  });
}

/** A public address, or one of the control-plane subnet in the zones that a machine may be in. */
function frontendAddress(plan: ClusterPlan): Omit<FrontendIPConfiguration, 'name'> {
  const { api, controlPlaneSubnet } = plan.network;
  if (api.private === undefined) return { publicIPAddress: { id: networkId(plan, 'publicIPAddresses', api.publicIp) } };
  return {
    ...(plan.regionZones.length === 0 ? {} : { zones: [...plan.regionZones] }),
    privateIPAllocationMethod: 'Static',
    privateIPAddress: api.private.address,
    subnet: { id: controlPlaneSubnet.id },
  };
}
