import { childId } from './ids.ts';
import { at, type JsonObject, object, objects, text } from './json.ts';
import type { Collection, Kind, World } from './model.ts';
import type { Resource } from './store.ts';

/** Kind of a stored resource. Every stored type has one: it was written through it. */
export function kindOf(world: World, resource: Resource): Kind {
  const kind = world.kinds.get(resource.type.toLowerCase());
  if (kind === undefined)
    throw new Error(`the state holds a resource of the unknown type ${resource.type}: ${resource.id}`);
  return kind;
}

/** provisioningState of an embedded child. */
export function childState(resource: Resource, id: string): string {
  const own = resource.childStates[id.toLowerCase()];
  return own ?? (resource.busy === undefined || resource.state === 'Failed' ? 'Succeeded' : resource.state);
}

/** One embedded child as its own address returns it. */
export function childWire(
  world: World,
  kind: Kind,
  resource: Resource,
  collection: Collection,
  child: JsonObject,
): JsonObject {
  const name = text(child['name']) ?? '';
  const id = childId(resource.id, collection.property, name);
  const wire: JsonObject = {
    name,
    id,
    ...(kind.etags ? { etag: resource.etag } : {}),
    type: `${kind.type}/${collection.property}`,
    ...(child['zones'] === undefined ? {} : { zones: child['zones'] }),
    properties: { provisioningState: childState(resource, id), ...object(child['properties']) },
  };
  return collection.view?.(world, resource, wire, id) ?? wire;
}

/** A resource in the form in which ARM returns it. */
export function wireOf(world: World, resource: Resource, expand?: string): JsonObject {
  const kind = kindOf(world, resource);
  const { properties, ...rest } = resource.body;
  const embedded = Object.fromEntries(
    (kind.collections ?? []).map((collection) => [
      collection.property,
      objects(object(properties)[collection.property]).map((child) =>
        childWire(world, kind, resource, collection, child),
      ),
    ]),
  );
  const wire: JsonObject = {
    name: resource.name,
    id: kind.displayId?.(resource.id) ?? resource.id,
    ...(kind.etags ? { etag: resource.etag } : {}),
    type: resource.type,
    ...rest,
    properties: { ...(kind.states ? { provisioningState: resource.state } : {}), ...object(properties), ...embedded },
  };
  return kind.view?.(world, resource, wire, expand) ?? wire;
}

/** Adds properties to `properties` of a wire body; undefined values are left out. */
export function withProperties(wire: JsonObject, added: JsonObject): JsonObject {
  const present = Object.fromEntries(Object.entries(added).filter(([, value]) => value !== undefined));
  return { ...wire, properties: { ...object(wire['properties']), ...present } };
}

/** Location of a resource in normal form (`West Europe` and `westeurope` are one). */
export function locationOf(resource: Resource): string {
  return normalLocation(text(at(resource.body, 'location')) ?? '');
}

export function normalLocation(location: string): string {
  return location.toLowerCase().replaceAll(' ', '');
}

/** Finds an embedded child by id: `.../virtualNetworks/v/subnets/s` -> its parent and entry. */
export function findChild(
  world: World,
  id: string,
): { parent: Resource; collection: Collection; child: JsonObject } | undefined {
  const segments = id.split('/');
  const name = segments.at(-1)?.toLowerCase();
  const property = segments.at(-2)?.toLowerCase();
  const parent = world.store.get(segments.slice(0, -2).join('/').toLowerCase());
  if (parent === undefined) return undefined;
  const collection = kindOf(world, parent).collections?.find((item) => item.property.toLowerCase() === property);
  if (collection === undefined) return undefined;
  const children = objects(at(parent.body, 'properties', collection.property));
  const child = children.find((item) => text(item['name'])?.toLowerCase() === name);
  return child === undefined ? undefined : { parent, collection, child };
}
