import ipaddr from 'ipaddr.js';
import { ArmError } from '../engine/errors.ts';
import { at, idOf, type JsonObject, object, objects, strings, text } from '../engine/json.ts';
import type { World } from '../engine/model.ts';
import type { Resource } from '../engine/store.ts';
import { findChild } from '../engine/view.ts';

/** An IPv4 range as numbers, first and last address included. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

/** Parses an IPv4 prefix; undefined when it is none or has host bits set. */
export function parsePrefix(prefix: string): Range | undefined {
  if (!ipaddr.IPv4.isValidCIDR(prefix)) return undefined;
  const [address, bits] = ipaddr.IPv4.parseCIDR(prefix);
  const first = toNumber(address.toString());
  const size = 2 ** (32 - bits);
  return first % size === 0 ? { first, last: first + size - 1 } : undefined;
}

export function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function toAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

export function overlaps(a: Range, b: Range): boolean {
  return a.first <= b.last && b.first <= a.last;
}

export function contains(outer: Range, inner: Range): boolean {
  return outer.first <= inner.first && inner.last <= outer.last;
}

/** Prefixes of a subnet's properties: `addressPrefix` or `addressPrefixes`. */
export function subnetPrefixes(properties: JsonObject): readonly string[] {
  const single = text(properties['addressPrefix']);
  return single === undefined ? strings(properties['addressPrefixes']) : [single];
}

/** Azure keeps the first four addresses and the last one of a subnet for itself. */
const RESERVED_AT_START = 4;

/** Private addresses in use in a subnet, by the key of the resource that holds them. */
function usedIn(world: World, subnetId: string, except: string): Set<number> {
  const used = new Set<number>();
  const wanted = subnetId.toLowerCase();
  for (const key of world.store.referrers(subnetId)) {
    const resource = world.store.get(key);
    if (resource === undefined || key === except.toLowerCase()) continue;
    const properties = object(resource.body['properties']);
    for (const part of [
      ...objects(properties['ipConfigurations']),
      ...objects(properties['frontendIPConfigurations']),
    ]) {
      const address = text(at(part, 'properties', 'privateIPAddress'));
      if (address !== undefined && idOf(at(part, 'properties', 'subnet'))?.toLowerCase() === wanted)
        used.add(toNumber(address));
    }
  }
  return used;
}

export interface AddressRequest {
  readonly subnetId: string;
  /** Resource that gets the address. */
  readonly owner: string;
  /** Address asked for (static allocation) or held before. */
  readonly wanted: string | undefined;
  readonly isStatic: boolean;
  /** Addresses that other parts of the same resource hold. */
  readonly taken: readonly string[];
}

/**
 * Gives out a private address of a subnet. Throws 400 PrivateIPAddressNotInSubnet, PrivateIPAddressInReservedRange,
 * PrivateIPAddressIsAllocated or SubnetIsFull. A subnet that does not exist gives undefined: the reference check refuses it.
 */
export function allocateAddress(world: World, request: AddressRequest): string | undefined {
  const subnet = findChild(world, request.subnetId)?.child;
  const range = parsePrefix(subnetPrefixes(object(subnet?.['properties']))[0] ?? '');
  if (range === undefined) return undefined;
  const used = usedIn(world, request.subnetId, request.owner);
  for (const address of request.taken) used.add(toNumber(address));
  if (request.wanted !== undefined) {
    const wanted = toNumber(request.wanted);
    const refusal = refusalOf(request, range, used, wanted);
    if (refusal === undefined) return request.wanted;
    if (request.isStatic) throw refusal;
  }
  for (let candidate = range.first + RESERVED_AT_START; candidate < range.last; candidate += 1) {
    if (!used.has(candidate)) return toAddress(candidate);
  }
  throw new ArmError(
    400,
    'SubnetIsFull',
    `Subnet ${request.subnetId} with address prefix ${subnetPrefixes(object(subnet?.['properties']))[0] ?? ''} does not have enough capacity for 1 IP addresses.`,
    { details: [] },
  );
}

function refusalOf(
  request: AddressRequest,
  range: Range,
  used: ReadonlySet<number>,
  wanted: number,
): ArmError | undefined {
  const refuse = (code: string, why: string) =>
    new ArmError(400, code, `Private static IP address ${request.wanted ?? ''} ${why} of subnet ${request.subnetId}.`, {
      details: [],
    });
  if (!ipaddr.IPv4.isValid(request.wanted ?? '') || wanted < range.first || wanted > range.last) {
    return refuse('PrivateIPAddressNotInSubnet', 'does not belong to the range');
  }
  if (wanted < range.first + RESERVED_AT_START || wanted === range.last) {
    return refuse('PrivateIPAddressInReservedRange', 'falls within the reserved addresses');
  }
  return used.has(wanted)
    ? refuse('PrivateIPAddressIsAllocated', `conflicts with an address in use and is not available; in the range`)
    : undefined;
}

/** How many free addresses are offered when the asked one is taken. */
const OFFERED_ADDRESSES = 5;

/** Answer of CheckIPAddressAvailability: whether a private address of a virtual network is free, and others that are. */
export function addressAvailability(world: World, network: Resource, address: string): JsonObject {
  const invalid = new ArmError(
    400,
    'IPAddressNotInVirtualNetwork',
    `The address '${address}' lies in no subnet of ${network.id}.`,
  );
  if (!ipaddr.IPv4.isValid(address)) throw invalid;
  const wanted = toNumber(address);
  for (const subnet of objects(at(network.body, 'properties', 'subnets'))) {
    const range = parsePrefix(subnetPrefixes(object(subnet['properties']))[0] ?? '');
    if (range === undefined || wanted < range.first || wanted > range.last) continue;
    const used = usedIn(world, `${network.id}/subnets/${text(subnet['name']) ?? ''}`, '');
    const isFree = (value: number) =>
      value >= range.first + RESERVED_AT_START && value < range.last && !used.has(value);
    if (isFree(wanted)) return { available: true };
    const others: string[] = [];
    for (let value = range.first; value <= range.last && others.length < OFFERED_ADDRESSES; value += 1)
      if (isFree(value)) others.push(toAddress(value));
    return { available: false, availableIPAddresses: others };
  }
  throw invalid;
}
