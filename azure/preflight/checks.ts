import type { AzureFacts, ClusterPlan, PlanBasis } from '#domain/plan/types.ts';
import { capstanError } from '../errors/capstan-error.ts';
import { mostTags } from '../resource/room.ts';
import type { PreflightCheck } from '../types.ts';
import { coreDemand } from './demand.ts';
import type { Existing } from './existing.ts';
import type { Quota } from './quota.ts';
import { passed, refused } from './rows.ts';

/** The size and zones of the control plane and of every pool. Pure. */
export function sizeChecks(plan: ClusterPlan, facts: AzureFacts): readonly PreflightCheck[] {
  const rows = [
    {
      id: 'size:controlPlane',
      title: 'Size of the control plane',
      vmSize: plan.controlPlane.vmSize,
      zones: plan.controlPlane.zones,
      wanted: plan.spec.controlPlane.zones,
      where: 'spec.controlPlane',
    },
    ...plan.pools.map((pool, index) => ({
      id: `size:${pool.name}`,
      title: `Size of pool ${pool.name}`,
      vmSize: pool.vmSize,
      zones: pool.shards.flatMap((shard) => (shard.zone === undefined ? [] : [shard.zone])),
      wanted: plan.spec.workerPools[index]?.zones,
      where: `spec.workerPools[${index}]`,
    })),
  ];
  return rows.map(({ id, title, vmSize, zones, wanted, where }) => {
    const size = facts.vmSizes[vmSize];
    if (size === undefined || size.unavailable !== undefined) {
      const cause = size?.unavailable ?? 'not offered in this region';
      const message = `${vmSize} cannot be used in ${plan.azure.location}.`;
      return refused(id, title, capstanError('CAP-2003', message, { where: `${where}.vmSize`, cause }));
    }
    const offered = size.zones.length === 0 ? 'none' : size.zones.join(', ');
    if (facts.regionZones.length > 0 && zones.length === 0) {
      const cause = `asked for ${wanted === undefined ? 'any zone' : wanted.join(', ')}; the size is offered in: ${offered}`;
      return refused(
        id,
        title,
        capstanError('CAP-2004', `No zone is left for ${vmSize}.`, { where: `${where}.zones`, cause }),
      );
    }
    const lost = (wanted ?? facts.regionZones).filter((zone) => !zones.includes(zone));
    const note = lost.length === 0 ? '' : ` (not offered in ${lost.join(', ')})`;
    const where_ = facts.regionZones.length === 0 ? 'region without zones' : `zones ${zones.join(', ')}${note}`;
    return passed(id, title, `${vmSize} · ${size.cores} cores · ${where_}`);
  });
}

/** Cores per family and altogether, with one machine more per pool for upgrades. Pure. */
export function coreChecks(
  plan: ClusterPlan,
  facts: AzureFacts,
  existing: Existing,
  quotas: readonly Quota[],
): readonly PreflightCheck[] {
  const demand = coreDemand(plan, facts, existing.machineSizes);
  const rows = [...demand.families].map(([family, cores]) => ({ name: family, title: `Quota of ${family}`, cores }));
  return [...rows, { name: 'cores', title: 'Quota of the region', cores: demand.total }].map(({ name, title, cores }) =>
    quotaCheck(`quota:${name}`, title, 'CAP-2005', cores, 'cores', [name], plan.azure.location, quotas),
  );
}

/** Names under which the network provider counts what a Standard static address uses. */
const addressQuotas = ['PublicIPAddresses', 'StaticPublicIPAddresses', 'StandardSkuPublicIpAddresses'];

/** Public addresses that the plan still has to create. Pure. */
export function addressCheck(plan: ClusterPlan, existing: Existing, quotas: readonly Quota[]): PreflightCheck {
  const needed = plan.resources.filter(
    (resource) => resource.kind === 'publicIPAddress' && !existing.found.has(resource.key),
  );
  return quotaCheck(
    'quota:publicIPAddresses',
    'Quota of public addresses',
    'CAP-2006',
    needed.length,
    'addresses',
    addressQuotas,
    plan.azure.location,
    quotas,
  );
}

function minorOf(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}

/** One quota against what is needed. Pure. */
export function quotaCheck(
  id: string,
  title: string,
  code: 'CAP-2005' | 'CAP-2006',
  needed: number,
  unit: string,
  names: readonly string[],
  location: string,
  quotas: readonly Quota[],
): PreflightCheck {
  const found = quotas.filter((quota) => names.some((name) => name.toLowerCase() === quota.name.toLowerCase()));
  // A change that needs no more passes even where the quota was lowered below what is used.
  const tight = needed > 0 ? found.find((quota) => quota.limit - quota.used < needed) : undefined;
  if (found.length === 0) return passed(id, title, `${needed} ${unit} needed; Azure lists no quota of this name`);
  if (tight === undefined) {
    const free = Math.max(0, Math.min(...found.map((quota) => quota.limit - quota.used)));
    return passed(id, title, `${needed > 0 ? needed : 'no more'} ${unit} needed, ${free} free`);
  }
  const free = Math.max(0, tight.limit - tight.used);
  const message = `The quota ${tight.name} in ${location} has ${free} ${unit} free, the cluster needs ${needed}.`;
  const cause = `limit ${tight.limit}, used ${tight.used}, needed ${needed} (with one machine more per pool during upgrades)`;
  const remedy = `Raise the quota ${tight.name} in ${location} to at least ${tight.used + needed} (Azure portal, Quotas), or use fewer or smaller machines.`;
  return refused(id, title, capstanError(code, message, { where: `${location} ${tight.name}`, cause, remedy }));
}

/** Planned names that something else has. Pure. */
export function nameCheck(plan: PlanBasis, existing: Existing): PreflightCheck {
  const id = 'names';
  const title = 'Names are free or ours';
  const [first] = existing.foreign;
  if (first === undefined)
    return passed(
      id,
      title,
      `${plan.resources.length - existing.found.size} free, ${existing.found.size} there already`,
    );
  const cause = existing.foreign.map((resource) => resource.id).join(', ');
  const message = `${existing.foreign.length} planned name(s) belong to something else.`;
  return refused(id, title, capstanError('CAP-2013', message, { where: first.id, cause }));
}

/** A full private zone has no next one; of the rest, another one is taken when it is full by the time it is joined. Pure. */
export function roomChecks({ full }: Pick<Existing, 'full'>): readonly PreflightCheck[] {
  return full
    .filter(({ kind }) => kind === 'privateDnsZone')
    .map(({ id, name }) => {
      const message = `The private DNS zone ${name} has no room for another cluster.`;
      const cause = `${mostTags} tags are on it, one for each cluster that uses it`;
      const remedy = 'Name a zone of your own (spec.storage.privateDnsZone), or use another resource group.';
      return refused(
        'zoneRoom',
        'Room in the private DNS zone',
        capstanError('CAP-3019', message, { where: id, cause, remedy }),
      );
    });
}

/**
 * Compares the version the image declares with the one asked for. Another minor release is refused: kubeadm refuses a
 * kubelet that is newer than its control plane, and nodes would not run what was asked for. A patch is told. Pure.
 */
export function versionCheck(plan: ClusterPlan, facts: AzureFacts): PreflightCheck {
  const id = 'imageVersion';
  const title = 'Kubernetes version of the image';
  const declared = facts.imageSource?.kubernetesVersion;
  const wanted = plan.kubernetesVersion;
  if (declared === undefined) return passed(id, title, `the image declares none; ${wanted} is asked for`);
  if (declared === wanted) return passed(id, title, declared);
  if (minorOf(declared) === minorOf(wanted))
    return passed(id, title, `warning: the image declares ${declared}, ${wanted} is asked for`);
  const message = `The image declares Kubernetes ${declared}, the document asks for ${wanted}.`;
  const remedy = `Set spec.kubernetes.version to ${declared}, or name an image of ${wanted} under spec.image.`;
  return refused(id, title, capstanError('CAP-2020', message, { where: 'spec.kubernetes.version', remedy }));
}
