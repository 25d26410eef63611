import { adoptedResources } from '../cluster-api/adopted.ts';
import type { ClusterPlan, PlannedResource } from './types.ts';

/** Kinds whose writes end at once; the others are long operations that are asked about. */
const immediate: ReadonlySet<PlannedResource['kind']> = new Set([
  'userAssignedIdentity',
  'roleAssignment',
  'blobContainer',
  'availabilitySet',
]);

/** Azure asks to come back after ten seconds and more (azure-recordings/README.md, Long-running operations). */
const pollSeconds = 10;
/**
 * Looks at the adopted resources around the hand-over, one before and one every few seconds until it is settled. Each reads
 * every resource, the group and the list of what is in it.
 */
const looksAtHandOver = 15;
const readsOfGroup = 2;
/** The serial console is read each time the API server of the first machine does not answer yet. */
const looksAtBoot = 16;
/** Reads before anything is written: group, sizes, quotas, providers, permissions, policies, lists. */
const readsBefore = 18;

/**
 * About how many calls to Azure Resource Manager a provision makes: the reads of preflight, for each resource a read, a
 * write and the questions about its operation, and the looks while the first machine boots and is handed over. What the
 * cluster's own controllers call afterwards is theirs.
 *
 * @param kept keys of resources that exist and stay as they are: read once
 */
export function armCalls(plan: ClusterPlan, kept: ReadonlySet<string>): number {
  const each = plan.resources.map((resource) => {
    if (kept.has(resource.key) || !resource.owned) return 1;
    return 2 + (immediate.has(resource.kind) ? 0 : Math.max(1, Math.ceil(resource.seconds / pollSeconds)));
  });
  const handOver = looksAtHandOver * (adoptedResources(plan).length + readsOfGroup);
  return readsBefore + each.reduce((sum, calls) => sum + calls, 0) + handOver + looksAtBoot;
}
