import { apiVersionOf, type ResourceKind } from './kinds.ts';
import type { KindRegistry } from './registry.ts';

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const SUBRESOURCE_VERBS = ['get', 'patch', 'update'];

/** Groups whose resources are answered but not stored. */
const REVIEW_RESOURCES: readonly (readonly [group: string, kind: string, plural: string, singular: string])[] = [
  ['authorization.k8s.io', 'SelfSubjectAccessReview', 'selfsubjectaccessreviews', 'selfsubjectaccessreview'],
  ['authorization.k8s.io', 'SubjectAccessReview', 'subjectaccessreviews', 'subjectaccessreview'],
  ['authentication.k8s.io', 'SelfSubjectReview', 'selfsubjectreviews', 'selfsubjectreview'],
];

/** GET /api. */
export function apiVersions(): unknown {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: '127.0.0.1' }],
  };
}

/** GET /apis. */
export function apiGroupList(registry: KindRegistry): unknown {
  return {
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: [...groupVersions(registry)].map(([name, versions]) => groupOf(name, versions)),
  };
}

/** GET /apis/<group>; `undefined` for an unknown one. */
export function apiGroup(registry: KindRegistry, name: string): unknown {
  const versions = groupVersions(registry).get(name);
  return versions === undefined ? undefined : { kind: 'APIGroup', apiVersion: 'v1', ...groupOf(name, versions) };
}

function groupOf(
  name: string,
  versions: readonly string[],
): { readonly name: string; readonly versions: unknown; readonly preferredVersion: unknown } {
  const entries = versions.map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: entries, preferredVersion: entries[0] };
}

/** GET /api/v1. */
export function coreResources(registry: KindRegistry): unknown {
  return resourceList(
    'v1',
    registry.all().filter((kind) => kind.group === ''),
    [],
  );
}

/** GET /apis/<group>/<version>; `undefined` for an unknown one. */
export function groupResources(registry: KindRegistry, group: string, version: string): unknown {
  if (group === '') return undefined;
  const kinds = registry.all().filter((kind) => kind.group === group && kind.version === version);
  const reviews = version === 'v1' ? REVIEW_RESOURCES.filter(([name]) => name === group) : [];
  return kinds.length + reviews.length === 0 ? undefined : resourceList(`${group}/${version}`, kinds, reviews);
}

function resourceList(groupVersion: string, kinds: readonly ResourceKind[], reviews: typeof REVIEW_RESOURCES): unknown {
  const resources = kinds.flatMap((kind) => [
    resourceEntry(kind),
    ...subresources(kind).map((entry) => subresourceEntry(kind, entry)),
  ]);
  const answered = reviews.map(([, kind, name, singularName]) => ({
    name,
    singularName,
    namespaced: false,
    kind,
    verbs: ['create'],
  }));
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: [...resources, ...answered] };
}

function resourceEntry(kind: ResourceKind): unknown {
  return {
    name: kind.plural,
    singularName: kind.singular,
    namespaced: kind.namespaced,
    kind: kind.kind,
    verbs: VERBS,
    ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
    ...(kind.categories.length === 0 ? {} : { categories: kind.categories }),
  };
}

interface Subresource {
  readonly name: string;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

function subresources(kind: ResourceKind): Subresource[] {
  const { group, version } = kind;
  return [
    ...(kind.hasStatus ? [{ name: 'status', group, version, kind: kind.kind }] : []),
    ...(kind.scale === undefined ? [] : [{ name: 'scale', group: 'autoscaling', version: 'v1', kind: 'Scale' }]),
  ];
}

function subresourceEntry(kind: ResourceKind, entry: Subresource): unknown {
  const own = entry.group === kind.group ? {} : { group: entry.group, version: entry.version };
  return {
    name: `${kind.plural}/${entry.name}`,
    singularName: '',
    namespaced: kind.namespaced,
    kind: entry.kind,
    ...own,
    verbs: SUBRESOURCE_VERBS,
  };
}

/** Versions of every named group, the preferred one first (Kubernetes version priority: GA before beta before alpha). */
function groupVersions(registry: KindRegistry): Map<string, string[]> {
  const groups = new Map<string, Set<string>>();
  const add = (group: string, version: string): void => {
    const versions = groups.get(group) ?? new Set<string>();
    groups.set(group, versions.add(version));
  };
  for (const kind of registry.all()) if (kind.group !== '') add(kind.group, kind.version);
  for (const [group] of REVIEW_RESOURCES) add(group, 'v1');
  return new Map([...groups].map(([group, versions]) => [group, [...versions].sort(byPriority)]));
}

function byPriority(left: string, right: string): number {
  const rank = (version: string): readonly [number, number, number] => {
    const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
    if (match === null) return [3, 0, 0];
    const [, major, stage, minor] = match;
    return [stage === undefined ? 0 : stage === 'beta' ? 1 : 2, -Number(major), -Number(minor ?? 0)];
  };
  const [a, b] = [rank(left), rank(right)];
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || (left < right ? -1 : 1);
}

/** GET /api or /apis with `as=APIGroupDiscoveryList` (Kubernetes documentation, "Aggregated discovery"). */
export function aggregatedDiscovery(registry: KindRegistry, which: 'core' | 'groups'): unknown {
  const groups = which === 'core' ? new Map([['', ['v1']]]) : groupVersions(registry);
  const items = [...groups].map(([name, versions]) => ({
    metadata: name === '' ? {} : { name },
    versions: versions.map((version) => ({
      version,
      resources: aggregatedResources(registry, name, version),
      freshness: 'Current',
    })),
  }));
  return { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items };
}

function aggregatedResources(registry: KindRegistry, group: string, version: string): unknown[] {
  const kinds = registry.all().filter((kind) => kind.group === group && kind.version === version);
  const stored = kinds.map((kind) => ({
    resource: kind.plural,
    responseKind: { group, version, kind: kind.kind },
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: kind.singular,
    verbs: VERBS,
    ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
    ...(kind.categories.length === 0 ? {} : { categories: kind.categories }),
    subresources: subresources(kind).map((entry) => ({
      subresource: entry.name,
      responseKind: { group: entry.group, version: entry.version, kind: entry.kind },
      verbs: SUBRESOURCE_VERBS,
    })),
  }));
  const reviews = REVIEW_RESOURCES.filter(([name]) => name === group && version === 'v1').map(
    ([, kind, resource, singularResource]) => ({
      resource,
      responseKind: { group, version, kind },
      scope: 'Cluster',
      singularResource,
      verbs: ['create'],
    }),
  );
  return [...stored, ...reviews];
}

/** The group versions that are served, e.g. `v1`, `apps/v1`. */
export function servedGroupVersions(registry: KindRegistry): string[] {
  return [...new Set(registry.all().map(apiVersionOf))];
}
