import { immediate, NETWORK_CREATE_AT_ONCE, networkDelete } from '../catalogue/profiles.ts';
import { prepareChildren } from '../engine/crud.ts';
import { ArmError } from '../engine/errors.ts';
import { at, idOf, type JsonObject, number, object, objects, text } from '../engine/json.ts';
import type { Collection, Kind, World } from '../engine/model.ts';
import { NETWORK_UPDATE_AT_ONCE } from '../catalogue/profiles.ts';
import type { Resource } from '../engine/store.ts';
import { withProperties } from '../engine/view.ts';
import { allocateAddress } from './addresses.ts';
import { envelope, networkName, resourceGuid, without } from './common.ts';

const ipConfigurations: Collection = {
  property: 'ipConfigurations',
  label: 'IpConfiguration',
  create: NETWORK_CREATE_AT_ONCE,
  update: NETWORK_UPDATE_AT_ONCE,
  delete: networkDelete(4, 5.5),
  addressable: false,
  prepare(world, child) {
    const subnetId = idOf(child.properties['subnet']);
    if (subnetId === undefined) {
      throw new ArmError(
        400,
        'SubnetRequired',
        `Subnet reference is required for ipconfiguration ${child.parentId}/ipConfigurations/${child.name}.`,
        { details: [] },
      );
    }
    const isStatic = child.properties['privateIPAllocationMethod'] === 'Static';
    const before = object(child.existing?.['properties']);
    const sameSubnet = idOf(before['subnet'])?.toLowerCase() === subnetId.toLowerCase();
    const wanted =
      (isStatic ? text(child.properties['privateIPAddress']) : undefined) ??
      (sameSubnet ? text(before['privateIPAddress']) : undefined);
    const taken = child.siblings.flatMap((other) => text(at(other, 'properties', 'privateIPAddress')) ?? []);
    const address = allocateAddress(world, { subnetId, owner: child.parentId, wanted, isStatic, taken });
    return {
      privateIPAllocationMethod: 'Dynamic',
      primary: child.siblings.length === 0,
      privateIPAddressVersion: 'IPv4',
      ...child.properties,
      ...(address === undefined ? {} : { privateIPAddress: address }),
    };
  },
};

/** The virtual machine a network interface is attached to. */
export function machineOf(world: World, nic: Resource): Resource | undefined {
  for (const key of world.store.referrers(nic.id)) {
    const resource = world.store.get(key);
    if (resource?.type === 'Microsoft.Compute/virtualMachines') return resource;
  }
  return undefined;
}

/** A failed create of a machine keeps its interfaces for so long (azure-behaviour.md §6, Delete in reverse). */
const RESERVATION_SECONDS = 180;

/** Keeps an interface for a machine whose create has failed. */
export function reserveFor(world: World, nicId: string, machineKey: string): void {
  const nic = world.store.get(nicId.toLowerCase());
  if (nic === undefined) return;
  const reservedUntil = world.clock.now() + (RESERVATION_SECONDS * 1000) / world.clock.timeScale;
  world.store.put({ ...nic, hidden: { ...nic.hidden, reservedFor: machineKey, reservedUntil } });
}

/** 400 NicReservedForAnotherVm while an interface is kept for another machine than `user`. */
export function checkReservation(world: World, nic: Resource, user: string): void {
  const holder = text(nic.hidden['reservedFor']);
  const left = (number(nic.hidden['reservedUntil']) ?? 0) - world.clock.now();
  if (holder === undefined || holder === user || left <= 0) return;
  throw new ArmError(
    400,
    'NicReservedForAnotherVm',
    `Nic(s) in request is reserved for another Virtual Machine for ${RESERVATION_SECONDS} seconds. Please provide another nic(s) or retry after ${RESERVATION_SECONDS} seconds. Reserved VM: ${holder}`,
    { details: [] },
  );
}

/** Microsoft.Network/networkInterfaces: created with status Succeeded and no asynchronous header (25 of 27 recorded). */
export const networkInterfaces: Kind = {
  type: 'Microsoft.Network/networkInterfaces',
  label: 'NetworkInterface',
  tracked: true,
  etags: true,
  states: true,
  create: (draw) => (draw < 0.93 ? immediate(201) : NETWORK_CREATE_AT_ONCE),
  update: immediate(200),
  delete: networkDelete(4, 5.5),
  collections: [ipConfigurations],
  checkName: networkName,
  prepare(world, request) {
    if (objects(request.properties['ipConfigurations']).length === 0) {
      throw new ArmError(
        400,
        'NetworkInterfaceMustHaveOneIpConfiguration',
        `Network interface ${request.id.id} must have at least one ipConfiguration.`,
        { details: [] },
      );
    }
    const guid = resourceGuid(world, request.existing);
    const suffix = `${guid.replaceAll('-', '').slice(0, 26)}.xx.internal.cloudapp.net`;
    const properties: JsonObject = {
      resourceGuid: guid,
      vnetEncryptionSupported: false,
      enableIPForwarding: false,
      disableTcpStateTracking: false,
      nicType: 'Standard',
      allowPort25Out: true,
      defaultOutboundConnectivityEnabled: false,
      auxiliaryMode: 'None',
      auxiliarySku: 'None',
      ...without(
        request.properties,
        'virtualMachine',
        'macAddress',
        'primary',
        'hostedWorkloads',
        'tapConfigurations',
        'dscpConfiguration',
      ),
      dnsSettings: {
        dnsServers: [],
        appliedDnsServers: [],
        ...object(request.properties['dnsSettings']),
        internalDomainNameSuffix: suffix,
      },
    };
    return {
      body: {
        ...envelope(request.body),
        kind: 'Regular',
        properties: prepareChildren(world, networkInterfaces, request, properties),
      },
    };
  },
  view(world, resource, wire) {
    const vm = machineOf(world, resource);
    const guid = (text(at(resource.body, 'properties', 'resourceGuid')) ?? '').replaceAll('-', '').toUpperCase();
    const mac = `00-0D-3A-${guid.slice(0, 2)}-${guid.slice(2, 4)}-${guid.slice(4, 6)}`;
    return withProperties(wire, {
      hostedWorkloads: [],
      tapConfigurations: [],
      ...(vm === undefined ? {} : { macAddress: mac, primary: true, virtualMachine: { id: vm.id } }),
    });
  },
  deletable(world, resource) {
    const vm = machineOf(world, resource);
    if (vm === undefined) {
      checkReservation(world, resource, '');
      return;
    }
    throw new ArmError(
      400,
      'NicInUse',
      `Network Interface ${resource.id} is used by existing resource ${vm.id}. In order to delete the network interface, it must be dissociated from the resource. To learn more, see aka.ms/deletenic.`,
      { details: [] },
    );
  },
};
