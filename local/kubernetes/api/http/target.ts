import type { ResourceKind } from '../kinds.ts';
import type { KindRegistry } from '../registry.ts';

/** A URL below /api/v1 or /apis/<group>/<version>, taken apart. */
export interface Target {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string;
}

/** Takes a resource path apart; `undefined` when it is not one. */
export function parseTarget(path: string): Target | undefined {
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  const [root, ...rest] = parts;
  if (root === 'api') return resource('', rest[0] ?? '', rest.slice(1));
  if (root === 'apis') return resource(rest[0] ?? '', rest[1] ?? '', rest.slice(2));
  return undefined;
}

function resource(group: string, version: string, parts: readonly string[]): Target | undefined {
  const [first, second, third, ...more] = parts;
  if (first === undefined) return undefined;
  const subresourceOfNamespace = third === 'status' || third === 'finalize';
  if (
    first === 'namespaces' &&
    second !== undefined &&
    third !== undefined &&
    !(subresourceOfNamespace && more.length === 0)
  ) {
    const [name, ...subresource] = more;
    return { group, version, plural: third, namespace: second, name, subresource: subresource.join('/') };
  }
  return {
    group,
    version,
    plural: first,
    namespace: undefined,
    name: second,
    subresource: [third, ...more].filter((part) => part !== undefined).join('/'),
  };
}

/** The kind that a target names; `undefined` when it is not served or is addressed with the wrong scope. */
export function kindOfTarget(registry: KindRegistry, target: Target): ResourceKind | undefined {
  const kind = registry.byResource(target.group, target.version, target.plural);
  if (kind === undefined) return undefined;
  if (!kind.namespaced && target.namespace !== undefined) return undefined;
  if (kind.namespaced && target.namespace === undefined && target.name !== undefined) return undefined;
  return kind;
}

/** RBAC verb of a request. */
export function verbOf(method: string, target: Target, watching: boolean): string {
  switch (method) {
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return target.name === undefined ? 'deletecollection' : 'delete';
    default:
      if (watching) return 'watch';
      return target.name === undefined ? 'list' : 'get';
  }
}
