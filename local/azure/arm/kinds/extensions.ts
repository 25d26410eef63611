import { ArmError, groupNotFound } from '../engine/errors.ts';
import { groupKeyOf, nameOf } from '../engine/ids.ts';
import type { JsonObject } from '../engine/json.ts';
import type { World } from '../engine/model.ts';
import type { Address } from '../engine/routes.ts';
import type { Resource } from '../engine/store.ts';

/** The scope of an extension resource must exist. */
export function requireScope(world: World, scope: string): void {
  const key = scope.toLowerCase();
  const group = groupKeyOf(scope);
  if (group !== '' && world.store.get(group) === undefined)
    throw groupNotFound(nameOf(scope.split('/').slice(0, 5).join('/')));
  if (group === '' || key === group || world.store.get(key) !== undefined || key.includes('/blobservices/')) return;
  throw new ArmError(
    404,
    'ResourceNotFound',
    `The Resource '${scope.split('/providers/').at(-1) ?? scope}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
    { cause: 'gateway' },
  );
}

/** Stores a resource that stands on another one: an assignment, a lock, a role. */
export function makeExtension(
  world: World,
  address: Address,
  type: string,
  body: JsonObject,
  hidden: JsonObject,
): Resource {
  const existing = world.store.get(address.path.toLowerCase());
  const resource: Resource = {
    key: address.path.toLowerCase(),
    id: existing?.id ?? address.path,
    type,
    name: address.names[0] ?? '',
    body,
    hidden: { scope: address.scope, ...hidden },
    state: 'Succeeded',
    childStates: {},
    etag: '',
    busy: undefined,
    createdAt: existing?.createdAt ?? world.clock.now(),
  };
  world.store.put(resource);
  return resource;
}
