import { findSize } from '../catalogue/sizes.ts';
import { ArmError, invalidParameter } from '../engine/errors.ts';
import { removeResource } from '../engine/complete.ts';
import { at, idOf, type JsonObject, number, object, objects, strings, text } from '../engine/json.ts';
import type { Kind, PutRequest, World } from '../engine/model.ts';
import type { Resource } from '../engine/store.ts';
import { allocationFailure, checkQuota, checkRestrictions } from './capacity.ts';
import { checkZones, computeName, envelope, without } from './common.ts';
import { findIdentity, identityNotFound, identityView } from './identities.ts';
import { checkImageReference } from './images.ts';
import { bootedMachine, finishPowerAction, instanceView, machineActions, type Power, powerOf } from './machinePower.ts';
import { checkReservation, machineOf, reserveFor } from './networkInterfaces.ts';

const TYPE = 'Microsoft.Compute/virtualMachines';
/** Base64 of 64 KiB. */
const LONGEST_CUSTOM_DATA = 87_380;

function checkOsProfile(profile: JsonObject): void {
  if (text(profile['computerName']) === undefined)
    throw invalidParameter('osProfile.computerName', "Required parameter 'osProfile.computerName' is missing (null).");
  if (text(profile['adminUsername']) === undefined)
    throw invalidParameter(
      'osProfile.adminUsername',
      "Required parameter 'osProfile.adminUsername' is missing (null).",
    );
  if ((text(profile['computerName']) ?? '').length > 64)
    throw invalidParameter('osProfile.computerName', 'The computer name of a Linux machine has at most 64 characters.');
  const customData = text(profile['customData']);
  if (
    customData !== undefined &&
    (customData.length > LONGEST_CUSTOM_DATA || !/^[A-Za-z0-9+/]*={0,2}$/u.test(customData))
  ) {
    throw invalidParameter(
      'customData',
      `Custom data in OSProfile must be in Base64 encoding and with a maximum length of ${LONGEST_CUSTOM_DATA} characters.`,
    );
  }
  const linux = object(profile['linuxConfiguration']);
  const keys = objects(at(linux, 'ssh', 'publicKeys'));
  if (
    text(profile['adminPassword']) === undefined &&
    (linux['disablePasswordAuthentication'] !== true || keys.length === 0)
  ) {
    throw invalidParameter(
      'linuxConfiguration.ssh.publicKeys',
      'Authentication using either SSH or by user name and password must be enabled in Linux profile.',
    );
  }
}

function checkInterfaces(world: World, request: PutRequest): void {
  const interfaces = objects(at(request.properties, 'networkProfile', 'networkInterfaces'));
  if (interfaces.length === 0) {
    throw invalidParameter(
      'networkProfile',
      'Virtual Machine must have at least one network interface: networkProfile.networkInterfaces is empty.',
    );
  }
  for (const item of interfaces) {
    const id = idOf(item) ?? '';
    const nic = world.store.get(id.toLowerCase());
    if (nic === undefined) throw new ArmError(404, 'NotFound', `Resource ${id} not found.`, { details: [] });
    const holder = machineOf(world, nic);
    if (holder !== undefined && holder.key !== request.id.key) {
      throw new ArmError(
        400,
        'NicInUse',
        `Network Interface ${nic.id} is used by existing resource ${holder.id}. In order to use the network interface, it must be dissociated from the resource.`,
        { details: [] },
      );
    }
    checkReservation(world, nic, request.id.key);
  }
}

/** Identity block with what Azure adds; the letter case of the caller's ids stays. */
function identityOf(world: World, request: PutRequest): JsonObject | undefined {
  const sent = object(request.body['identity']);
  const type = text(sent['type']) ?? 'None';
  if (type === 'None') return undefined;
  const assigned = Object.keys(object(sent['userAssignedIdentities'])).map((id) => {
    const identity = findIdentity(world, { resourceId: id });
    if (identity === undefined) throw identityNotFound(request.id.id, id);
    const { principalId, clientId } = identityView(identity);
    return [id, { principalId, clientId }] as const;
  });
  const before = object(request.existing?.body['identity']);
  return {
    type,
    ...(type.includes('SystemAssigned')
      ? { principalId: text(before['principalId']) ?? world.random.uuid(), tenantId: world.tenantId }
      : {}),
    ...(assigned.length > 0 ? { userAssignedIdentities: Object.fromEntries(assigned) } : {}),
  };
}

function group(id: string): string {
  return id.split('/').slice(0, 5).join('/');
}

/** Disk reference of the storage profile, made if the machine brings it into being. */
function diskOf(world: World, request: PutRequest, disk: JsonObject, fallback: string): JsonObject {
  const existing = idOf(disk['managedDisk']);
  if (existing !== undefined) return { ...disk, name: text(disk['name']) ?? existing.split('/').at(-1) };
  const name = text(disk['name']) ?? fallback;
  const id = `${group(request.id.id)}/providers/Microsoft.Compute/disks/${name}`;
  const present = world.store.get(id.toLowerCase());
  const holder = present === undefined ? [] : world.store.referrers(id);
  if (present !== undefined && !holder.includes(request.id.key)) {
    throw new ArmError(
      409,
      'ConflictingUserInput',
      `Disk '${name}' already exists in resource group '${request.id.group.toUpperCase()}'. Only CreateOption.Attach is supported.`,
      { target: '/subscriptions' },
    );
  }
  return { ...disk, name, managedDisk: { storageAccountType: 'Premium_LRS', ...object(disk['managedDisk']), id } };
}

function storageProfile(world: World, request: PutRequest): JsonObject {
  const sent = object(request.properties['storageProfile']);
  const before = object(at(request.existing?.body, 'properties', 'storageProfile'));
  if (request.existing !== undefined)
    return { ...before, ...(sent['dataDisks'] === undefined ? {} : { dataDisks: dataDisks(world, request, sent) }) };
  const reference = object(sent['imageReference']);
  const osDisk = object(sent['osDisk']);
  const attached = osDisk['createOption'] === 'Attach';
  if (!attached) checkImageReference(world, reference, request.location);
  const suffix = world.random.uuid().replaceAll('-', '');
  return {
    ...(attached
      ? {}
      : {
          imageReference: {
            ...reference,
            ...(reference['publisher'] === undefined ? {} : { exactVersion: reference['version'] }),
          },
        }),
    osDisk: {
      osType: 'Linux',
      createOption: 'FromImage',
      caching: 'ReadWrite',
      deleteOption: 'Detach',
      diskSizeGB: 30,
      ...diskOf(world, request, osDisk, `${request.name}_OsDisk_1_${suffix}`),
    },
    dataDisks: dataDisks(world, request, sent),
    diskControllerType: 'SCSI',
  };
}

function dataDisks(world: World, request: PutRequest, sent: JsonObject): JsonObject[] {
  const disks = objects(sent['dataDisks']);
  const luns = new Set(disks.map((disk) => disk['lun']));
  if (luns.size < disks.length)
    throw invalidParameter('dataDisks.lun', 'A disk with the same LUN is already attached.');
  return disks.map((disk) => ({
    caching: 'None',
    deleteOption: 'Detach',
    toBeDetached: false,
    ...diskOf(
      world,
      request,
      disk,
      `${request.name}_disk${number(disk['lun']) ?? 0}_${world.random.uuid().replaceAll('-', '')}`,
    ),
  }));
}

const IMMUTABLE = [
  'osProfile.computerName',
  'osProfile.adminUsername',
  'osProfile.customData',
  'zones',
  'availabilitySet',
  'priority',
];

/** Refuses changes that a machine does not take: 409 PropertyChangeNotAllowed. */
function checkImmutable(request: PutRequest): void {
  if (request.existing === undefined) return;
  for (const property of IMMUTABLE) {
    const path = property.split('.');
    const sent = property === 'zones' ? request.body['zones'] : at(request.properties, ...path);
    const stored =
      property === 'osProfile.customData'
        ? request.existing.hidden['customData']
        : property === 'zones'
          ? request.existing.body['zones']
          : at(request.existing.body, 'properties', ...path);
    if (sent === undefined || JSON.stringify(sent).toLowerCase() === JSON.stringify(stored ?? null).toLowerCase())
      continue;
    throw new ArmError(409, 'PropertyChangeNotAllowed', `Changing property '${property}' is not allowed.`, {
      target: property,
    });
  }
}

/** What a Linux machine gets that says nothing of it (azure-recordings/virtualMachines.json). */
const LINUX: JsonObject = {
  disablePasswordAuthentication: false,
  provisionVMAgent: true,
  patchSettings: { patchMode: 'ImageDefault', assessmentMode: 'ImageDefault' },
};

function prepareMachine(world: World, request: PutRequest) {
  const { properties, location, existing } = request;
  const sizeName =
    text(at(properties, 'hardwareProfile', 'vmSize')) ??
    text(at(existing?.body, 'properties', 'hardwareProfile', 'vmSize'));
  const size = findSize(sizeName ?? '');
  if (size === undefined) {
    throw invalidParameter(
      'vmSize',
      `The value ${sizeName ?? ''} provided for the VM size is not valid. The valid sizes in the current region are those of Microsoft.Compute/skus for '${location}'.`,
    );
  }
  const zones = strings(request.body['zones']);
  if (zones.length > 1) throw invalidParameter('zones', 'A virtual machine can be placed in one zone only.');
  checkZones(request.body['zones'], location, TYPE, request.name);
  if (zones.length > 0 && properties['availabilitySet'] !== undefined)
    throw invalidParameter('availabilitySet', 'A virtual machine can have a zone or an availability set, not both.');
  checkImmutable(request);
  const osProfile =
    existing === undefined ? object(properties['osProfile']) : object(at(existing.body, 'properties', 'osProfile'));
  if (existing === undefined) checkOsProfile(osProfile);
  checkInterfaces(world, request);
  const before = text(at(existing?.body, 'properties', 'hardwareProfile', 'vmSize'));
  if (before?.toLowerCase() !== size.name.toLowerCase()) {
    checkRestrictions(world, size, location, zones[0], request.id.id, request.id.subscription);
    checkQuota(world, size, location, request.id.subscription, request.id.key);
  }
  const { customData, adminPassword: _never, ...visible } = osProfile;
  const identity = identityOf(world, request);
  return {
    body: {
      ...envelope(request.body, 'plan'),
      ...(identity === undefined ? {} : { identity }),
      properties: {
        ...without(properties, 'osProfile', 'instanceView', 'vmId', 'timeCreated'),
        hardwareProfile: { ...object(properties['hardwareProfile']), vmSize: size.name },
        vmId: text(at(existing?.body, 'properties', 'vmId')) ?? world.random.uuid(),
        storageProfile: storageProfile(world, request),
        osProfile: {
          secrets: [],
          allowExtensionOperations: true,
          requireGuestProvisionSignal: true,
          ...visible,
          linuxConfiguration: { ...LINUX, ...object(visible['linuxConfiguration']) },
        },
        timeCreated: text(at(existing?.body, 'properties', 'timeCreated')) ?? new Date(world.clock.now()).toISOString(),
      },
    },
    hidden: existing?.hidden ?? { customData: text(customData) ?? '', power: 'creating' satisfies Power },
  };
}

/** The disks that come with a machine exist from the first answer on. */
function createDisks(world: World, machine: Resource): void {
  const profile = object(at(machine.body, 'properties', 'storageProfile'));
  for (const disk of [object(profile['osDisk']), ...objects(profile['dataDisks'])]) {
    const id = idOf(disk['managedDisk']);
    if (id === undefined || world.store.get(id.toLowerCase()) !== undefined) continue;
    const size = Number(disk['diskSizeGB'] ?? 30);
    const sku = text(at(disk, 'managedDisk', 'storageAccountType')) ?? 'Premium_LRS';
    world.store.put({
      key: id.toLowerCase(),
      id,
      type: 'Microsoft.Compute/disks',
      name: text(disk['name']) ?? '',
      body: {
        location: machine.body['location'],
        ...(machine.body['zones'] === undefined ? {} : { zones: machine.body['zones'] }),
        ...(machine.body['tags'] === undefined ? {} : { tags: machine.body['tags'] }),
        sku: { name: sku, tier: sku.split('_')[0] ?? 'Premium' },
        properties: {
          creationData: { createOption: text(disk['createOption']) ?? 'Empty' },
          diskSizeGB: size,
          diskSizeBytes: size * 1024 ** 3,
          encryption: { type: 'EncryptionAtRestWithPlatformKey' },
          networkAccessPolicy: 'AllowAll',
          publicNetworkAccess: 'Enabled',
          timeCreated: new Date(world.clock.now()).toISOString(),
          uniqueId: world.random.uuid(),
        },
      },
      hidden: {},
      state: 'Succeeded',
      childStates: {},
      etag: '',
      busy: undefined,
      createdAt: world.clock.now(),
    });
  }
}

/** Resources that the machine takes with it: those with deleteOption Delete. */
function takenAlong(machine: Resource): string[] {
  const profile = object(at(machine.body, 'properties', 'storageProfile'));
  const disks = [object(profile['osDisk']), ...objects(profile['dataDisks'])]
    .filter((disk) => disk['deleteOption'] === 'Delete')
    .map((disk) => idOf(disk['managedDisk']));
  const interfaces = objects(at(machine.body, 'properties', 'networkProfile', 'networkInterfaces'))
    .filter((nic) => at(nic, 'properties', 'deleteOption') === 'Delete')
    .map((nic) => idOf(nic));
  return [...disks, ...interfaces].filter((id) => id !== undefined);
}

/** Microsoft.Compute/virtualMachines. The machine boots when its create has succeeded. */
export const virtualMachines: Kind = {
  type: TYPE,
  label: 'VirtualMachine',
  tracked: true,
  etags: true,
  states: true,
  create: {
    status: 201,
    headers: 'async',
    retryAfter: 10,
    pollRetryAfter: 35,
    seconds: 45,
    state: 'Creating',
    body: 'resource',
  },
  update: { status: 200, headers: 'async', seconds: 10, state: 'Updating', body: 'resource' },
  delete: {
    status: 202,
    headers: 'async+location',
    retryAfter: 10,
    pollRetryAfter: 30,
    seconds: 45,
    state: 'Deleting',
    body: 'empty',
  },
  preemptible: true,
  ownReferences: true,
  checkName: computeName(64),
  prepare: prepareMachine,
  patch(world, resource, body) {
    const allowed = new Set(['tags', 'identity', 'properties']);
    const bad = Object.keys(body).find((key) => !allowed.has(key));
    if (bad !== undefined) throw invalidParameter(bad, `'${bad}' of a virtual machine cannot be changed by PATCH.`);
    const size = text(at(body, 'properties', 'hardwareProfile', 'vmSize'));
    if (size !== undefined && findSize(size) === undefined)
      throw invalidParameter('vmSize', `The value ${size} provided for the VM size is not valid.`);
    const identities = Object.keys(object(at(body, 'identity', 'userAssignedIdentities')));
    const missing = identities.find((id) => findIdentity(world, { resourceId: id }) === undefined);
    if (missing !== undefined) throw invalidParameter('identity', `The identity '${missing}' was not found.`);
    return {
      ...resource.body,
      ...(body['tags'] === undefined ? {} : { tags: body['tags'] }),
      ...(body['identity'] === undefined ? {} : { identity: body['identity'] }),
      properties: {
        ...object(resource.body['properties']),
        ...without(object(body['properties']), 'osProfile', 'storageProfile'),
      },
    };
  },
  accepted(world, machine, created) {
    if (created) createDisks(world, machine);
  },
  failure: allocationFailure,
  failed(world, machine) {
    for (const nic of objects(at(machine.body, 'properties', 'networkProfile', 'networkInterfaces')))
      reserveFor(world, idOf(nic) ?? '', machine.key);
  },
  ready(world, resource) {
    // Also after a create that failed and was repeated.
    if (powerOf(resource) !== 'creating') return;
    const running = { ...resource, hidden: { ...resource.hidden, power: 'running' satisfies Power } };
    world.store.put(running);
    world.machines.start(bootedMachine(world, running), { resumed: false });
  },
  finished: finishPowerAction,
  deleting(world, resource) {
    world.machines.stop(resource.id, 'deleted');
    world.store.put({ ...resource, hidden: { ...resource.hidden, power: 'stopped' satisfies Power } });
  },
  removed(world, resource) {
    for (const id of takenAlong(resource)) {
      const other = world.store.get(id.toLowerCase());
      if (other !== undefined) removeResource(world, other);
    }
  },
  view(world, resource, wire, expand) {
    if (expand?.toLowerCase() !== 'instanceview') return wire;
    return { ...wire, properties: { ...object(wire['properties']), instanceView: instanceView(world, resource) } };
  },
  actions: machineActions,
};
