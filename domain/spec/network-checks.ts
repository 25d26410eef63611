import { contains, overlaps, parseCidr, type Range, usableAddresses } from '../network/cidr.ts';
import type { Broken } from './checks.ts';
import type { ClusterDocument } from './types.ts';

const staticFields = ['resourceGroup', 'virtualNetwork', 'controlPlaneSubnet', 'workerSubnet'] as const;

/** Rules of placement and address ranges. */
export function networkProblems(document: ClusterDocument): readonly Broken[] {
  return [...placementProblems(document), ...privateAddressProblems(document), ...rangeProblems(document)];
}

/** The private address belongs to a private API server, and must be one that Azure can give to a load balancer. */
function privateAddressProblems({ spec }: ClusterDocument): Broken[] {
  const { api, placement, cidrs } = spec.network;
  if (api.privateAddress === undefined) return [];
  const broken = (message: string): Broken[] => [
    { path: ['spec', 'network', 'api', 'privateAddress'], message, code: 'CAP-1004' },
  ];
  if (api.exposure !== 'private') return broken('belongs to exposure: private');
  // The user's own subnet is read in preflight; Azure refuses an address that is not in it, or taken.
  const subnet = placement === 'dynamic' ? parseCidr(cidrs.controlPlaneSubnet) : undefined;
  const address = parseCidr(`${api.privateAddress}/32`);
  if (subnet === undefined || address === undefined) return [];
  if (!contains(subnet, address)) return broken(`${api.privateAddress} lies outside the subnet ${subnet.cidr}`);
  const reserved = address.first < subnet.first + 4 || address.first === subnet.last;
  return reserved ? broken(`${api.privateAddress} is one of the five addresses that Azure keeps of a subnet`) : [];
}

function placementProblems({ spec }: ClusterDocument): Broken[] {
  const { network } = spec;
  const problems: Broken[] = [];
  const broken = (path: readonly PropertyKey[], message: string) => problems.push({ path, message, code: 'CAP-1006' });
  if (network.placement === 'static') {
    for (const field of staticFields) {
      // A gateway names its own network.
      const lent = spec.gateway !== undefined && (field === 'resourceGroup' || field === 'virtualNetwork');
      if (network[field] === undefined && !lent) broken(['spec', 'network', field], 'is needed with static placement');
    }
    if (network.controlPlaneSubnet !== undefined && network.controlPlaneSubnet === network.workerSubnet) {
      broken(['spec', 'network', 'workerSubnet'], 'must be another subnet than the control plane uses');
    }
  } else {
    for (const field of staticFields) {
      if (network[field] !== undefined) broken(['spec', 'network', field], 'belongs to static placement');
    }
    if (spec.proxy !== undefined) broken(['spec', 'proxy'], 'a proxy needs static placement');
    if (spec.gateway !== undefined) broken(['spec', 'gateway'], 'a gateway needs static placement');
  }
  return problems;
}

/** Named ranges of the document that are used with this placement. */
function namedRanges({
  spec,
}: ClusterDocument): readonly { readonly path: readonly PropertyKey[]; readonly cidr: string }[] {
  const { network } = spec;
  const own =
    network.placement === 'dynamic'
      ? (['virtualNetwork', 'controlPlaneSubnet', 'workerSubnet'] as const).map((field) => ({
          path: ['spec', 'network', 'cidrs', field],
          cidr: network.cidrs[field],
        }))
      : [];
  return [
    ...own,
    { path: ['spec', 'network', 'podCidr'], cidr: network.podCidr },
    { path: ['spec', 'network', 'serviceCidr'], cidr: network.serviceCidr },
    ...network.api.allowedCidrs.map((cidr, index) => ({
      path: ['spec', 'network', 'api', 'allowedCidrs', index],
      cidr,
    })),
    ...network.ssh.allowedCidrs.map((cidr, index) => ({
      path: ['spec', 'network', 'ssh', 'allowedCidrs', index],
      cidr,
    })),
  ];
}

function rangeProblems(document: ClusterDocument): Broken[] {
  const { network } = document.spec;
  const malformed = namedRanges(document).filter(({ cidr }) => parseCidr(cidr) === undefined);
  if (malformed.length > 0) {
    return malformed.map(({ path, cidr }) => ({
      path,
      message: `${cidr} is not a range: the address must be the first one of the range`,
      code: 'CAP-1004' as const,
    }));
  }
  const pods = range(network.podCidr);
  const services = range(network.serviceCidr);
  const problems: Broken[] = [];
  const broken = (field: readonly PropertyKey[], message: string) =>
    problems.push({ path: ['spec', 'network', ...field], message, code: 'CAP-1004' });
  if (overlaps(pods, services)) broken(['serviceCidr'], `${services.cidr} overlaps the pods' ${pods.cidr}`);
  if (services.prefix > 24) broken(['serviceCidr'], `${services.cidr} is too small: at most /24`);
  if (pods.prefix > 22) broken(['podCidr'], `${pods.cidr} is too small: at most /22`);
  if (network.placement === 'dynamic') problems.push(...dynamicRangeProblems(document, pods, services));
  return problems;
}

function dynamicRangeProblems({ spec }: ClusterDocument, pods: Range, services: Range): Broken[] {
  const outer = range(spec.network.cidrs.virtualNetwork);
  const control = range(spec.network.cidrs.controlPlaneSubnet);
  const workers = range(spec.network.cidrs.workerSubnet);
  const problems: Broken[] = [];
  const broken = (field: string, message: string) =>
    problems.push({ path: ['spec', 'network', 'cidrs', field], message, code: 'CAP-1004' });
  for (const [field, inner] of [
    ['controlPlaneSubnet', control],
    ['workerSubnet', workers],
  ] as const) {
    if (!contains(outer, inner)) broken(field, `${inner.cidr} lies outside the virtual network ${outer.cidr}`);
  }
  if (overlaps(control, workers))
    broken('workerSubnet', `${workers.cidr} overlaps the control plane's ${control.cidr}`);
  for (const [name, other] of [
    ['pods', pods],
    ['services', services],
  ] as const) {
    if (overlaps(outer, other)) broken('virtualNetwork', `${outer.cidr} overlaps the ${name}' ${other.cidr}`);
  }
  // One more for a machine that is replaced before the old one goes.
  const wantedControl = spec.controlPlane.replicas + 1;
  const wantedWorkers = spec.workerPools.reduce((sum, pool) => sum + (pool.autoscaling?.max ?? pool.replicas) + 3, 0);
  if (usableAddresses(control) < wantedControl)
    broken('controlPlaneSubnet', `${control.cidr} has no room for ${wantedControl} machines`);
  if (usableAddresses(workers) < wantedWorkers)
    broken('workerSubnet', `${workers.cidr} has no room for ${wantedWorkers} machines`);
  return problems;
}

/** A range that is known to be one. */
function range(cidr: string): Range {
  return parseCidr(cidr) ?? { cidr, prefix: 32, first: 0, last: 0 };
}
