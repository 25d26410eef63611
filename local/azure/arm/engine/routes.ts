import { API_VERSIONS } from '../catalogue/api-versions.ts';
import { surface, type SurfaceOperation } from './surface.ts';

/** An address of ARM taken apart: scope, provider, and alternating types and names after the last `/providers/`. */
export interface Address {
  /** Decoded path without a trailing slash. */
  readonly path: string;
  /** Path before the last `/providers/` for extension resources and provider addresses, else the path itself. */
  readonly scope: string;
  readonly provider: string;
  readonly types: readonly string[];
  readonly names: readonly string[];
  /** Key of the route: path with every name replaced by `{}`, lower case. */
  readonly template: string;
}

/** Providers whose resources can be made on any other resource. */
function isExtension(provider: string, type: string): boolean {
  const lower = provider.toLowerCase();
  return lower === 'microsoft.authorization' || (lower === 'microsoft.resources' && type.toLowerCase() === 'tags');
}

/** Replaces the names: every second segment, beginning with the second. */
function alternate(segments: readonly string[]): string {
  return segments.map((segment, index) => (index % 2 === 1 ? '{}' : segment.toLowerCase())).join('/');
}

/** Takes a path apart. */
export function addressOf(rawPath: string): Address {
  const path = decode(rawPath)
    .replaceAll(/\/{2,}/gu, '/')
    .replace(/\/$/u, '');
  const segments = path.split('/').slice(1);
  const last = segments.map((segment) => segment.toLowerCase()).lastIndexOf('providers');
  const provider = last < 0 ? '' : (segments[last + 1] ?? '');
  const rest = last < 0 ? [] : segments.slice(last + 2);
  const types = rest.filter((_, index) => index % 2 === 0);
  const names = rest.filter((_, index) => index % 2 === 1);
  if (last < 0 || provider === '' || rest.length === 0 || /^(?:un)?register$/iu.test(rest[0] ?? '')) {
    return { path, scope: path, provider, types, names, template: `/${alternate(segments)}` };
  }
  const scope = last === 0 ? '' : `/${segments.slice(0, last).join('/')}`;
  const prefix = isExtension(provider, types[0] ?? '')
    ? '/{scope}'
    : scope === ''
      ? ''
      : `/${alternate(segments.slice(0, last))}`;
  return {
    path,
    scope,
    provider,
    types,
    names,
    template: `${prefix}/providers/${provider.toLowerCase()}/${alternate(rest)}`,
  };
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Key under which an operation of the surface is found. */
export function templateKey(template: string): string {
  return addressOf(
    template.replaceAll(/\{(\w+)\}/gu, (_, name: string) =>
      name === 'scope' || name === 'resourceScope' ? '{scope}' : '{}',
    ),
  ).template;
}

const routes = new Map<string, SurfaceOperation[]>();
for (const operation of surface.operations) {
  if (operation.version === '*') continue;
  const key = templateKey(operation.path);
  routes.set(key, [...(routes.get(key) ?? []), operation]);
}

/** Operations of the contract at an address, of any method. */
export function operationsAt(address: Address): readonly SurfaceOperation[] {
  return routes.get(address.template) ?? [];
}

/** api-versions that an address takes: those of the installed SDK packages and earlier ones of the provider. */
export function versionsOf(address: Address, operations: readonly SurfaceOperation[]): readonly string[] {
  const provider =
    address.provider === '' || operations.some((item) => item.pkg === 'arm-resources')
      ? 'microsoft.resources'
      : address.provider.toLowerCase();
  const own = operations.map((operation) => operation.version);
  return [...new Set([...(API_VERSIONS[provider] ?? []), ...own])].sort();
}
