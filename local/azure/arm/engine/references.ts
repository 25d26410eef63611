import type { Principal } from '../../service.ts';
import { ArmError } from './errors.ts';
import { parseResourceId, typeOf } from './ids.ts';
import { at, type JsonObject, object, objects, text } from './json.ts';
import type { Kind, World } from './model.ts';
import { authorizeLinks } from './rbac.ts';
import { referencesIn } from './store.ts';
import { childState, findChild, locationOf, normalLocation } from './view.ts';

interface Target {
  readonly type: string;
  readonly location: string;
  readonly state: string;
  readonly busy: string | undefined;
  readonly label: string;
}

/** A referenced resource or embedded child, undefined when it does not exist. */
function resolve(world: World, id: string): Target | undefined {
  const resource = world.store.get(id.toLowerCase());
  if (resource !== undefined) {
    const busy = resource.busy === undefined ? undefined : world.store.operation(resource.busy);
    return {
      type: resource.type,
      location: locationOf(resource),
      state: resource.state,
      busy: resource.busy,
      label: busy?.label ?? 'PutOperation',
    };
  }
  const found = findChild(world, id);
  if (found === undefined) return undefined;
  const { parent, collection } = found;
  const busy = parent.busy === undefined ? undefined : world.store.operation(parent.busy);
  return {
    type: `${parent.type}/${collection.property}`,
    location: locationOf(parent),
    state: childState(parent, id),
    busy: parent.busy,
    label: busy?.label ?? 'PutOperation',
  };
}

/** True when an id names something below the resource that is being written. */
function isOwn(id: string, own: string): boolean {
  return id.startsWith(`${own.toLowerCase()}/`);
}

/** Whether the new body itself contains the embedded child that it refers to. */
function containsChild(kind: Kind, body: JsonObject, own: string, id: string): boolean {
  const [property = '', name = ''] = id.slice(own.length + 1).split('/');
  const collection = kind.collections?.find((item) => item.property.toLowerCase() === property);
  if (collection === undefined) return true;
  return objects(at(body, 'properties', collection.property)).some(
    (child) => text(child['name'])?.toLowerCase() === name,
  );
}

function invalidReference(reference: string, own: string): ArmError {
  return new ArmError(
    400,
    'InvalidResourceReference',
    `Resource ${reference} referenced by resource ${own} was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.`,
    { details: [] },
  );
}

/**
 * Checks everything that a body refers to: it must exist, lie in the same region, be provisioned (network only), and the
 * caller must be allowed to use it. Statuses: azure-recordings/README.md, Errors.
 *
 * @param whole the complete resource, when `body` is only the part that is written
 */
export function checkReferences(
  world: World,
  principal: Principal,
  kind: Kind,
  own: string,
  body: JsonObject,
  whole: JsonObject = body,
): void {
  const location = normalLocation(text(body['location']) ?? '');
  const network = kind.type.startsWith('Microsoft.Network/');
  const links: { id: string; type: string }[] = [];
  for (const reference of referencesIn(body)) {
    if (isOwn(reference, own)) {
      if (!containsChild(kind, whole, own, reference)) throw invalidReference(reference, own);
      continue;
    }
    const target = resolve(world, reference);
    if (target === undefined) {
      if (kind.ownReferences === true) continue;
      throw network
        ? invalidReference(reference, own)
        : new ArmError(404, 'NotFound', `Resource ${reference} not found.`, { details: [] });
    }
    links.push({ id: reference, type: target.type });
    if (!network) continue;
    if (!['', 'global', target.location].includes(location) && !['', 'global'].includes(target.location))
      throw invalidReference(reference, own);
    if (target.state !== 'Succeeded') throw notProvisioned(reference, own, target);
  }
  for (const identity of Object.keys(object(at(body, 'identity', 'userAssignedIdentities')))) {
    const id = parseResourceId(identity);
    if (id !== undefined) links.push({ id: identity, type: typeOf(id) });
  }
  authorizeLinks(world, principal, `${kind.type}/write`, own, links);
}

function notProvisioned(reference: string, own: string, target: Target): ArmError {
  return new ArmError(429, 'RetryableError', 'A retryable error occurred.', {
    cause: 'service',
    details: [
      {
        code: 'ReferencedResourceNotProvisioned',
        message: `Cannot proceed with operation because resource ${reference} used by resource ${own} is not in Succeeded state. Resource is in ${target.state} state and the last operation that updated/is updating the resource is ${target.label}.`,
      },
    ],
  });
}
