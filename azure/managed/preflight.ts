import { managedPath } from '#domain/managed/shape.ts';
import type { ManagedFacts, ManagedPlan, PlannedNodePool } from '#domain/managed/types.ts';
import { overlaps, parseCidr, usableAddresses } from '#domain/network/cidr.ts';
import type { Outcome } from '#domain/outcome.ts';
import type { Connection } from '../clients/clients.ts';
import { capstanError } from '../errors/capstan-error.ts';
import { untilHalted } from '../halt.ts';
import { nameCheck, quotaCheck } from '../preflight/checks.ts';
import { type Existing, readExisting } from '../preflight/existing.ts';
import { permissionCheck } from '../preflight/permissions.ts';
import { policyCheck } from '../preflight/policy.ts';
import { computeQuotas, type Quota } from '../preflight/quota.ts';
import { identityCheck, providerChecks } from '../preflight/readings.ts';
import { reportOf } from '../preflight/report.ts';
import { passed, refused } from '../preflight/rows.ts';
import type { PlannedAction, PreflightCheck, PreflightReport } from '../types.ts';

/** Providers, permissions, quotas, policies and lists. */
const usualReads = 14;

/** AKS asks to be asked every quarter of a minute; each resource is read and written besides. */
const secondsPerPoll = 15;

/**
 * Checks whether the plan of an AKS cluster can be carried out, and lists what it will create and change, for a new
 * cluster and a running one alike. Every check is a row; nothing is written.
 */
export function preflightManaged(
  connection: Connection,
  plan: ManagedPlan,
  facts: ManagedFacts,
): Promise<Outcome<PreflightReport>> {
  const sequence = async (): Promise<PreflightReport> => {
    const clients = connection.clients(plan.azure.subscriptionId);
    const { resourceGroup, location } = plan.azure;
    const existing = await readExisting(connection, plan);
    const resources = actionsOn(plan, existing);
    const written = new Set(resources.filter(({ action }) => action !== '=').map(({ key }) => key));
    const checks: PreflightCheck[] = [
      passed('resourceGroup', 'Resource group', `${resourceGroup} exists in ${facts.resourceGroupLocation}`),
      ...(await providerChecks(clients, plan)),
      await permissionCheck(connection, plan),
      versionCheck(plan, facts, existing),
      ...plan.managed.pools.map((pool, index) => sizeCheck(plan, facts, pool, index)),
      ...quotaChecks(plan, facts, existing, await computeQuotas(clients, location)),
      nameCheck(plan, existing),
      roomCheck(plan),
      await policyCheck(connection, plan, written),
      ...(plan.identity.owned ? [] : [await identityCheck(plan, clients)]),
    ];
    return report(plan, existing, resources, checks);
  };
  return untilHalted(() => connection.withReads(plan.azure.subscriptionId, usualReads, sequence));
}

/** A running cluster keeps its version, also when AKS has ended the support of it. */
function versionCheck(plan: ManagedPlan, facts: ManagedFacts, existing: Existing): PreflightCheck {
  const id = 'version';
  const title = 'Kubernetes version';
  const pools = plan.managed.pools.filter(
    ({ key }) => !existing.found.has(key) || existing.found.get(key)?.includes('orchestratorVersion'),
  );
  const cluster = existing.found.get('managedCluster');
  const upgraded = cluster === undefined || cluster.includes('kubernetesVersion');
  const wanted = [
    ...(upgraded ? [plan.managed.kubernetesVersion] : []),
    ...pools.map(({ orchestratorVersion }) => orchestratorVersion),
  ];
  const missing = [...new Set(wanted)].filter((version) => !facts.versions.includes(version));
  if (missing.length === 0) return passed(id, title, `${plan.managed.kubernetesVersion} is offered`);
  const message = `AKS does not offer Kubernetes ${missing.join(', ')} in ${plan.azure.location}.`;
  const cause = `it offers ${facts.versions.join(', ')}`;
  return refused(id, title, capstanError('CAP-2101', message, { where: 'spec.kubernetes.version', cause }));
}

function sizeCheck(plan: ManagedPlan, facts: ManagedFacts, pool: PlannedNodePool, index: number): PreflightCheck {
  const id = `size:${pool.name}`;
  const title = `Size of pool ${pool.name}`;
  const where = `spec.nodePools[${index}]`;
  const size = facts.vmSizes[pool.vmSize];
  if (size === undefined || size.unavailable !== undefined) {
    const message = `${pool.vmSize} cannot be used in ${plan.azure.location}.`;
    const cause = size?.unavailable ?? 'not offered in this region';
    return refused(id, title, capstanError('CAP-2003', message, { where: `${where}.vmSize`, cause }));
  }
  if (facts.regionZones.length > 0 && pool.availabilityZones.length === 0) {
    const cause = `asked for ${pool.zones?.join(', ') ?? 'any zone'}; it is offered in: ${size.zones.join(', ')}`;
    const message = `No zone is left for ${pool.vmSize}.`;
    return refused(id, title, capstanError('CAP-2004', message, { where: `${where}.zones`, cause }));
  }
  // Smaller machines have no room for what AKS itself runs (REST reference, agent pools).
  if (pool.mode === 'System' && (size.cores < 2 || size.memoryGiB < 4)) {
    const cause = `it has ${size.cores} cores and ${size.memoryGiB} GiB; a System pool needs 2 cores and 4 GiB`;
    const message = `${pool.vmSize} is too small for a System pool.`;
    return refused(id, title, capstanError('CAP-2003', message, { where: `${where}.vmSize`, cause }));
  }
  const zones =
    pool.availabilityZones.length === 0 ? 'region without zones' : `zones ${pool.availabilityZones.join(', ')}`;
  return passed(id, title, `${pool.vmSize} · ${size.cores} cores · ${zones}`);
}

/** Most nodes a pool may have for a while: its bound, and the surge of an upgrade. */
function mostNodes({ replicas, autoscaling, maxSurge }: PlannedNodePool): number {
  const nodes = autoscaling?.max ?? replicas;
  const share = Number.parseInt(maxSurge, 10);
  return nodes + (maxSurge.endsWith('%') ? Math.ceil((nodes * share) / 100) : share);
}

/** Cores of pools that are made or changed; those that stay as they are are in Azure's usage already. */
function quotaChecks(
  plan: ManagedPlan,
  facts: ManagedFacts,
  existing: Existing,
  quotas: readonly Quota[],
): readonly PreflightCheck[] {
  const families = new Map<string, number>();
  for (const pool of plan.managed.pools.filter(({ key }) => !existing.found.has(key))) {
    const size = facts.vmSizes[pool.vmSize];
    if (size === undefined) continue;
    // Autoscaling takes what the quota leaves; only the nodes at the start must be there.
    const nodes = pool.autoscaling === undefined ? mostNodes(pool) : pool.replicas + 1;
    families.set(size.family, (families.get(size.family) ?? 0) + nodes * size.cores);
  }
  const total = [...families.values()].reduce((sum, cores) => sum + cores, 0);
  const rows = [...families].map(([name, cores]) => ({ name, title: `Quota of ${name}`, cores }));
  return [...rows, { name: 'cores', title: 'Quota of the region', cores: total }].map(({ name, title, cores }) =>
    quotaCheck(`quota:${name}`, title, 'CAP-2005', cores, 'cores', [name], plan.azure.location, quotas),
  );
}

/** Room in the subnet for every node, and for every pod where pods have addresses of the subnet. */
function roomCheck({ managed, spec }: ManagedPlan): PreflightCheck {
  const id = 'network';
  const title = 'Address space';
  const { subnet, podCidr, virtualNetwork } = managed.network;
  const range = parseCidr(subnet.cidr);
  const perNode = (pool: PlannedNodePool) => 1 + (podCidr === undefined ? (pool.maxPods ?? 30) : 0);
  const needed = managed.pools.reduce((sum, pool) => sum + mostNodes(pool) * perNode(pool), 0);
  const room = range === undefined ? 0 : usableAddresses(range);
  if (room < needed) {
    const message = `The subnet ${subnet.name} has room for ${room} addresses, the pools need ${needed}.`;
    const cause = `${subnet.cidr}, with the bounds of autoscaling and the surge of upgrades`;
    return refused(id, title, capstanError('CAP-2009', message, { where: subnet.id, cause }));
  }
  for (const [field, cidr] of Object.entries({ podCidr, serviceCidr: spec.network.serviceCidr })) {
    const own = parseCidr(cidr ?? '');
    // A service range may lie in the address space of the network, but in no subnet that is used.
    if (own === undefined || range === undefined || !overlaps(own, range)) continue;
    const message = `The range ${own.cidr} overlaps the subnet ${subnet.name}.`;
    const where = `spec.network.${field}`;
    return refused(id, title, capstanError('CAP-2009', message, { where, cause: `${subnet.name} is ${subnet.cidr}` }));
  }
  return passed(id, title, `${subnet.name} ${subnet.cidr} of ${virtualNetwork.name} has room for ${needed} addresses`);
}

/** Pools of a new cluster are made with it, in no time of their own. */
function actionsOn(plan: ManagedPlan, existing: Existing): readonly PlannedAction[] {
  const isNew = !existing.found.has('managedCluster');
  return plan.resources.map(({ key, id, kind, name, step, seconds }): PlannedAction => {
    const differs = existing.found.get(key);
    const row = { key, id, kind, name, step, by: 'capstan' as const };
    const lasts = isNew && kind === 'agentPool' ? 0 : seconds;
    if (differs === undefined) return { ...row, action: '+', seconds: lasts, critical: lasts > 0 };
    if (differs.length === 0) return { ...row, action: '=', seconds: 0, critical: false };
    return { ...row, action: '~', differs, seconds: lasts, critical: true };
  });
}

function report(
  plan: ManagedPlan,
  existing: Existing,
  resources: readonly PlannedAction[],
  checks: readonly PreflightCheck[],
): PreflightReport {
  const changed = new Set(resources.filter(({ seconds }) => seconds > 0).map(({ key }) => key));
  const calls = resources.map(({ action, seconds }) => (action === '=' ? 1 : 3 + Math.ceil(seconds / secondsPerPoll)));
  const armCalls = usualReads + calls.reduce((sum, each) => sum + each, 0);
  return reportOf({ existing, resources, checks, path: managedPath(plan, changed), armCalls });
}
