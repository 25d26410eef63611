import { RECORD_TYPES } from '../catalogue/extra-operations.ts';
import { DELETED, immediate } from '../catalogue/profiles.ts';
import { ArmError, invalidParameter, resourceNotFound } from '../engine/errors.ts';
import { at, type JsonObject, number, object, objects, text } from '../engine/json.ts';
import type { Kind, Profile, World } from '../engine/model.ts';
import { pageReply } from '../engine/paging.ts';
import type { Resource } from '../engine/store.ts';
import { withProperties, wireOf } from '../engine/view.ts';
import { envelope, without } from './common.ts';
import type { Handlers } from './handlers.ts';

const ZONES = 'Microsoft.Network/privateDnsZones';
const LINKS = `${ZONES}/virtualNetworkLinks`;

/** 202 with an empty body and Retry-After 30, done in 35 s (azure-recordings/privateDnsZones.json). */
const write: Profile = {
  status: 202,
  headers: 'async+location',
  retryAfter: 30,
  pollRetryAfter: 30,
  seconds: 35,
  state: 'Creating',
  body: 'braces',
};
const remove: Profile = { ...write, seconds: 32, state: 'Deleting', body: 'empty' };

const label = /^(?:[A-Za-z0-9_](?:[\w-]{0,61}[A-Za-z0-9_])?|\*)$/u;

function checkName(name: string): ArmError | undefined {
  const bad = name.length > 253 || (name !== '@' && !name.split('.').every((part) => label.test(part)));
  return bad ? invalidParameter('name', `The name '${name}' is not a DNS name.`) : undefined;
}

function childrenOf(world: World, zone: Resource, types: readonly string[]): Resource[] {
  return types.flatMap((type) => [...world.store.ofType(type)].filter(({ key }) => key.startsWith(`${zone.key}/`)));
}

const recordTypes = RECORD_TYPES.map((type) => `${ZONES}/${type}`);

/** Microsoft.Network/privateDnsZones: global, and every write is answered 202. */
const zones: Kind = {
  type: ZONES,
  label: 'PrivateDnsZone',
  tracked: true,
  global: true,
  etags: true,
  states: true,
  create: write,
  update: write,
  delete: remove,
  checkName(name) {
    const short = invalidParameter('name', `A private zone needs two labels at least, not '${name}'.`);
    return checkName(name) ?? (name.includes('.') ? undefined : short);
  },
  prepare: (_world, request) => ({ body: { ...envelope(request.body), properties: {} } }),
  view(world, zone, wire) {
    const links = childrenOf(world, zone, [LINKS]);
    return withProperties(wire, {
      internalId: world.random.filler(80, 'zone', zone.key, String(zone.createdAt)),
      maxNumberOfRecordSets: 25_000,
      maxNumberOfVirtualNetworkLinks: 1000,
      maxNumberOfVirtualNetworkLinksWithRegistration: 100,
      // The start of authority is part of every zone.
      numberOfRecordSets: 1 + childrenOf(world, zone, recordTypes).length,
      numberOfVirtualNetworkLinks: links.length,
      numberOfVirtualNetworkLinksWithRegistration: links.filter(
        (link) => at(link.body, 'properties', 'registrationEnabled') === true,
      ).length,
    });
  },
  deletable(world, zone) {
    const nested = childrenOf(world, zone, [LINKS]);
    if (nested.length === 0) return;
    const ids = nested.map((child) => `'${child.id.split('/providers/').at(-1) ?? ''}'`).join(', ');
    throw new ArmError(
      409,
      'CannotDeleteResource',
      `Cannot delete resource while nested resources exist. Some existing nested resource IDs include: ${ids}. Please delete all nested resources before deleting this resource.`,
      { cause: 'gateway' },
    );
  },
  removed(world, zone) {
    for (const child of childrenOf(world, zone, recordTypes)) world.store.remove(child.key);
  },
};

const links: Kind = {
  ...zones,
  type: LINKS,
  label: 'VirtualNetworkLink',
  checkName,
  prepare(_world, request) {
    const network = text(at(request.properties, 'virtualNetwork', 'id'));
    if (network === undefined)
      throw invalidParameter('virtualNetwork', 'A link of a private zone needs the id of a virtual network.');
    const before = text(at(request.existing?.body, 'properties', 'virtualNetwork', 'id'));
    if (before !== undefined && before.toLowerCase() !== network.toLowerCase())
      throw invalidParameter('virtualNetwork', 'The virtual network of a link cannot be changed.');
    const properties = { registrationEnabled: false, ...without(request.properties, 'virtualNetworkLinkState') };
    return { body: { ...envelope(request.body), properties } };
  },
  view: (_world, link, wire) =>
    withProperties(wire, { virtualNetworkLinkState: link.state === 'Succeeded' ? 'Completed' : 'InProgress' }),
  deletable: () => undefined,
  removed: () => undefined,
};

/** The property that holds the records of a type. */
const recordProperty: Readonly<Record<string, string>> = {
  A: 'aRecords',
  AAAA: 'aaaaRecords',
  CNAME: 'cnameRecord',
  MX: 'mxRecords',
  PTR: 'ptrRecords',
  SOA: 'soaRecord',
  SRV: 'srvRecords',
  TXT: 'txtRecords',
};

function recordSet(type: (typeof RECORD_TYPES)[number]): Kind {
  const property = recordProperty[type] ?? '';
  return {
    type: `${ZONES}/${type}`,
    label: 'RecordSet',
    tracked: false,
    etags: true,
    states: false,
    create: immediate(201),
    update: immediate(200),
    delete: DELETED,
    checkName,
    prepare(_world, request) {
      const foreign = Object.keys(request.properties).find((name) => /Records?$/u.test(name) && name !== property);
      if (foreign !== undefined) throw invalidParameter(foreign, `A record set of type ${type} has no '${foreign}'.`);
      if (number(request.properties['ttl']) === undefined)
        throw invalidParameter('ttl', 'A record set needs its time to live.');
      return { body: { properties: without(request.properties, 'fqdn', 'isAutoRegistered') } };
    },
    view(_world, resource, wire) {
      const parts = resource.id.split('/');
      const name = parts.at(-1) ?? '';
      const zone = parts.at(-3) ?? '';
      return withProperties(wire, { fqdn: `${name === '@' ? '' : `${name}.`}${zone}.`, isAutoRegistered: false });
    },
  };
}

export const privateDnsKinds: readonly Kind[] = [zones, links, ...RECORD_TYPES.map(recordSet)];

/** Puts the address of a private endpoint into a zone; an address record of the same name gets another address. */
export function putAddressRecord(world: World, zoneId: string, name: string, address: string): void {
  const id = `${zoneId}/A/${name}`;
  const key = id.toLowerCase();
  const existing = world.store.get(key);
  const records = objects(at(existing?.body, 'properties', 'aRecords')).filter((one) => one['ipv4Address'] !== address);
  const properties: JsonObject = {
    ...object(existing?.body['properties']),
    ttl: 10,
    aRecords: [...records, { ipv4Address: address }],
  };
  world.store.put({
    key,
    id: existing?.id ?? id,
    type: `${ZONES}/A`,
    name,
    body: { properties },
    hidden: existing?.hidden ?? {},
    state: 'Succeeded',
    childStates: {},
    etag: `W/"${world.random.uuid()}"`,
    busy: undefined,
    createdAt: existing?.createdAt ?? world.clock.now(),
  });
}

/** Every record set of a zone, whatever its type. */
export const privateDnsHandlers: Handlers = {
  'GET /subscriptions/{}/resourcegroups/{}/providers/microsoft.network/privatednszones/{}/all'(world, call, address) {
    const zone = world.store.get(address.path.toLowerCase().replace(/\/all$/u, ''));
    if (zone === undefined) throw resourceNotFound(ZONES, address.names, address.path.split('/')[4] ?? '');
    const found = childrenOf(world, zone, recordTypes).map((record) => wireOf(world, record));
    return pageReply(world, call.request, found);
  },
};
