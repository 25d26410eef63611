import type { Subnet, VirtualNetwork } from '@azure/arm-network';
import type { CapstanError } from '#domain/errors/error.ts';
import type { AnyPlan } from '#domain/managed/types.ts';
import { needsServiceEndpoint } from '#domain/plan/storage-network.ts';
import type { PlannedSubnet } from '#domain/plan/types.ts';
import { capstanError } from '../errors/capstan-error.ts';
import type { SpecInput } from '../resource/kind.ts';
import { broughtAlong, networkId, reconcile } from '../resource/reconcile.ts';

/** Service endpoint of storage: rules of an account can name subnets that have it. */
export const storageEndpoint = 'Microsoft.Storage';

function subnet(
  input: SpecInput,
  planned: PlannedSubnet,
  securityGroup: string | undefined,
  gateway: string | undefined,
): Subnet {
  const { plan } = input;
  const { routeTable } = plan.network;
  const reference = (type: string, name: string | undefined) =>
    name === undefined ? undefined : { id: networkId(plan, type, name) };
  const group = reference('networkSecurityGroups', securityGroup);
  const table = reference('routeTables', routeTable);
  const nat = reference('natGateways', gateway);
  return {
    name: planned.name,
    addressPrefix: planned.cidr,
    // New subnets are to become private by default in 2026 (azure-behaviour.md, Limits: Outbound); both ways out are explicit here.
    defaultOutboundAccess: false,
    ...(group === undefined ? {} : { networkSecurityGroup: group }),
    ...(table === undefined ? {} : { routeTable: table }),
    ...(nat === undefined ? {} : { natGateway: nat }),
    ...(needsServiceEndpoint(plan) ? { serviceEndpoints: [{ service: storageEndpoint }] } : {}),
  };
}

/**
 * The cluster's virtual network with both subnets in one write (subnets written apart would lock each other out).
 * The NAT gateway serves the workers; control-plane machines go out through the load balancer's outbound rule
 * (cluster-api-pivot.md §2c), or through the gateway too when that load balancer is internal.
 */
export function virtualNetworkSpec(input: SpecInput, existing: VirtualNetwork | undefined): VirtualNetwork | undefined {
  const { network } = input.plan;
  // Behind an internal load balancer the control plane has no other way out.
  const controlPlaneGateway = network.api.private === undefined ? undefined : network.natGateway?.name;
  return reconcile(existing, {
    ...broughtAlong(input),
    addressSpace: { addressPrefixes: [...network.virtualNetwork.cidrs] },
    subnets: [
      subnet(input, network.controlPlaneSubnet, network.controlPlaneSecurityGroup, controlPlaneGateway),
      subnet(input, network.workerSubnet, network.workerSecurityGroup, network.natGateway?.name),
    ],
  });
}

/** Names of the subnets that a plan puts machines into. */
export function subnetsOf(plan: AnyPlan): readonly PlannedSubnet[] {
  return plan.managed === undefined
    ? [plan.network.controlPlaneSubnet, plan.network.workerSubnet]
    : [plan.managed.network.subnet];
}

/** Whether a network of the user's still has the planned subnets. */
export function checkVirtualNetwork(
  existing: VirtualNetwork,
  subnets: readonly PlannedSubnet[],
  plan: AnyPlan,
): CapstanError | undefined {
  const { virtualNetwork } = (plan.managed ?? plan).network;
  const missing = subnets.filter(
    (planned) => !(existing.subnets ?? []).some((found) => found.name?.toLowerCase() === planned.name.toLowerCase()),
  );
  if (missing.length === 0) return undefined;
  const names = missing.map((planned) => planned.name).join(' and ');
  return capstanError('CAP-2009', `The virtual network ${virtualNetwork.name} lacks ${names}.`, {
    where: virtualNetwork.id,
  });
}
