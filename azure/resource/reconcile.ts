import { armId } from '#domain/names/names.ts';
import { type CapzRole, resourceTags } from '#domain/names/tags.ts';
import type { AnyPlan } from '#domain/managed/types.ts';
import type { PlanBasis } from '#domain/plan/types.ts';
import { covers, merged } from './covers.ts';
import type { SpecInput } from './kind.ts';
import { capstanTag } from './ownership.ts';

/**
 * Parameters to write: `wanted` when nothing exists, undefined when what exists has it all, otherwise what exists with
 * the differences put in.
 */
export function reconcile<Body>(existing: Body | undefined, wanted: Body): Body | undefined {
  if (existing === undefined) return wanted;
  return covers(existing, wanted) ? undefined : (merged(existing, wanted) as Body);
}

/** For kinds whose properties cannot change after creation: written once. */
export function createOnce<Body>(existing: Body | undefined, wanted: Body): Body | undefined {
  return existing === undefined ? wanted : undefined;
}

/** Location and CAPZ's tags, which every resource of a cluster carries. */
export function common(
  input: SpecInput<AnyPlan>,
  { named = true, ...options }: { readonly role?: CapzRole; readonly machine?: boolean; readonly named?: boolean } = {},
): { location: string; tags: Record<string, string> } {
  const { plan, resource } = input;
  return {
    location: plan.azure.location,
    tags: resourceTags(plan.name, plan.tags, { ...(named ? { name: resource.name } : {}), ...options }),
  };
}

/** Location and Capstan's own tag instead of CAPZ's, for what CAPZ is to treat as brought along (never written by it). */
export function broughtAlong(input: SpecInput<AnyPlan>): { location: string; tags: Record<string, string> } {
  const { plan, resource } = input;
  return {
    location: plan.azure.location,
    tags: { ...plan.tags, [capstanTag(plan.name)]: 'owned', Name: resource.name },
  };
}

/** Id of a network resource of this cluster by its type and name. */
export function networkId(plan: PlanBasis, type: string, name: string): string {
  return armId(plan.azure.subscriptionId, plan.azure.resourceGroup, `Microsoft.Network/${type}`, name);
}
