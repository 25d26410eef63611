/** A resource id taken apart. Names keep the letter case of the caller; compare through `key`. */
export interface ResourceId {
  readonly id: string;
  /** Lower-case id: ARM compares ids without letter case. */
  readonly key: string;
  readonly subscription: string;
  readonly group: string;
  readonly provider: string;
  /** Type segments after the provider, e.g. `['virtualNetworks', 'subnets']`. */
  readonly types: readonly string[];
  readonly names: readonly string[];
}

const RESOURCE =
  /^\/subscriptions\/(?<subscription>[^/]+)(?:\/resourceGroups\/(?<group>[^/]+))?\/providers\/(?<provider>[^/]+)\/(?<rest>[^/]+(?:\/[^/]+)*)$/iu;

/** Parses a resource id; undefined when the text is none (a group or subscription scope included). */
export function parseResourceId(id: string): ResourceId | undefined {
  const match = RESOURCE.exec(id);
  const { subscription, group, provider, rest } = match?.groups ?? {};
  if (subscription === undefined || provider === undefined || rest === undefined) return undefined;
  const segments = rest.split('/');
  return {
    id,
    key: id.toLowerCase(),
    subscription,
    group: group ?? '',
    provider,
    types: segments.filter((_, index) => index % 2 === 0),
    names: segments.filter((_, index) => index % 2 === 1),
  };
}

/** `Microsoft.Network/virtualNetworks/subnets` of a parsed id, in the caller's letter case. */
export function typeOf(id: ResourceId): string {
  return [id.provider, ...id.types].join('/');
}

/** Last segment of an id. */
export function nameOf(id: string): string {
  return id.slice(id.lastIndexOf('/') + 1);
}

/** Id of the resource group an id lies in, lower case; '' for a subscription scope. */
export function groupKeyOf(id: string): string {
  return /^\/subscriptions\/[^/]+\/resourcegroups\/[^/]+/u.exec(id.toLowerCase())?.[0] ?? '';
}

/** Subscription of an id, lower case. */
export function subscriptionOf(id: string): string {
  return /^\/subscriptions\/([^/]+)/u.exec(id.toLowerCase())?.[1] ?? '';
}

/** True when `scope` is `id` itself or one of the scopes above it. */
export function isWithin(id: string, scope: string): boolean {
  const inner = id.toLowerCase();
  const outer = scope.toLowerCase().replace(/\/$/u, '');
  return outer === '' || inner === outer || inner.startsWith(`${outer}/`);
}

/** Id of the availability of an embedded child: id of its resource with the collection and name appended. */
export function childId(parent: string, collection: string, name: string): string {
  return `${parent}/${collection}/${name}`;
}
