/** Kinds of calls that Azure Resource Manager counts apart. */
export type Verb = 'reads' | 'writes' | 'deletes';

/** One token bucket of Azure. */
export interface Limit {
  /** Key of the bucket; calls with the same key share it. */
  readonly key: string;
  readonly size: number;
  /** Azure refills so many tokens per Azure second. */
  readonly perSecond: number;
  /** Belongs to one resource: its calls come one after the other from one orchestration, so it is not divided. */
  readonly own?: string;
}

/** A call to Azure Resource Manager, as far as its limits depend on it. */
export interface LimitedCall {
  readonly method: string;
  /** Absolute or relative; only the path counts. */
  readonly url: string;
}

/** Per principal and subscription (azure-behaviour.md §6, ARM throttling). */
const subscriptionLimits: Readonly<Record<Verb, { readonly size: number; readonly perSecond: number }>> = {
  reads: { size: 250, perSecond: 25 },
  writes: { size: 200, perSecond: 10 },
  deletes: { size: 200, perSecond: 10 },
};

export function verbOf(method: string): Verb {
  if (method === 'DELETE') return 'deletes';
  return method === 'GET' || method === 'HEAD' ? 'reads' : 'writes';
}

/** Path in lower case, without query. */
function pathOf(url: string): string {
  return (url.replace(/^https?:\/\/[^/]+/, '').split('?')[0] ?? '').toLowerCase();
}

/** Subscription of a call, '' when it concerns the tenant. */
export function subscriptionOf(url: string): string {
  return /^\/subscriptions\/([^/]+)/.exec(pathOf(url))?.[1] ?? '';
}

/** The bucket of a subscription and kind of call. */
export function subscriptionLimit(subscription: string, verb: Verb): Limit {
  return { key: `${subscription}/${verb}`, ...subscriptionLimits[verb] };
}

/** A resource bucket of the Compute provider: refilled per minute. */
function perMinute(name: string, path: string, size: number, refill: number): Limit {
  return { key: `${name}/${path}`, size, perSecond: refill / 60, own: `${name}Resource` };
}

/**
 * A limit that counts calls in a window. As a bucket it may let through its size and what is refilled meanwhile, so that
 * both together stay within the window.
 */
function window(name: string, calls: number, seconds: number): Limit {
  const size = Math.floor(calls * 0.6);
  return { key: name, size, perSecond: (calls - size) / seconds };
}

function computeLimits(path: string, verb: Verb, method: string): readonly Limit[] {
  if (/\/locations\/[^/]+\/(operations|diskoperations|capsoperations)\//.test(path)) {
    return [perMinute('GetOperation', path, 45, 15)];
  }
  const machine = /^.*\/virtualmachines\/[^/]+/.exec(path)?.[0];
  if (machine === undefined) return [];
  if (verb === 'reads') return [perMinute('LowCostGet', machine, 36, 12)];
  if (verb === 'deletes' || path.endsWith('/deallocate')) return [perMinute('DeleteVM', machine, 12, 4)];
  return [method === 'PUT' ? perMinute('PutVM', machine, 12, 4) : perMinute('UpdateVM', machine, 12, 4)];
}

function providerLimits(subscription: string, path: string, verb: Verb, method: string): readonly Limit[] {
  if (path.includes('/providers/microsoft.compute/')) return computeLimits(path, verb, method);
  if (path.includes('/providers/microsoft.network/') && verb !== 'reads') {
    return [window(`${subscription}/network`, 1000, 300)];
  }
  if (!path.includes('/providers/microsoft.storage/')) return [];
  return verb === 'reads'
    ? [window(`${subscription}/storage reads`, 800, 300)]
    : [window(`${subscription}/storage writes`, 1200, 3600)];
}

/** Every bucket that a call takes a token from. Source: azure-behaviour.md §6 (ARM, Network, Storage and Compute RP). */
export function limitsOf(call: LimitedCall): readonly Limit[] {
  const verb = verbOf(call.method);
  const path = pathOf(call.url);
  const subscription = subscriptionOf(call.url);
  return [subscriptionLimit(subscription, verb), ...providerLimits(subscription, path, verb, call.method)];
}
