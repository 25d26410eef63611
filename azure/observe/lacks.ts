import type { ClusterPlan, PlannedResource } from '#domain/plan/types.ts';
import { resourceTags } from '#domain/names/tags.ts';
import { cloudOf } from '../clients/cloud.ts';
import { loadBalancerSpec } from '../loadBalancer/spec.ts';

/** Lists of a load balancer whose items CAPZ looks for by name (cluster-api-pivot.md §2c, "Adoption behaviour"). */
const balancerParts = [
  'frontendIPConfigurations',
  'backendAddressPools',
  'loadBalancingRules',
  'probes',
  'outboundRules',
] as const;

type Named = readonly { readonly name?: string | undefined }[] | undefined;

/**
 * What CAPZ looks for in a resource that exists and would write when it is missing: parts of the API load balancer with
 * the first machine's inbound NAT rule, tags of the machine. Empty for everything else: what exists is left alone.
 */
export function lacks(plan: ClusterPlan, resource: PlannedResource, body: unknown): readonly string[] {
  if (resource.kind === 'loadBalancer') return missingParts(plan, resource, body as Readonly<Record<string, Named>>);
  if (resource.kind !== 'virtualMachine') return [];
  const { tags = {} } = body as { readonly tags?: Readonly<Record<string, string>> };
  const wanted = resourceTags(plan.name, plan.tags, { machine: true });
  return Object.entries(wanted)
    .filter(([key, value]) => tags[key] !== value)
    .map(([key, value]) => `the tag ${key}: ${value}`);
}

function missingParts(
  plan: ClusterPlan,
  resource: PlannedResource,
  body: Readonly<Record<string, Named>>,
): readonly string[] {
  const input = { plan, resource, outputs: {}, cloud: cloudOf(plan.azure.environment) };
  const wanted = loadBalancerSpec(input, undefined) as Readonly<Record<string, Named>> | undefined;
  const has = (part: string, name: string | undefined) => (body[part] ?? []).some((item) => item.name === name);
  const parts = balancerParts.flatMap((part) =>
    (wanted?.[part] ?? []).filter(({ name }) => !has(part, name)).map(({ name }) => `${part} ${name ?? ''}`),
  );
  const { machineName } = plan.controlPlane;
  return has('inboundNatRules', machineName) ? parts : [...parts, `inboundNatRules ${machineName}`];
}
