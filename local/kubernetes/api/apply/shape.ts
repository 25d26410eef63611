import { asObject, asStrings, canonical, isObject, type JsonObject } from '../json.ts';
import { isIntOrString, itemSchema, memberSchema, preservesUnknown } from '../schema/structural.ts';

/** How a list or map merges (Kubernetes documentation, "Server-Side Apply", merge strategy). */
export interface Shape {
  /** Maps: `atomic` ones are owned and replaced as a whole. */
  readonly atomicMap: boolean;
  readonly listType: 'atomic' | 'set' | 'map';
  /** Of `map` lists: the members that identify an item. */
  readonly listKeys: readonly string[];
  /** Shape of a named member; `undefined` when the schema does not declare it. */
  member(name: string): Shape | undefined;
  /** Shape of list items. */
  items(): Shape;
  /** Default of a member, used for list keys that the item leaves out. */
  defaultOf(name: string): unknown;
}

/** Shape of values without a schema: maps merge, lists are atomic. */
export const DEDUCED: Shape = {
  atomicMap: false,
  listType: 'atomic',
  listKeys: [],
  member: () => DEDUCED,
  items: () => DEDUCED,
  defaultOf: () => undefined,
};

const OWNER_REFERENCES: Shape = { ...DEDUCED, listType: 'map', listKeys: ['uid'] };
const STRING_SET: Shape = { ...DEDUCED, listType: 'set' };

/** Shape of ObjectMeta, the same for every kind. */
export const OBJECT_META: Shape = {
  ...DEDUCED,
  member(name) {
    if (name === 'ownerReferences') return OWNER_REFERENCES;
    if (name === 'finalizers') return STRING_SET;
    return DEDUCED;
  },
};

const shapes = new WeakMap<JsonObject, Shape>();

/** Shape of a value under a structural schema. */
export function schemaShape(schema: JsonObject): Shape {
  let shape = shapes.get(schema);
  if (shape === undefined) shapes.set(schema, (shape = buildShape(schema)));
  return shape;
}

function buildShape(schema: JsonObject): Shape {
  if (isIntOrString(schema)) return DEDUCED;
  const listType = schema['x-kubernetes-list-type'];
  const items = itemSchema(schema);
  return {
    atomicMap: schema['x-kubernetes-map-type'] === 'atomic',
    listType: listType === 'map' || listType === 'set' ? listType : 'atomic',
    listKeys: asStrings(schema['x-kubernetes-list-map-keys']),
    member(name) {
      const member = memberSchema(schema, name);
      if (member !== undefined) return schemaShape(member);
      return preservesUnknown(schema) ? DEDUCED : undefined;
    },
    items: () => schemaShape(items),
    defaultOf: (name) => asObject(asObject(schema['properties'])[name])['default'],
  };
}

/** Shape of a whole custom resource: its schema, with the fixed members of every object. */
export function resourceShape(schema: JsonObject): Shape {
  const inner = schemaShape(schema);
  return {
    ...inner,
    member(name) {
      if (name === 'metadata') return OBJECT_META;
      if (name === 'apiVersion' || name === 'kind') return DEDUCED;
      return inner.member(name);
    },
  };
}

/** Identity of a list item as a path element of FieldsV1: `k:{…}` for map lists, `v:…` for sets. */
export function itemElement(item: unknown, shape: Shape): string {
  if (shape.listType === 'set') return `v:${canonical(item)}`;
  const items = shape.items();
  const keys: JsonObject = {};
  for (const key of shape.listKeys) {
    const value = asObject(item)[key] ?? items.defaultOf(key);
    if (value !== undefined) keys[key] = value;
  }
  return `k:${canonical(keys)}`;
}

/** Whether a value merges member by member under this shape. */
export function isGranularMap(value: unknown, shape: Shape): value is JsonObject {
  return isObject(value) && !shape.atomicMap;
}

/** Whether a value merges item by item under this shape. */
export function isGranularList(value: unknown, shape: Shape): value is readonly unknown[] {
  return Array.isArray(value) && shape.listType !== 'atomic';
}
