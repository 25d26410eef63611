import { isWithin } from './ids.ts';
import { at, type JsonObject, objects, text } from './json.ts';
import type { World } from './model.ts';
import type { Operation, Resource } from './store.ts';
import { kindOf } from './view.ts';

/** Ends a running operation: the resource reaches its final state, or says Failed with the operation's error. */
export function finishOperation(
  world: World,
  operation: Operation,
  options: { readonly keepEtag?: boolean } = {},
): void {
  if (world.store.operation(operation.id)?.status !== 'InProgress') return;
  const error = operation.error ?? (operation.kind === 'steps' ? nextStep(world, operation) : undefined);
  if (typeof error === 'number') {
    const again: Operation = { ...operation, dueAt: world.clock.now() + (error * 1000) / world.clock.timeScale };
    world.store.putOperation(again);
    world.schedule(again);
    return;
  }
  const ended: Operation = {
    ...operation,
    error,
    status: error === undefined ? 'Succeeded' : 'Failed',
    endedAt: world.clock.now(),
  };
  world.store.putOperation(ended);
  const resource = world.store.get(operation.key);
  if (resource?.busy !== operation.id) return;
  const etag = options.keepEtag === true ? resource.etag : `W/"${world.random.uuid()}"`;
  const free: Resource = { ...resource, busy: undefined, childStates: {}, etag };
  if (ended.status === 'Failed') failed(world, free, operation);
  else succeeded(world, free, operation);
}

/** Lets an operation of many steps go on: seconds until it wants to be asked again, its error, or undefined at its end. */
function nextStep(world: World, operation: Operation): number | JsonObject | undefined {
  const resource = world.store.get(operation.key);
  return resource === undefined ? undefined : kindOf(world, resource).step?.(world, resource);
}

function failed(world: World, resource: Resource, operation: Operation): void {
  const child = text(operation.detail['child']);
  // A resource group whose deletion failed is rolled back; everything else says Failed.
  if (operation.kind === 'delete-group') world.store.put({ ...resource, state: 'Succeeded' });
  else if (child === undefined) {
    world.store.put({ ...resource, state: operation.kind === 'action' ? resource.state : 'Failed' });
    if (operation.kind === 'put' || operation.kind === 'steps') kindOf(world, resource).failed?.(world, resource);
  } else world.store.put({ ...resource, state: 'Succeeded', childStates: { [child.toLowerCase()]: 'Failed' } });
}

function succeeded(world: World, resource: Resource, operation: Operation): void {
  const done: Resource = { ...resource, state: 'Succeeded' };
  const kind = kindOf(world, resource);
  switch (operation.kind) {
    case 'put':
    case 'steps':
      world.store.put(done);
      kind.ready?.(world, done, operation.detail['created'] === true);
      return;
    case 'child-put':
      world.store.put(done);
      return;
    case 'child-delete':
      world.store.put({ ...done, body: withoutChild(done.body, operation.detail) });
      return;
    case 'action':
      world.store.put({ ...done, state: resource.state === 'Updating' ? 'Succeeded' : resource.state });
      kind.finished?.(world, done, operation);
      return;
    case 'delete':
    case 'delete-group':
      removeResource(world, resource);
      return;
    default:
      throw new Error(`operation ${operation.id} has the unknown kind ${operation.kind}`);
  }
}

function withoutChild(body: JsonObject, detail: JsonObject): JsonObject {
  const collection = text(detail['collection']) ?? '';
  const name = text(detail['name'])?.toLowerCase();
  const rest = objects(at(body, 'properties', collection)).filter(
    (child) => text(child['name'])?.toLowerCase() !== name,
  );
  return { ...body, properties: { ...(body['properties'] as JsonObject), [collection]: rest } };
}

/** Takes a resource away, with the role assignments and locks that were made on it. */
export function removeResource(world: World, resource: Resource): void {
  world.store.remove(resource.key);
  for (const type of ['Microsoft.Authorization/roleAssignments', 'Microsoft.Authorization/locks']) {
    for (const extension of world.store.ofType(type)) {
      if (isWithin(text(extension.hidden['scope']) ?? '', resource.id)) world.store.remove(extension.key);
    }
  }
  kindOf(world, resource).removed?.(world, resource);
}
