import type { ErrorCode } from '../errors/registry.ts';
import { overlaps, parseCidr } from '../network/cidr.ts';
import { reservedWords } from '../names/tags.ts';
import { networkProblems } from './network-checks.ts';
import type { ClusterDocument } from './types.ts';

/** A rule that was broken, before it is given a line. */
export interface Broken {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly code: ErrorCode;
}

/** Oldest and newest minor version that this Capstan can build (kubeadm v1beta3 / v1beta4, Cluster API v1.14). */
export const supportedMinors = { first: 29, last: 35 } as const;

/** The cluster's name is the namespace of its Cluster API resources: these exist already, or belong to the agent. */
const takenNamespaces = /^(default|kube-.*|capi-.*|capz-system|cert-manager|calico-system|tigera-operator)$/;

/** Rules between fields that the schema cannot say. All broken ones are returned. */
export function checkDocument(document: ClusterDocument): readonly Broken[] {
  return [
    ...takenNameProblems(document.metadata),
    ...reservedWordProblems(document.metadata),
    ...versionProblems(document),
    ...imageProblems(document),
    ...poolProblems(document),
    ...storageProblems(document),
    ...networkProblems(document),
    ...unavailable(document),
  ];
}

type Metadata = ClusterDocument['metadata'];

/** Names that a cluster of either kind cannot have. */
export function takenNameProblems({ name }: Metadata): Broken[] {
  if (!takenNamespaces.test(name)) return [];
  const message = `${name} is the name of a namespace of Kubernetes or of the agent: choose another`;
  return [{ path: ['metadata', 'name'], message, code: 'CAP-1001' }];
}

/** Words that Azure reserves in tags (CAP-1003). */
export function reservedWordProblems({ tags }: Metadata): Broken[] {
  return Object.entries(tags).flatMap(([key, value]) =>
    [...reservedWords(key).map((word) => ['key', word]), ...reservedWords(value).map((word) => ['value', word])].map(
      ([where, word]) => ({
        path: ['metadata', 'tags', key],
        message: `the ${where} contains the reserved word ${word}`,
        code: 'CAP-1003' as const,
      }),
    ),
  );
}

function versionProblems({ spec }: ClusterDocument): Broken[] {
  const minor = Number(spec.kubernetes.version.split('.')[1]);
  const { first, last } = supportedMinors;
  const problems: Broken[] = [];
  if (minor < first || minor > last) {
    problems.push({
      path: ['spec', 'kubernetes', 'version'],
      message: `must be between v1.${first} and v1.${last}`,
      code: 'CAP-1001',
    });
  }
  if (![1, 3, 5].includes(spec.controlPlane.replicas)) {
    problems.push({
      path: ['spec', 'controlPlane', 'replicas'],
      message: `is ${spec.controlPlane.replicas}: a control plane has 1, 3 or 5 nodes`,
      code: 'CAP-1005',
    });
  }
  return problems;
}

/** Sources named by an IP literal, or not over https, are refused here; names are resolved in preflight. */
function imageProblems({ spec }: ClusterDocument): Broken[] {
  const { vhd, signature, gallery, communityGallery } = spec.image;
  const given = [vhd, gallery, communityGallery].filter((source) => source !== undefined).length;
  if (given !== 1) {
    return [
      { path: ['spec', 'image'], message: 'name exactly one of vhd, gallery and communityGallery', code: 'CAP-1001' },
    ];
  }
  if (vhd === undefined) {
    if (signature === undefined) return [];
    const message = 'belongs to vhd';
    return [{ path: ['spec', 'image', 'signature'], message, code: 'CAP-1001' }];
  }
  const refuse = (message: string): Broken[] => [{ path: ['spec', 'image', 'vhd'], message, code: 'CAP-1007' }];
  const url = URL.canParse(vhd) ? new URL(vhd) : undefined;
  if (url === undefined) return refuse('is not a URL');
  if (url.protocol !== 'https:') return refuse('must be an https URL');
  if (url.username !== '' || url.password !== '') return refuse('must not carry a user name or password');
  if (/^[\d.]+$/.test(url.hostname) || url.hostname.startsWith('['))
    return refuse('must name a host, not an IP address');
  if (url.hostname === 'localhost' || url.hostname.endsWith('.localhost') || !url.hostname.includes('.')) {
    return refuse('must name a public host');
  }
  return [];
}

function poolProblems({ spec, metadata }: ClusterDocument): Broken[] {
  const problems: Broken[] = [];
  const seen = new Set<string>();
  for (const [index, pool] of spec.workerPools.entries()) {
    const path = ['spec', 'workerPools', index, 'name'];
    if (seen.has(pool.name))
      problems.push({ path, message: `there are two pools named ${pool.name}`, code: 'CAP-1001' });
    seen.add(pool.name);
    if (`${metadata.name}-${pool.name}`.length > 50) {
      problems.push({
        path,
        message: 'cluster name and pool name together have at most 49 characters',
        code: 'CAP-1001',
      });
    }
    const { autoscaling, replicas } = pool;
    if (autoscaling !== undefined && (replicas < autoscaling.min || replicas > autoscaling.max)) {
      problems.push({
        path: ['spec', 'workerPools', index, 'replicas'],
        message: `is ${replicas}: must lie between autoscaling.min ${autoscaling.min} and autoscaling.max ${autoscaling.max}`,
        code: 'CAP-1001',
      });
    }
  }
  const addOns = new Set<string>();
  for (const [index, addOn] of spec.addOns.entries()) {
    const path = ['spec', 'addOns', index, 'name'];
    if (addOns.has(addOn.name))
      problems.push({ path, message: `there are two add-ons named ${addOn.name}`, code: 'CAP-1001' });
    addOns.add(addOn.name);
    const broken = (field: string, message: string) =>
      problems.push({ path: ['spec', 'addOns', index, field], message, code: 'CAP-1001' });
    if (addOn.manifests.length === 0 && addOn.chart === undefined)
      broken('manifests', 'name manifests, a chart, or both');
    if (addOn.values !== undefined && addOn.chart === undefined) broken('values', 'belongs to a chart');
  }
  return problems;
}

function storageProblems({ spec }: ClusterDocument): Broken[] {
  const { account, container, resourceGroup, authentication, sharedKeyAccess } = spec.storage;
  const problems: Broken[] = [];
  if (account === undefined && (container !== undefined || resourceGroup !== undefined)) {
    problems.push({
      path: ['spec', 'storage'],
      message: 'container and resourceGroup belong to an account of your own: name it',
      code: 'CAP-1001',
    });
  }
  if (account === undefined && sharedKeyAccess === 'denied' && authentication === 'sas') {
    problems.push({
      path: ['spec', 'storage', 'authentication'],
      message: 'sas needs shared keys, but sharedKeyAccess is denied',
      code: 'CAP-1001',
    });
  }
  return [...problems, ...storageNetworkProblems(spec.storage)];
}

/** Addresses that the network rules of a storage account refuse (REST reference, "Storage Accounts - Create", ipRules). */
const privateRanges = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'];

function storageNetworkProblems(storage: ClusterDocument['spec']['storage']): Broken[] {
  const { account, networkAccess, allowedNetworks, privateDnsZone } = storage;
  const problems: Broken[] = [];
  const broken = (field: string, message: string, ...index: readonly number[]) =>
    problems.push({ path: ['spec', 'storage', field, ...index], message, code: 'CAP-1001' });
  const created = (mode: string) => account === undefined && networkAccess === mode;
  if (allowedNetworks.length > 0 && !created('selectedNetworks'))
    broken('allowedNetworks', 'belongs to an account that Capstan creates with networkAccess selectedNetworks');
  if (privateDnsZone !== undefined && !created('private'))
    broken('privateDnsZone', 'belongs to an account that Capstan creates with networkAccess private');
  for (const [index, entry] of allowedNetworks.entries()) {
    if (entry.startsWith('/')) continue;
    const range = parseCidr(entry.includes('/') ? entry : `${entry}/32`);
    if (range === undefined) broken('allowedNetworks', `${entry} is not an address or a range`, index);
    else if (entry.includes('/') && range.prefix > 30)
      broken('allowedNetworks', `${entry}: write single addresses without a prefix; ranges end at /30`, index);
    else if (privateRanges.some((own) => overlaps(parseCidr(own) ?? range, range)))
      broken('allowedNetworks', `${entry} is a private address: name its subnet instead`, index);
  }
  return problems;
}

/** Parts of the schema that this version cannot build: said here, not found out an hour later. */
function unavailable({ spec }: ClusterDocument): Broken[] {
  const problems: Broken[] = [];
  const refuse = (path: readonly PropertyKey[], message: string) => problems.push({ path, message, code: 'CAP-1011' });
  const { account, networkAccess } = spec.storage;
  if (spec.network.api.exposure === 'private' && networkAccess === 'private' && account === undefined)
    refuse(
      ['spec', 'storage', 'networkAccess'],
      'private closes the account that is made, through which Capstan reaches a private API server: choose selectedNetworks, or an account of your own with a private endpoint that Capstan can use',
    );
  if (spec.azure.environment !== 'public') {
    refuse(['spec', 'azure', 'environment'], `${spec.azure.environment} is not available in this version`);
  }
  return problems;
}
