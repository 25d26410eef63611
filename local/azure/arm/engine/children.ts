import type { AzureReply } from '../../service.ts';
import { finishOperation } from './complete.ts';
import { checkBusy, checkPreconditions, requireGroup } from './conditions.ts';
import { normalChild, prepareChild, requireResource } from './crud.ts';
import { ArmError, emptyReply, jsonReply } from './errors.ts';
import { applyPolicies, checkLocks } from './governance.ts';
import { parseResourceId, type ResourceId } from './ids.ts';
import { at, type JsonObject, object, objects, text } from './json.ts';
import type { Call, Collection, Kind, World } from './model.ts';
import { operationHeaders, startOperation } from './operations.ts';
import { checkReferences } from './references.ts';
import type { Resource } from './store.ts';
import { childState, childWire } from './view.ts';

interface Address {
  readonly parent: Resource;
  readonly name: string;
  readonly id: string;
  readonly children: readonly JsonObject[];
  readonly child: JsonObject | undefined;
}

function locate(world: World, kind: Kind, collection: Collection, id: ResourceId): Address {
  const parentText = id.id.split('/').slice(0, -2).join('/');
  const parentId = parseResourceId(parentText);
  const parent =
    parentId === undefined || world.store.get(parentId.key) === undefined
      ? undefined
      : requireResource(world, kind, parentId);
  if (parent === undefined) {
    throw new ArmError(
      404,
      'ParentResourceNotFound',
      `Can not perform requested operation on nested resource. Parent resource '${id.names.at(-2) ?? ''}' not found.`,
      { cause: 'gateway' },
    );
  }
  const name = id.names.at(-1) ?? '';
  const children = objects(at(parent.body, 'properties', collection.property));
  const child = children.find((item) => text(item['name'])?.toLowerCase() === name.toLowerCase());
  return { parent, name, id: `${parent.id}/${collection.property}/${text(child?.['name']) ?? name}`, children, child };
}

function absent(id: string): ArmError {
  return new ArmError(404, 'NotFound', `Resource ${id} not found.`, { details: [] });
}

/** GET of an embedded child. */
export function getChild(world: World, kind: Kind, collection: Collection, id: ResourceId): AzureReply {
  requireGroup(world, id, false);
  const { parent, child, id: own } = locate(world, kind, collection, id);
  if (child === undefined) throw absent(own);
  return jsonReply(200, childWire(world, kind, parent, collection, child), { etag: parent.etag });
}

/** All embedded children of one kind. */
export function listChildren(
  world: World,
  kind: Kind,
  collection: Collection,
  parentId: ResourceId,
): readonly JsonObject[] {
  requireGroup(world, parentId, false);
  const parent = requireResource(world, kind, parentId);
  return objects(at(parent.body, 'properties', collection.property)).map((child) =>
    childWire(world, kind, parent, collection, child),
  );
}

function mustBeAddressable(collection: Collection, id: string): void {
  if (collection.addressable !== false) return;
  throw new ArmError(405, 'MethodNotAllowed', `${id} can only be written through its parent.`);
}

/** PUT of an embedded child: changes the parent, which is busy meanwhile. */
export function putChild(world: World, call: Call, kind: Kind, collection: Collection, id: ResourceId): AzureReply {
  mustBeAddressable(collection, id.id);
  requireGroup(world, id, true);
  const { parent, name, id: own, children, child: existing } = locate(world, kind, collection, id);
  checkLocks(world, own, 'write');
  checkPreconditions(call.request.headers, existing === undefined ? undefined : parent, own);
  checkBusy(world, parent);
  const bad = kind.checkName(name);
  if (bad !== undefined) throw bad;
  const siblings = children.filter((item) => item !== existing);
  const child = prepareChild(
    world,
    collection,
    parent.id,
    parent.body,
    normalChild(
      { ...applyPolicies(world, `${kind.type}/${collection.property}`, own, name, call.body), name },
      collection.property,
    ),
    existing,
    siblings,
  );
  const after =
    existing === undefined ? [...children, child] : children.map((item) => (item === existing ? child : item));
  const body: JsonObject = {
    ...parent.body,
    properties: { ...object(parent.body['properties']), [collection.property]: after },
  };
  const written: JsonObject = { location: parent.body['location'], properties: { [collection.property]: [child] } };
  checkReferences(world, call.principal, kind, parent.id, written, body);
  const profile = existing === undefined ? collection.create : collection.update;
  const operation = startOperation(world, call, parent, {
    kind: 'child-put',
    label: `Put${collection.label}Operation`,
    seconds: profile.seconds,
    pollRetryAfter: profile.pollRetryAfter,
    detail: { child: own },
  });
  const busy: Resource = {
    ...parent,
    body,
    etag: `W/"${world.random.uuid()}"`,
    busy: operation.id,
    childStates: { ...settled(kind, parent), [own.toLowerCase()]: 'Updating' },
  };
  world.store.put(busy);
  if (profile.seconds === 0 && call.fault === undefined) finishOperation(world, operation, { keepEtag: true });
  const current = world.store.get(parent.key) ?? busy;
  return jsonReply(
    profile.status,
    childWire(world, kind, current, collection, child),
    operationHeaders(world, operation, profile),
  );
}

/** While one child changes, the others say Succeeded. */
function settled(kind: Kind, parent: Resource): Record<string, string> {
  const states: Record<string, string> = {};
  for (const collection of kind.collections ?? []) {
    for (const child of objects(at(parent.body, 'properties', collection.property))) {
      const id = `${parent.id}/${collection.property}/${text(child['name']) ?? ''}`.toLowerCase();
      states[id] = childState(parent, id);
    }
  }
  return states;
}

/** DELETE of an embedded child: 204 when it is absent. */
export function deleteChild(world: World, call: Call, kind: Kind, collection: Collection, id: ResourceId): AzureReply {
  mustBeAddressable(collection, id.id);
  requireGroup(world, id, true);
  const above = parseResourceId(id.id.split('/').slice(0, -2).join('/'));
  // A deletion names the parent that is gone (azure-recordings/networkSecurityGroups.json); other calls name it otherwise.
  if (above !== undefined) requireResource(world, kind, above);
  const { parent, id: own, child } = locate(world, kind, collection, id);
  checkLocks(world, own, 'delete');
  if (child === undefined) return emptyReply(204);
  checkPreconditions(call.request.headers, parent, own);
  checkBusy(world, parent);
  collection.deletable?.(world, parent, child, own);
  const operation = startOperation(world, call, parent, {
    kind: 'child-delete',
    label: `Delete${collection.label}Operation`,
    seconds: collection.delete.seconds,
    pollRetryAfter: collection.delete.pollRetryAfter,
    detail: { child: own, collection: collection.property, name: text(child['name']) ?? '' },
  });
  world.store.put({
    ...parent,
    busy: operation.id,
    childStates: { ...settled(kind, parent), [own.toLowerCase()]: 'Deleting' },
  });
  return emptyReply(collection.delete.status, operationHeaders(world, operation, collection.delete));
}
