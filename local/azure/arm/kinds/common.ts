import { displayNameOf, hasZones } from '../catalogue/locations.ts';
import { ArmError } from '../engine/errors.ts';
import { idOf, type Json, type JsonObject, objects, strings, text } from '../engine/json.ts';
import type { World } from '../engine/model.ts';
import type { Resource } from '../engine/store.ts';

const NETWORK_NAME = /^[A-Za-z0-9](?:[\w.-]{0,78}\w)?$/u;

/** Name rule of Microsoft.Network. */
export function networkName(name: string): ArmError | undefined {
  if (NETWORK_NAME.test(name)) return undefined;
  return new ArmError(
    400,
    'InvalidResourceName',
    `Resource name ${name} is invalid. The name can be up to 80 characters long. It must begin with a word character, and it must end with a word character or with '_'. The name may contain word characters or '.', '-', '_'.`,
    { details: [] },
  );
}

/** A name rule of Microsoft.Compute: letters, digits, `.`, `-`, `_`, up to `longest` characters. */
export function computeName(longest: number): (name: string) => ArmError | undefined {
  return (name) =>
    name.length <= longest && /^[A-Za-z0-9](?:[\w.-]*\w)?$/u.test(name)
      ? undefined
      : new ArmError(
          400,
          'InvalidParameter',
          `The resource name '${name}' is invalid: 1 to ${longest} letters, digits, '.', '-' or '_', beginning with a letter or digit.`,
          { target: 'resourceName' },
        );
}

/** Top-level members that every tracked resource keeps, from the caller's body. */
export function envelope(body: JsonObject, ...further: readonly string[]): JsonObject {
  const names = ['location', 'tags', 'zones', 'extendedLocation', ...further];
  return Object.fromEntries(names.filter((name) => body[name] !== undefined).map((name) => [name, body[name]]));
}

/** `properties` without what is read-only (a client may send back what it got). */
export function without(properties: JsonObject, ...names: readonly string[]): JsonObject {
  const dropped = new Set([...names, 'provisioningState', 'resourceGuid']);
  return Object.fromEntries(Object.entries(properties).filter(([name]) => !dropped.has(name)));
}

/** resourceGuid of a network resource: kept on update. */
export function resourceGuid(world: World, existing: Resource | undefined): string {
  const before = existing?.body['properties'];
  const guid = typeof before === 'object' && before !== null ? text((before as JsonObject)['resourceGuid']) : undefined;
  return guid ?? world.random.uuid();
}

/** SKU with its tier; network resources of SKU Basic are retired (azure-behaviour.md §6, Outbound). */
export function standardSku(body: JsonObject): JsonObject {
  const sku = (body['sku'] ?? {}) as JsonObject;
  return { name: text(sku['name']) ?? 'Standard', tier: text(sku['tier']) ?? 'Regional' };
}

/** Refuses zones that the region or the SKU does not have. */
export function checkZones(zones: Json | undefined, location: string, type: string, name: string): void {
  const asked = strings(zones);
  const offered = hasZones(location) ? ['1', '2', '3'] : [];
  const bad = asked.filter((zone) => !offered.includes(zone));
  if (bad.length === 0) return;
  throw new ArmError(
    400,
    'InvalidAvailabilityZone',
    `The zone(s) '${bad.join(',')}' for resource '${type}/${name}' is not supported. The supported zones for location '${location}' (${displayNameOf(location)}) are '${offered.join(',')}'`,
    { cause: 'gateway' },
  );
}

/**
 * Ids of the parts of other resources that refer to an id: the ip configuration of a network interface, the frontend of a
 * load balancer, the subnet of a network; the resource itself where the reference is not inside a child.
 */
export function usersOf(world: World, id: string): readonly string[] {
  const wanted = id.toLowerCase();
  return world.store.referrers(wanted).flatMap((key) => {
    const resource = world.store.get(key);
    // A network rule of an account does not hold its subnet: it goes when the subnet goes.
    if (resource?.type === 'Microsoft.Storage/storageAccounts') return [];
    return resource === undefined || isInside(key, wanted) ? [] : partsReferringTo(resource, wanted);
  });
}

/** True when `id` is the resource with this key or lies below it. */
function isInside(key: string, id: string): boolean {
  return id === key || id.startsWith(`${key}/`);
}

function partsReferringTo(resource: Resource, wanted: string): string[] {
  const properties = (resource.body['properties'] ?? {}) as JsonObject;
  const parts = Object.entries(properties).flatMap(([property, value]) =>
    objects(value)
      .filter((child) => text(child['name']) !== undefined && refersTo(child, wanted))
      .map((child) => `${resource.id}/${property}/${text(child['name']) ?? ''}`),
  );
  return parts.length > 0 ? parts : [resource.id];
}

function refersTo(value: Json | undefined, wanted: string): boolean {
  if (Array.isArray(value)) return (value as readonly Json[]).some((item) => refersTo(item, wanted));
  if (typeof value !== 'object' || value === null) return false;
  const own = value as JsonObject;
  return idOf(own)?.toLowerCase() === wanted || Object.values(own).some((item) => refersTo(item, wanted));
}

/** A list of references, undefined when it is empty (Azure leaves empty back references out). */
export function references(ids: readonly string[]): JsonObject[] | undefined {
  return ids.length === 0 ? undefined : ids.map((id) => ({ id }));
}
